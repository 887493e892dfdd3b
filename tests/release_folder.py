"""
The data folder that a release leaves behind, small: `python -m tests.release_folder 0.1.0`.

Made once, with the code of that release, and kept in tests/fixtures/releases; later code is tested
with it (tests/test_releases.py). Everything goes through the services, over practice Stripe; what died
halfway died where a process is killed.
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from lib.domain.charges import ChargeState, Outcome
from lib.domain.runs import RunState
from lib.money import Money
from lib.services.charges.view import ChargeView
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.stripe_gateway.gateway import StripeGateway
from tests import stripe_account
from tests.charge_runs import (
    approved,
    draft,
    executed,
    invoices,
    payers,
    rows_of,
    started,
    submitted,
)
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, BOB, WANTS_AUTHENTICATION, World, new_world

RELEASES = Path(__file__).parent / "fixtures" / "releases"
IBAN = "DE89370400440532013000"


def fill(world: World) -> None:
    world.services.users.add_practice_users()
    links(world)
    double_payment(world)
    world.services.sync.run(full=True)
    runs(world)
    charges(world)


def links(world: World) -> None:
    """One of each status; the clock goes on a month, so the first ones expire."""
    links = world.services.links
    for number in (1, 2):
        links.create(form_key=f"old-{number}", guest=True, by=ALICE)
    world.clock.advance(days=31)
    links.create(form_key="open", email="open@example.com", by=ALICE)
    revoked = links.create(form_key="revoked", guest=True, by=ALICE)
    links.expire(revoked.link.id, by=ALICE)
    world.save_card(None)


def double_payment(world: World) -> None:
    """Paid by us and, with our metadata, by somebody in the Stripe Dashboard."""
    customer, _ = payers(world, 1)[0]
    world.fault("missing_permission")
    charge = world.charge(customer, reference="TWICE-1").charge
    try_again(world.services.charges, charge.id, by=ALICE)
    stripe_account.post(
        world,
        "/v1/payment_intents",
        amount=str(charge.amount),
        currency=charge.currency,
        customer=charge.customer,
        payment_method=charge.payment_method,
        confirm="true",
        off_session="true",
        allowed_payment_method_types=["card"],
        metadata={"onfile_charge_id": charge.id, "onfile_attempt": "1"},
    )


def runs(world: World) -> None:
    good, bad = payers(world, 5), payers(world, 1, ALWAYS_DECLINES)
    finished = executed(world, invoices([*good, *bad]))
    world.services.runs.certificates.certify(finished.id, by=ALICE)
    draft(world, invoices(good, 20))
    submitted(world, invoices(good, 30))
    approved(world, invoices(good, 40))
    rejected = submitted(world, invoices(good, 50))
    world.services.runs.approvals.reject(
        rejected.id,
        digest=rejected.digest or "",
        by=BOB,
        password=PRACTICE_PASSWORD,
        reason="one too many",
    )
    cancelled = started(world, invoices(good, 60))
    world.services.runs.control.cancel(cancelled, by=ALICE)
    paused = executed(world, invoices(good, 70), canary=1)
    assert paused.state is RunState.PAUSED
    started(world, invoices(good, 80))
    blocked = started(world, invoices(payers(world, 1), 90))
    (row,) = rows_of(world, blocked)
    world.services.payment_methods.detach(row.payment_method or "", by=ALICE)
    assert world.services.runs.executor.execute(blocked)


def charges(world: World) -> None:
    """One in every state, a refund of each kind that waits, and an outcome that people settle."""
    (customer, _), *_ = payers(world, 1)
    paid = world.charge(customer, reference="PAID-1").charge
    for cents in (300, 200):
        order = world.services.refunds.request(
            paid.id,
            money=Money(cents, paid.currency),
            reason="requested_by_customer",
            note="sent back",
            by=ALICE,
        )
        if cents == 300:
            world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    debtor = world.customer()
    world.save_card(debtor, IBAN, currency="eur")
    expect(world.charge(debtor, currency="eur", reference="DEBIT-1"), ChargeState.PROCESSING)
    (poor, _), *_ = payers(world, 1, ALWAYS_DECLINES)
    expect(world.charge(poor, reference="DECLINED-1"), ChargeState.DECLINED)
    given_up = world.charge(poor, reference="CANCELLED-1")
    expect(world.services.charges.cancel(given_up.charge.id, by=ALICE), ChargeState.CANCELLED)
    (strict, _), *_ = payers(world, 1, WANTS_AUTHENTICATION)
    expect(world.charge(strict, reference="AUTHENTICATE-1"), ChargeState.NEEDS_CUSTOMER)
    world.fault("missing_permission")
    expect(world.charge(customer, reference="PLANNED-1"), ChargeState.PLANNED)
    world.fault("error_500_saved")
    lost = expect(world.charge(customer, reference="UNKNOWN-1"), ChargeState.UNKNOWN)
    world.clock.advance(hours=2)
    world.services.manual_outcomes.propose(
        lost.charge.id, Outcome.NOT_EXECUTED, reason="nothing in the Dashboard", by=ALICE
    )
    with patch.object(StripeGateway, "create_payment_intent", side_effect=SystemExit):
        try:
            world.charge(customer, reference="ATTEMPTING-1", amount="77.00")
        except SystemExit:
            return
    raise AssertionError("the process lives")


def expect(view: ChargeView, state: ChargeState) -> ChargeView:
    assert view.charge.state is state, view.charge
    return view


def make(release: str) -> Path:
    target = RELEASES / release / "onfile.db.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with new_world(Path(folder)) as world:
            fill(world)
            with closing(sqlite3.connect(world.settings.database)) as shell:
                shell.execute("VACUUM INTO ?", (str(copy),))
        with copy.open("rb") as plain, gzip.GzipFile(target, "wb", mtime=0) as packed:
            shutil.copyfileobj(plain, packed)
    return target


if __name__ == "__main__":
    print(make(sys.argv[1]).relative_to(Path.cwd()))
