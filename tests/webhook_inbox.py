"""Webhook deliveries as Stripe sends them, and the inbox they lie in."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import Future
from typing import Any

from tests.webhook_route import signed
from tests.world import World


def inbox(world: World) -> list[dict[str, Any]]:
    connection = sqlite3.connect(world.settings.database)
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT * FROM webhook_deliveries ORDER BY rowid").fetchall()
    connection.close()
    return [dict(row) for row in rows]


def states(world: World) -> list[str]:
    return [row["state"] for row in inbox(world)]


def event(type_: str = "customer.updated", object_id: str = "cus_1", **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{type_}_{object_id}",
        "object": "event",
        "type": type_,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "created": 1,
        "request": None,
        "data": {"object": {"id": object_id, "object": type_.split(".")[0]}},
    } | more


def receive(
    world: World, body: dict[str, Any] | bytes, *, at: int | None = None, secret: str | None = None
) -> bool:
    return stored(world, body, at=at, secret=secret).result()


def stored(
    world: World, body: dict[str, Any] | bytes, *, at: int | None = None, secret: str | None = None
) -> Future[bool]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = signed(
        raw, secret or world.settings.webhook_secrets[0], at=world.now if at is None else at
    )
    return world.services.webhooks.receive(raw, header)


def bad(world: World) -> str:
    """A customer about whom Stripe never answers."""
    path = "/v1/customers/cus_bad"
    world.stripe.faults.add("GET", path, kind="error_500_unsaved", times=1_000)
    return "cus_bad"


def answers(world: World) -> list[tuple[str, str | None]]:
    return [(row["state"], row["note"]) for row in inbox(world)]
