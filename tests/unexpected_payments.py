"""What Stripe has and the ledger did not expect: made the way it happens, and the incident about it."""

from __future__ import annotations

from typing import Any

from lib.domain.charges import ChargeState, Outcome
from lib.domain.incidents import CONFLICT, Incident
from lib.domain.mirror import Decline
from lib.services.charges.view import ChargeView
from tests.stripe_account import post
from tests.world import ALICE, ALWAYS_DECLINES, World


def marked_payment(world: World, customer: str, *, amount: int = 1234, **more: Any) -> str:
    """A payment at Stripe with our marks that this ledger did not send: marks can be changed or left out."""
    confirm = more.pop("confirm", True)
    with world.uow.read() as stores:
        saved = stores.mirror.payment_methods_of(customer)
    method = next(one.id for one in saved if one.last4 != ALWAYS_DECLINES[-4:])
    marks = {
        "onfile_charge_id": "chg_lost",
        "onfile_attempt": "1",
        "onfile_reference": "INV-1",
        "onfile_installation": world.installation,
        **{f"onfile_{name}": value for name, value in more.items()},
    }
    return str(
        post(
            world,
            "/v1/payment_intents",
            amount=str(amount),
            currency="usd",
            customer=customer,
            payment_method=method,
            allowed_payment_method_types=["card"],
            metadata={name: value for name, value in marks.items() if value is not None},
            **({"off_session": "true", "confirm": "true"} if confirm else {}),
        )["id"]
    )


def the_incident(world: World, kind: str) -> Incident:
    with world.uow.read() as stores:
        (incident,) = stores.incidents.open(kind=kind)
    return incident


def never_executed(world: World, view: ChargeView) -> None:
    """A day went by, and Stripe had no trace of the try."""
    with world.uow.write() as stores:
        assert stores.charges.record_outcome(
            view.charge.id,
            1,
            before=Outcome.UNKNOWN,
            after=Outcome.NOT_EXECUTED,
            evidence="no_trace",
            at=world.now,
            next_look_at=None,
            payment_intent=None,
            http_status=None,
            request_id=None,
            decline=Decline(),
        )
        assert stores.charges.move(
            view.charge.id, before=ChargeState.UNKNOWN, after=ChargeState.PLANNED, at=world.now
        )


def paid_late(world: World, customer: str) -> ChargeView:
    """A try that seemed never executed; cancelled by hand; and then the payment turned up."""
    world.lose_reply()
    view = world.charge(customer, reference="INV-1", amount="10")
    never_executed(world, view)
    world.services.charges.cancel(view.charge.id, by=ALICE)
    world.services.sync.run_now(by=ALICE, full=True)
    return world.services.charges.view(view.charge.id)


def conflict(world: World, customer: str, **marks: Any) -> Incident:
    """What a rebuild cannot take over."""
    world.services.sync.run_now(by=ALICE)
    marked_payment(world, customer, **marks)
    world.services.rebuilds.rebuild(by=ALICE)
    return the_incident(world, CONFLICT)
