"""What tests of sync, backfill and verification share: the account as Stripe lists it, and ours beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.mirror import TYPES as LISTED_TYPES
from lib.services.mirror.result import SyncIncomplete, SyncResult
from lib.store.jobs import Job
from tests import stripe_account
from tests.world import World

SESSIONS = "/v1/checkout/sessions"
PATHS = {
    "customers": "/v1/customers",
    "checkout_sessions": SESSIONS,
    "setup_intents": "/v1/setup_intents",
    "payment_intents": "/v1/payment_intents",
    "charges": "/v1/charges",
    "refunds": "/v1/refunds",
    "disputes": "/v1/disputes",
}
TABLES = {name: name for name in LISTED_TYPES} | {
    "charges": "stripe_charges",
    "refunds": "stripe_refunds",
}


def rows(world: World, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in world.rows(sql, *parameters)]


def count(world: World, table: str, where: str = "1") -> int:
    return int(rows(world, f"SELECT count(*) FROM {table} WHERE {where}")[0][0])


def ids(world: World, type_: str) -> set[str]:
    where = {"customers": "is_deleted = 0", "payment_methods": "customer IS NOT NULL"}
    found = rows(world, f"SELECT id FROM {TABLES[type_]} WHERE {where.get(type_, '1')}")
    return {row[0] for row in found}


def cursors(world: World) -> dict[str, int]:
    """By our own clock."""
    sql = "SELECT name, value FROM sync_cursors WHERE name NOT GLOB '*_since'"
    return dict(rows(world, sql))  # type: ignore[arg-type]


def hide_sessions_from_syncs(world: World, *, until: int | None = None) -> None:
    """As if newer ones than all of now were read: only a verification looks at these again."""
    with world.services.uow.write() as stores:
        stores.sync.set_cursor("checkout_sessions", until or world.now)
        stores.sync.set_news_since("checkout_sessions", until or world.now)


def listed_ids(world: World, type_: str) -> set[str]:
    """Every id that Stripe lists, of customers' methods one customer after the other."""
    if type_ == "payment_methods":
        found: set[str] = set()
        for customer in listed_ids(world, "customers"):
            found |= _all(world, f"/v1/customers/{customer}/payment_methods")
        return found
    return _all(world, PATHS[type_])


def _all(world: World, path: str) -> set[str]:
    found: set[str] = set()
    after: dict[str, str] = {}
    while True:
        page = stripe_account.get(world, path, limit="100", **after)
        found |= {one["id"] for one in page["data"]}
        if not page["has_more"]:
            return found
        after = {"starting_after": page["data"][-1]["id"]}


def assert_complete(world: World) -> None:
    """Every type holds what Stripe lists, and nothing besides."""
    for type_ in LISTED_TYPES:
        ours, theirs = ids(world, type_), listed_ids(world, type_)
        assert ours == theirs, f"{type_}: {len(theirs - ours)} missing, {len(ours - theirs)} extra"


def session_elsewhere(world: World, customer: str | None = None) -> str:
    """A setup session that some other program made."""
    owner = {"customer": customer} if customer else {}
    made = stripe_account.post(
        world, SESSIONS, mode="setup", currency="usd", success_url="https://example.com", **owner
    )
    return str(made["id"])


def customer_elsewhere(world: World, name: str = "Else") -> str:
    return str(stripe_account.post(world, "/v1/customers", email="e@example.com", name=name)["id"])


def paid_elsewhere(world: World, customer: str, method: str, **more: Any) -> str:
    """A payment that some other program made; returns the PaymentIntent's id."""
    params: dict[str, Any] = {
        "amount": "1234",
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": "true",
        "off_session": "true",
        "allowed_payment_method_types": ["card"],
    } | more
    return str(stripe_account.post(world, "/v1/payment_intents", **params)["id"])


def deny(world: World, *permissions: str) -> None:
    """From now on the services use a restricted key that lacks these."""
    world.settings = replace(world.settings, stripe_secret_key="rk_test_lacking")
    world.stripe.faults.deny(world.settings.stripe_secret_key, *permissions)
    world.rebuild()


class Requests(Counter[str]):
    """Requests since the beginning, by path."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.before_each: Callable[[str, dict[str, Any]], None] = lambda path, params: None

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> Requests:
    """What the services ask of Stripe from now on."""
    seen = Requests()
    client = world.services.gateway.client
    ask = client.raw_request

    def looking(method: str, path: str, **params: Any) -> Any:
        seen[path] += 1
        seen.asked.append((path, params))
        seen.before_each(path, params)
        return ask(method, path, **params)

    monkeypatch.setattr(client, "raw_request", looking)
    return seen


def incomplete(run: Callable[[], object]) -> SyncResult:
    """What was done, of a run that must report a permission that is missing."""
    with pytest.raises(SyncIncomplete) as told:
        run()
    return told.value.result


def latest(world: World, kind: str) -> Job:
    job = world.services.sync.latest(kind)
    assert job is not None
    return job
