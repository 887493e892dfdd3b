"""Webhook endpoints and event destinations, as `/v1` and `/v2` show them, and the thin events that these send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lib.domain.mirror import Event
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


def thin_event(data: Json) -> Event:
    """
    As the event of `/v1` whose type it has behind `v1.`; any other is about nothing that Onfile reads.

    https://docs.stripe.com/event-destinations
    """
    subject: Json = data.get("related_object") or {}
    request = (data.get("reason") or {}).get("request")
    return Event(
        id=data["id"],
        type=data["type"].removeprefix("v1."),
        livemode=bool(data["livemode"]),
        api_version=None,
        created=int(datetime.fromisoformat(data["created"]).timestamp()),
        object_id=subject.get("id"),
        object_type=subject.get("type"),
        idempotency_key=request.get("idempotency_key") if isinstance(request, dict) else None,
        account=data.get("context"),
        is_thin=True,
    )
