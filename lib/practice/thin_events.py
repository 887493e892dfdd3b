"""Thin events: what a destination gets that asked for ids instead of whole objects.

Stripe's pages recommend them for new destinations. They name the object and hold nothing of it, are
not bound to a version of the API, and come from `/v2`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_ID_PREFIX = "evt_thin_"
_PATHS = {"checkout.session": "checkout/sessions"}


def notification(event: dict[str, Any]) -> dict[str, Any]:
    """What is delivered in place of a snapshot event."""
    shown = event["data"]["object"]
    kind = shown["object"]
    path = _PATHS.get(kind, f"{kind}s")
    request = event["request"]
    is_requested = request["id"] is not None
    return {
        "id": _ID_PREFIX + event["id"].removeprefix("evt_"),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).isoformat(timespec="milliseconds"),
        "livemode": False,
        "reason": {"type": "request", "request": request} if is_requested else None,
        "related_object": {"id": shown["id"], "type": kind, "url": f"/v1/{path}/{shown['id']}"},
        "type": f"v1.{event['type']}",
    }


def whole(event: dict[str, Any]) -> dict[str, Any]:
    """What `/v2/core/events` answers: as thin, with the snapshot's id."""
    return notification(event) | {"changes": None, "snapshot_event": event["id"]}


def snapshot_id(thin_id: str) -> str:
    return "evt_" + thin_id.removeprefix(_ID_PREFIX)
