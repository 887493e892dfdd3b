"""What tests of the ledger share: payments made elsewhere, and a charge looked at again."""

from __future__ import annotations

from lib.services.charges.view import ChargeView
from tests.world import World

KEY = {"Authorization": "Bearer sk_test_practice"}


def ask_stripe(world: World, path: str, **params: object) -> dict[str, object]:
    """Somebody acts in the Stripe Dashboard."""
    reply = world.stripe.handle("POST", path, dict(params), KEY)
    assert reply.status == 200, reply.body
    return reply.body


def intent_of(view: ChargeView) -> str:
    assert view.last is not None
    assert view.last.payment_intent is not None
    return view.last.payment_intent


def reread(world: World, view: ChargeView) -> ChargeView:
    return world.services.charges.view(view.charge.id)


def looked(world: World, view: ChargeView) -> ChargeView:
    world.services.charge_resolver.resolve_due()
    return reread(world, view)


def paid_by_hand(world: World, view: ChargeView, **changes: object) -> str:
    """A payment made elsewhere that carries our metadata."""
    charge = view.charge
    params: dict[str, object] = {
        "amount": str(charge.amount),
        "currency": charge.currency,
        "customer": charge.customer,
        "payment_method": charge.payment_method,
        "confirm": "true",
        "off_session": "true",
        "allowed_payment_method_types": ["card"],
        "metadata": {"onfile_charge_id": charge.id, "onfile_attempt": "1"},
    } | changes
    return str(ask_stripe(world, "/v1/payment_intents", **params)["id"])
