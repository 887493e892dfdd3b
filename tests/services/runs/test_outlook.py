"""What an approver is told of a run before it is started, from real runs and charges."""

from __future__ import annotations

import pytest

from lib.errors import NotFound
from tests.charge_runs import draft, executed, invoices, payers
from tests.world import ALICE, ALWAYS_DECLINES, World


def outlook(world: World, run_id: str):
    return world.services.runs.outlooks.outlook(run_id)


def test_the_first_run(world: World) -> None:
    found = outlook(world, draft(world, invoices(payers(world, 2))))
    assert found.variance is None
    assert (found.expected, found.charges) == (None, 0)
    assert found.planned == {"usd": 2_003}
    with pytest.raises(NotFound):
        outlook(world, "run_none")


def test_against_the_last_run(world: World) -> None:
    people = payers(world, 3)
    first = executed(world, invoices(people))
    world.clock.advance(days=7)
    more = payers(world, 1)
    rows = [(*people[0], 3_120, "NEXT-1"), (*people[1], 1_002, "NEXT-2"), (*more[0], 5, "NEXT-3")]
    found = outlook(world, draft(world, rows))
    assert found.last_run == first.name
    assert found.variance.new == (more[0][0],)
    assert found.variance.missing == (people[2][0],)
    assert [(c.customer, c.percent) for c in found.variance.changes] == [(people[0][0], 212)]
    assert found.names[people[2][0]] == "Payer 2"
    assert found.charges == 3


def test_a_run_that_tries_failures_again_is_nothing_to_compare_with(world: World) -> None:
    customer = world.customer()
    rows = [(customer, world.save_card(customer, ALWAYS_DECLINES), 500, "INV-1")]
    first = executed(world, rows)
    world.clock.advance(days=3)
    world.services.runs.retry_runs.create(first.id, by=ALICE)
    other = draft(world, [(customer, world.save_card(customer), 500, "INV-2")])
    assert outlook(world, other).last_run == first.name


def test_by_what_came_of_the_customers_charge_before(world: World) -> None:
    good, bad, new = payers(world, 1)[0], world.customer(), world.customer()
    world.save_card(bad, ALWAYS_DECLINES)
    card = world.save_card(new)
    for at in range(3):
        world.clock.advance(minutes=1)
        world.charge(good[0], reference=f"G-{at}")
        world.charge(bad, reference=f"B-{at}")
    run_id = draft(world, [(*good, 100, "R-1"), (bad, card, 10, "R-2"), (new, card, 1, "R-3")])
    with world.services.uow.read() as stores:
        tallies = {
            past.value: (t.paid, t.of) for past, t in stores.history.tallies(since=0).items()
        }
        planned = {past.value: n for (past, _), n in stores.history.planned(run_id).items()}
    assert tallies == {"none": (1, 2), "paid": (2, 2), "failed": (0, 2)}
    assert planned == {"paid": (1, 100), "failed": (1, 10), "none": (1, 1)}
