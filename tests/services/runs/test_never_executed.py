"""Rows that Stripe never executed: what is still owed must stay in sight, whenever that is found out."""

from __future__ import annotations

from lib.domain.charges import ChargeState, Outcome
from lib.domain.runs import RunState
from lib.reports.charge_filter import ChargeFilter
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import counts, invoices, payers, rows_of, started
from tests.world import ALICE, BOB, World

FAILURES = ChargeFilter(unresolved=True)


def finished_with_one_unknown(world: World) -> str:
    run_id = started(world, invoices(payers(world, 2)))
    world.fault("error_500_saved")
    world.services.runs.executor.execute(run_id)
    assert world.services.runs.control.find(run_id).state is RunState.FINISHED
    assert counts(world, run_id) == {"succeeded": 1, "unknown": 1}
    return run_id


def is_brought_back(world: World, run_id: str) -> bool:
    """Whichever of the two rows it was: they are sent side by side."""
    lost = next(
        view.row.reference
        for view in world.services.runs.views.rows(run_id)
        if view.state == "planned"
    )
    (row,) = rows_of(world, world.services.runs.retry_runs.create(run_id, by=ALICE).id)
    world.services.runs.control.cancel(row.run_id, by=ALICE)
    (open_row,) = rows_of(world, world.services.runs.retry_runs.create_from_open(by=ALICE).id)
    failures = world.services.reports.charges.page(FAILURES).frame
    assert (row.reference, open_row.reference) == (lost, lost)
    assert list(failures["reference"]) == [lost]
    assert list(failures["reason"]) == ["try_later"]
    assert world.services.reports.waiting.counts()["failures"] == 1
    return True


def test_a_day_after_the_run_has_ended(world: World) -> None:
    run_id = finished_with_one_unknown(world)
    world.clock.advance(hours=25)
    world.services.charge_resolver.resolve_due()
    assert counts(world, run_id) == {"succeeded": 1, "planned": 1}
    assert is_brought_back(world, run_id)


def test_by_two_people_after_the_run_has_ended(world: World) -> None:
    run_id = finished_with_one_unknown(world)
    world.clock.advance(hours=2)
    charge = next(
        view.row.charge_id
        for view in world.services.runs.views.rows(run_id)
        if view.state == "unknown"
    )
    outcomes = world.services.manual_outcomes
    proposal = outcomes.propose(charge, Outcome.NOT_EXECUTED, reason="outage", by=ALICE)
    outcomes.approve(proposal.id, by=BOB, password=PRACTICE_PASSWORD)
    assert is_brought_back(world, run_id)


def test_failures_are_told_by_their_reason(world: World) -> None:
    finished_with_one_unknown(world)
    world.clock.advance(hours=25)
    world.services.charge_resolver.resolve_due()
    charges = world.services.reports.charges
    assert list(charges.reasons(FAILURES)) == ["try_later"]
    assert len(charges.page(FAILURES, reason="try_later").frame) == 1
    assert len(charges.page(FAILURES, reason="bank_refused").frame) == 0


def test_a_row_that_its_run_sends_again_is_no_failure(world: World) -> None:
    run_id = started(world, invoices(payers(world, 1)))
    world.fault("missing_permission")
    world.services.runs.executor.execute(run_id)
    assert world.services.runs.control.find(run_id).state is RunState.STOPPED
    assert counts(world, run_id) == {"planned": 1}
    assert world.services.reports.waiting.counts()["failures"] == 0


def test_after_the_run_was_cancelled_it_is_cancelled_too(world: World) -> None:
    run_id = started(world, invoices(payers(world, 1) * 3))
    world.fault("error_500_saved")
    around = iter([False, False, True])
    world.services.runs.executor.execute(run_id, should_stop=lambda: next(around, True))
    world.services.runs.control.cancel(run_id, by=ALICE)
    assert "unknown" in counts(world, run_id)
    world.clock.advance(hours=25)
    world.services.charge_resolver.resolve_due()
    assert set(counts(world, run_id)) == {"cancelled"}
    charge = rows_of(world, run_id)[0].charge_id
    assert world.services.charges.view(charge).charge.state is ChargeState.CANCELLED
    assert world.moved() == []
