"""Events, for the thirty days that Stripe shows them."""

from __future__ import annotations

import json
from typing import Any

from lib.practice import listing, thin_events
from lib.practice.ledger import Ledger
from lib.practice.replies import invalid, missing
from lib.practice.routing import Call, Route

HORIZON_SECONDS = 30 * 24 * 3600
MOST_TYPES = 20


def with_pending_webhooks(ledger: Ledger, events: list[dict[str, Any]]) -> None:
    """Fills in how many endpoints have yet to answer: there is one at most."""
    marks = ", ".join("?" for _ in events)
    waiting = {
        row["event_id"]
        for row in ledger.connection.execute(
            f"SELECT event_id FROM deliveries WHERE state <> 'delivered' AND event_id IN ({marks})",  # noqa: S608
            [event["id"] for event in events],
        )
    }
    for event in events:
        event["pending_webhooks"] = int(event["id"] in waiting)


def _retrieve(call: Call) -> dict[str, Any]:
    row = call.ledger.connection.execute(
        "SELECT payload FROM events WHERE id = ? AND created > ?",
        (call.ids["event"], call.now - HORIZON_SECONDS),
    ).fetchone()
    if row is None or call.ledger.livemode:
        raise missing("event", call.ids["event"])
    event: dict[str, Any] = json.loads(row["payload"])
    with_pending_webhooks(call.ledger, [event])
    return event


def _retrieve_thin(call: Call) -> dict[str, Any]:
    call.ids["event"] = thin_events.snapshot_id(call.ids["event"])
    return thin_events.whole(_retrieve(call))


def _list(call: Call) -> dict[str, Any]:
    where = ""
    values: list[Any] = []
    types = _types(call.params)
    if types:
        # Only a pattern keeps SQLite from its index.
        test = "type GLOB ?" if any("*" in type_ for type_ in types) else "type = ?"
        where += " AND (" + " OR ".join(test for _ in types) + ")"
        values += types
    if "delivery_success" in call.params:
        where += (
            " AND ? = EXISTS (SELECT 1 FROM deliveries"
            " WHERE event_id = events.id AND state = 'delivered')"
        )
        values.append(int(call.params["delivery_success"]))
    scope = ("created > ?", (call.now - HORIZON_SECONDS,))
    body = listing.page_of(call, "events", scope, "event", where=where, values=values)
    with_pending_webhooks(call.ledger, body["data"])
    return body


def _types(params: dict[str, Any]) -> list[Any]:
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    types = params.get("types", [])
    if len(types) > MOST_TYPES:
        raise invalid(f"You may list up to {MOST_TYPES} types.", param="types")
    if "type" in params:
        types = [params["type"]]
    for type_ in types:
        if not type_.replace(".", "").replace("_", "").replace("*", "").isalnum():
            raise invalid(f"Invalid event type: {type_}", param="type")
    return list(types)


_READ = "rak_event_read"
ROUTES = [
    Route("GET", "/v1/events", "EventListParams", _READ, "event", _list, is_list=True),
    Route(
        "GET",
        "/v2/core/events/{event}",
        "v2.core.EventRetrieveParams",
        _READ,
        "event",
        _retrieve_thin,
    ),
    Route("GET", "/v1/events/{event}", "EventRetrieveParams", _READ, "event", _retrieve),
]
