"""The month on Home: what was recovered and how, weeks, ages; each number is that of its list."""

from __future__ import annotations

import pytest

from lib.reports.charge_filter import ChargeFilter
from lib.reports.month import Recovery, Week
from lib.reports.sums import Sum, count_of
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, WANTS_AUTHENTICATION, World

EVER = (0, 2**40)


def recovered(world: World) -> dict[str, int]:
    return {one.state: one.count for one in world.services.reports.month.recovered(*EVER)}


@pytest.mark.parametrize(
    ("number", "is_same_card", "how"),
    [
        (ALWAYS_DECLINES, False, Recovery.NEW_CARD),
        (WANTS_AUTHENTICATION, False, Recovery.NEW_CARD),
        (WANTS_AUTHENTICATION, True, Recovery.AUTHENTICATED),
        (ALWAYS_DECLINES, True, Recovery.LATER_TRY),
    ],
)
@pytest.mark.parametrize("is_new_charge", [False, True])
def test_what_made_the_difference(
    world: World, number: str, is_same_card: bool, how: Recovery, is_new_charge: bool
) -> None:
    customer = world.customer()
    bad = world.save_card(customer, number)
    failed = world.charge(customer, reference="A", method=bad)
    assert recovered(world) == {}
    world.clock.advance(days=3)
    good = world.save_card(customer)
    if is_same_card:
        world.change(
            """UPDATE payment_methods SET fingerprint =
                (SELECT fingerprint FROM payment_methods WHERE id = :good) WHERE id = :bad""",
            good=good,
            bad=bad,
        )
    if is_new_charge:
        world.charge(customer, reference="A", method=good, amount="9.99")
    else:
        try_again(world.services.charges, failed.charge.id, payment_method=good, by=ALICE)
    [one] = world.services.reports.month.recovered(*EVER)
    assert one == Sum(how, "usd", 1, 999 if is_new_charge else 1234)
    # On the day of the try that was paid, and in the list of exactly these.
    [row] = world.rows("SELECT at FROM recoveries")
    assert row["at"] == world.now
    for wanted, count in ((how.value, 1), ("any", 1), ("none", 0)):
        which = ChargeFilter(since=world.now, before=world.now + 1, recovered=wanted)
        assert count_of(world.services.reports.charges.sums(which)) == count, wanted
        assert len(world.services.reports.charges.page(which).frame) == count
    earlier = ChargeFilter(before=world.now, recovered="any")
    assert not world.services.reports.charges.sums(earlier)


def test_what_was_paid_at_once_or_never_is_no_recovery(world: World) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="A")
    bad = world.save_card(customer, ALWAYS_DECLINES)
    view = world.charge(customer, reference="B", method=bad)
    world.clock.advance(days=3)
    try_again(world.services.charges, view.charge.id, payment_method=bad, by=ALICE)
    assert recovered(world) == {}


def test_weeks_and_open_failures(world: World) -> None:
    customer = world.customer()
    good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
    start = world.now
    world.charge(customer, reference="A", method=good)
    world.charge(customer, reference="B", method=bad)
    world.clock.advance(days=7)
    world.charge(customer, reference="C", method=good)
    month = world.services.reports.month
    week = 7 * 86_400
    assert month.weeks(
        [(start - week, start), (start, start + week), (start + week, start + 2 * week)]
    ) == [
        Week(start - week, 0, 0),
        Week(start, 1, 1),
        Week(start + week, 1, 0),
    ]
    assert month.open_failures(None, None) == [Sum("declined", "usd", 1, 1234)]
    assert month.open_failures(start, start + 1) == [Sum("declined", "usd", 1, 1234)]
    assert month.open_failures(start + 1, None) == month.open_failures(None, start) == []
