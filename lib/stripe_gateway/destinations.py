"""Where Stripe sends events, as `/v1` and `/v2` show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.domain.webhook_endpoints import WebhookEndpoint

Json = Mapping[str, Any]


def webhook_endpoint(data: Json) -> WebhookEndpoint:
    return WebhookEndpoint(
        data["url"], data["status"], data.get("api_version"), frozenset(data["enabled_events"])
    )


def event_destination(data: Json) -> WebhookEndpoint:
    """Of `/v2`, which also has those that send thin events."""
    return WebhookEndpoint(
        (data.get("webhook_endpoint") or {}).get("url"),
        data["status"],
        data.get("snapshot_api_version"),
        frozenset(type_.removeprefix("v1.") for type_ in data["enabled_events"]),
        is_thin=data["event_payload"] == "thin",
    )
