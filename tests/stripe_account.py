"""What happens at Stripe without Onfile: in its Dashboard, by another program, by time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lib.practice.ledger import Ledger
from tests.world import World

_HEADERS = {"Authorization": "Bearer sk_test_practice"}


def ask(world: World, method: str, path: str, **params: Any) -> dict[str, Any]:
    """One request that Onfile does not make; parameters as a form would carry them."""
    reply = world.stripe.handle(method, path, params, _HEADERS)
    assert reply.status == 200, reply.body
    return reply.body


def get(world: World, path: str, **params: Any) -> dict[str, Any]:
    return ask(world, "GET", path, **params)


def post(world: World, path: str, **params: Any) -> dict[str, Any]:
    return ask(world, "POST", path, **params)


def make_default(world: World, customer: str, method: str) -> None:
    """As staff do in the Dashboard; the mirror learns of it."""
    post(
        world,
        f"/v1/customers/{customer}",
        invoice_settings={"default_payment_method": method},
    )
    world.services.customers.refresh(customer)


def delete(world: World, path: str) -> dict[str, Any]:
    return ask(world, "DELETE", path)


def listed(world: World, path: str, **params: Any) -> list[dict[str, Any]]:
    """The newest hundred."""
    found: list[dict[str, Any]] = get(world, path, limit="100", **params)["data"]
    return found


def events(world: World, *types: str) -> list[dict[str, Any]]:
    """As a webhook endpoint would receive them, newest first."""
    return [e for e in listed(world, "/v1/events") if not types or e["type"] in types]


def answer_dispute(world: World, dispute: str) -> None:
    """Evidence was handed in: the bank looks at it now."""
    world.stripe.alter(dispute, {"status": "under_review"})

    def tell(ledger: Ledger) -> None:
        ledger.emit("charge.dispute.updated", ledger.get("dispute", dispute))

    world.stripe.write(tell)


@contextmanager
def requests_of(world: World) -> Iterator[list[str]]:
    """Method and path of each request that reaches practice Stripe meanwhile, in order."""
    requests: list[str] = []
    handle = world.stripe.handle

    def listed(method: str, path: str, *rest: Any) -> Any:
        requests.append(f"{method} {path}")
        return handle(method, path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.stripe, "handle", listed)
        yield requests
