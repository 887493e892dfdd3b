"""Webhook endpoints, to which events are sent. `/v1` lists the endpoints that take snapshots, `/v2` every destination."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lib.practice import account_settings, listing
from lib.practice.ledger import Ledger, Stored
from lib.practice.replies import API_VERSION
from lib.practice.routing import Call, Route


def register(
    ledger: Ledger,
    url: str,
    *,
    enabled_events: tuple[str, ...] = ("*",),
    api_version: str = API_VERSION,
) -> Stored:
    """The endpoint of that URL, made when there is none."""
    for endpoint in ledger.select("webhook_endpoint"):
        if endpoint.payload["url"] == url:
            return endpoint
    return ledger.add(
        "webhook_endpoint",
        {
            "api_version": api_version,
            "application": None,
            "description": None,
            "enabled_events": list(enabled_events),
            "metadata": {},
            "status": "enabled",
            "url": url,
        },
    )


def _list(call: Call) -> dict[str, Any]:
    page = listing.page(call, "webhook_endpoint")
    if account_settings.read(call.ledger.connection).event_payload == "thin":
        page["data"] = []
    return page


def _list_destinations(call: Call) -> dict[str, Any]:
    payload = account_settings.read(call.ledger.connection).event_payload
    shows_url = "webhook_endpoint.url" in call.params.get("include", [])
    destinations = [
        _destination(endpoint.payload, payload, shows_url=shows_url)
        for endpoint in call.ledger.select("webhook_endpoint")
    ]
    return {"data": destinations, "next_page_url": None, "previous_page_url": None}


def _destination(endpoint: dict[str, Any], payload: str, *, shows_url: bool) -> dict[str, Any]:
    created = datetime.fromtimestamp(endpoint["created"], UTC).isoformat(timespec="milliseconds")
    return {
        "id": endpoint["id"].replace("we_", "ed_test_", 1),
        "object": "v2.core.event_destination",
        "amazon_eventbridge": None,
        "azure_event_grid": None,
        "created": created,
        "description": "",
        "enabled_events": endpoint["enabled_events"],
        "event_payload": payload,
        "events_from": ["@self"],
        "livemode": False,
        "metadata": {},
        "name": "Onfile",
        "snapshot_api_version": endpoint["api_version"] if payload == "snapshot" else None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": created,
        "webhook_endpoint": {
            "signing_secret": None,
            "url": endpoint["url"] if shows_url else None,
        },
    }


_READ = "rak_webhook_read"
ROUTES = [
    Route(
        "GET",
        "/v1/webhook_endpoints",
        "WebhookEndpointListParams",
        _READ,
        "webhook_endpoint",
        _list,
        is_list=True,
    ),
    Route(
        "GET",
        "/v2/core/event_destinations",
        "v2.core.EventDestinationListParams",
        _READ,
        "event_destination",
        _list_destinations,
    ),
]
