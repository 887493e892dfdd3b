"""Webhook endpoints at Stripe, and in which respects one differs from what Onfile needs."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.event_types import EVENT_TYPES, MORE_EVENT_TYPES

THIN_ADVICE = "This destination sends thin events: choose snapshot."
_NEEDED = (*EVENT_TYPES, *MORE_EVENT_TYPES)


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    url: str | None
    status: str
    api_version: str | None
    """Of its events; thin ones have none."""
    events: frozenset[str]
    """As `/v1` names them; `*` for all."""
    is_thin: bool = False

    def is_at(self, url: str) -> bool:
        return self.url is not None and self.url.rstrip("/") == url

    @property
    def missing(self) -> tuple[str, ...]:
        """Types that Onfile needs and that do not arrive here."""
        if "*" in self.events:
            return ()
        return tuple(sorted(type_ for type_ in _NEEDED if type_ not in self.events))


def problem(endpoint: WebhookEndpoint) -> str | None:
    """Why news stays out."""
    if endpoint.status != "enabled":
        return (
            f"Stripe sends nothing there: the endpoint is {endpoint.status}. Enable it in the Stripe "
            "Dashboard, under Developers, Webhooks."
        )
    if endpoint.missing:
        return (
            f"The endpoint does not get {', '.join(endpoint.missing)}. Add them in the Stripe "
            "Dashboard, under Developers, Webhooks."
        )
    return None


def advice(endpoint: WebhookEndpoint, *, api_version: str) -> str:
    """What works and could be better; empty where nothing could."""
    if endpoint.is_thin:
        return f"{THIN_ADVICE} Onfile reads each object at Stripe meanwhile, so nothing is missed."
    if endpoint.api_version != api_version:
        return (
            f"Its events have API version {endpoint.api_version or 'of the account'}; Onfile speaks "
            f"{api_version} and reads each object anew, so this does no harm."
        )
    return ""
