"""Lists that triggers keep are what would be read anew, after whatever happens to charges and refunds."""

from __future__ import annotations

import pytest

from lib.money import Money
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import executed
from tests.kept_lists import check
from tests.lost_files import copied, put_back
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World


def checked(world: World) -> int:
    with world.shell() as shell:
        return check(shell)


def open_references(world: World) -> list[str]:
    return [
        row["reference"]
        for row in world.rows(
            """SELECT h.reference FROM open_failures o JOIN charges h ON h.id = o.charge_id
               ORDER BY h.reference"""
        )
    ]


def test_failures_until_they_are_made_good(world: World) -> None:
    customer = world.customer()
    bad = world.save_card(customer, ALWAYS_DECLINES)
    first = world.charge(customer, reference="A", method=bad).charge
    world.charge(customer, reference="B", method=bad)
    cancelled = world.charge(customer, reference="C", method=bad).charge
    checked(world)
    assert open_references(world) == ["A", "B", "C"]
    world.services.charges.cancel(cancelled.id, by=ALICE)
    good = world.save_card(customer)
    world.clock.advance(days=1)
    # Another charge of the same reference, and the same charge with another card.
    world.charge(customer, reference="B", method=good, amount="7.00")
    checked(world)
    assert open_references(world) == ["A"]
    try_again(world.services.charges, first.id, payment_method=good, by=ALICE)
    assert checked(world) > 4
    assert open_references(world) == []


def test_rows_of_a_run(world: World) -> None:
    customer = world.customer()
    good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
    executed(world, [(customer, good, 1200, "R1"), (customer, bad, 1300, "R2")])
    checked(world)
    assert open_references(world) == ["R2"]


@pytest.mark.parametrize("is_known_before", [True, False])
def test_refunds_of_ours_and_of_the_dashboard(world: World, is_known_before: bool) -> None:
    world.services.users.add_practice_users()
    customer = world.customer()
    world.save_card(customer)
    charge = world.charge(customer, amount="20.00", currency="eur").charge.id
    if is_known_before:
        world.services.sync.run(full=True)
    orders = []
    for amount in (300, 400, 500):
        order = world.services.refunds.request(
            charge, money=Money(amount, "eur"), reason="duplicate", note="Twice", by=ALICE
        )
        checked(world)
        if amount == 300:
            world.services.refunds.reject(order.id, by=BOB, note="No", password=PRACTICE_PASSWORD)
        else:
            world.clock.advance(hours=1)
            world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        orders.append(order.id)
        checked(world)
    world.services.sync.run(full=True)
    checked(world)
    # As if it had been made in the Dashboard, and then as if its charge were taken over later.
    world.change(
        """INSERT INTO stripe_refunds (id, status, customer, charge, payment_intent, amount, currency,
               reason, created, synced_at_ms)
           SELECT 're_theirs', 'requires_action', customer, charge, payment_intent, 1, currency, NULL,
               created + 5, 0 FROM stripe_refunds LIMIT 1"""
    )
    checked(world)
    world.change("UPDATE stripe_refunds SET status = 'succeeded' WHERE id = 're_theirs'")
    assert checked(world) >= 6
    lines = world.rows("SELECT state FROM refund_lines ORDER BY amount")
    assert [row["state"] for row in lines] == ["succeeded", "rejected", "succeeded", "succeeded"]
    world.change("DELETE FROM stripe_refunds")
    checked(world)


def test_fees_until_stripe_has_booked_them(world: World) -> None:
    """In whatever order the charge, its payment at Stripe and the fee become known."""
    customer = world.customer()
    good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)

    def waiting() -> set[str]:
        checked(world)
        rows = world.rows(
            """SELECT h.reference FROM fees_to_come f JOIN charges h ON h.id = f.charge_id"""
        )
        return {row["reference"] for row in rows}

    for reference in ("A", "B", "C"):
        world.charge(customer, reference=reference, method=good)
    world.charge(customer, reference="D", method=bad)
    assert waiting() == {"A", "B", "C"}
    world.services.sync.run()
    world.clock.advance(hours=1)
    world.services.settlement.read()
    assert waiting() == set()
    of_a = "(SELECT payment_intent FROM attempts WHERE reference = 'A')"
    world.change(f"UPDATE stripe_charges SET status = 'pending' WHERE payment_intent = {of_a}")
    assert waiting() == {"A"}
    world.change("UPDATE stripe_charges SET status = 'succeeded'")
    assert waiting() == set()
    world.change(f"DELETE FROM stripe_charges WHERE payment_intent = {of_a}")
    assert waiting() == {"A"}
    world.services.sync.run(full=True)
    assert waiting() == set()
    # The payment and its fee are known before the charge is.
    world.lose_reply()
    world.charge(customer, reference="E", method=good)
    world.clock.advance(hours=1)
    world.services.settlement.read()
    world.services.sync.run(full=True)
    world.services.charge_resolver.resolve_due()
    assert waiting() == set()
    [row] = world.rows("SELECT state FROM charges WHERE reference = 'E'")
    assert row["state"] == "succeeded"


def test_fees_of_charges_that_an_older_copy_does_not_have(world: World) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="A")
    world.services.sync.run()
    copy = copied(world)
    world.charge(customer, reference="B")
    put_back(world, copy)
    world.clock.advance(days=1)
    world.services.sync.run(full=True)
    world.services.settlement.read()
    checked(world)
    assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 1
    checked(world)
    assert not world.rows("SELECT 1 FROM fees_to_come")
