"""How fast a run goes, and which others are executed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import pytest

from tests.beginnings import made_once
from tests.charge_runs import approved, executed, invoices, payers, started
from tests.stopped_runs import one_payer
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
@made_once
def run_id(world: World) -> str:
    """A run whose four rows were charged just now; the first and the last were refused."""
    good, bad = payers(world, 2), payers(world, 2, ALWAYS_DECLINES)
    return executed(world, invoices([bad[0], *good, bad[1]])).id


def pace(world: World, run_id: str) -> float:
    return world.services.reports.runs.pace(run_id)


def ended(world: World, run_id: str, seconds_ago: Iterable[int], outcome: str = "declined") -> None:
    with sqlite3.connect(world.settings.database) as shell:
        # Forged: a declined attempt never becomes one that was not executed.
        shell.execute("DROP TRIGGER IF EXISTS attempts_take_steps_in_order")
        for row, seconds in enumerate(seconds_ago, start=2):
            shell.execute(
                "UPDATE attempts SET outcome_at = ?, outcome = ? WHERE run_id = ? AND run_row = ?",
                (world.now - seconds, outcome, run_id, row),
            )


class TestRowCounts:
    def test_by_state_and_how_many_came_before(self, world: World, run_id: str) -> None:
        count = world.services.reports.runs.row_counts
        assert count(run_id) == {"declined": (2, 0), "succeeded": (2, 0)}
        assert count(run_id, after=3) == {"declined": (2, 1), "succeeded": (2, 1)}

    def test_of_what_was_searched_for(self, world: World, run_id: str) -> None:
        frame, _ = world.services.reports.runs.rows(run_id)
        sought = str(frame["reference"].iloc[0])
        counts = world.services.reports.runs.row_counts(run_id, search=sought)
        assert counts == {"declined": (1, 0)}


class TestPace:
    def test_of_the_last_minute(self, world: World, run_id: str) -> None:
        world.clock.advance(seconds=50)
        assert pace(world, run_id) == 0, "at the moment of the start itself"
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute("UPDATE attempts SET outcome_at = outcome_at + 5")
        assert pace(world, run_id) == 4 / 50, "it began less than a minute ago"
        world.clock.advance(seconds=14)
        assert pace(world, run_id) == 4 / 60
        world.clock.advance(seconds=1)
        assert pace(world, run_id) == 0

    def test_time_paused_does_not_count(self, world: World) -> None:
        run_id = executed(world, one_payer(world, 3), canary=1).id
        world.clock.advance(minutes=30)
        world.services.runs.control.resume(run_id, by=ALICE)
        assert pace(world, run_id) == 0
        assert world.services.runs.executor.execute(run_id)
        world.clock.advance(seconds=4)
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute("UPDATE attempts SET outcome_at = ? WHERE run_row > 2", (world.now - 2,))
        assert pace(world, run_id) == 2 / 4

    def test_rows_that_were_never_sent_do_not_count(self, world: World) -> None:
        people = payers(world, 3)
        run_id = started(world, invoices(people))
        for _, method in people:
            world.services.payment_methods.detach(method, by=ALICE)
        world.clock.advance(seconds=5)
        assert world.services.runs.executor.execute(run_id)
        assert pace(world, run_id) == 0

    @pytest.mark.parametrize("outcome", ["unknown", "not_executed"])
    def test_nor_those_that_have_not_ended(self, world: World, run_id: str, outcome: str) -> None:
        world.clock.advance(seconds=10)
        ended(world, run_id, [5], "declined")
        assert pace(world, run_id) == 1 / 10
        ended(world, run_id, [5], outcome)
        assert pace(world, run_id) == 0

    def test_nor_other_runs(self, world: World, run_id: str) -> None:
        other = approved(world, [(*payer, 500, "O-1") for payer in payers(world, 1)])
        world.services.runs.control.start(other.id, by=ALICE)
        world.clock.advance(seconds=10)
        ended(world, run_id, [5])
        assert pace(world, other.id) == 0

    def test_is_found_by_index(self, world: World, run_id: str) -> None:
        from lib.reports import runs

        with sqlite3.connect(world.settings.database) as shell:
            plan = str(
                shell.execute(f"EXPLAIN QUERY PLAN {runs.ENDED}", (0, run_id, 0, 0)).fetchall()
            )
            begun = str(shell.execute(f"EXPLAIN QUERY PLAN {runs.BEGUN}", (run_id,)).fetchall())
        assert "attempts_by_requested" in plan
        assert "audit_log_by_subject" in begun


def test_which_others_are_executed(world: World) -> None:
    one, two = (started(world, [(*payer, 500, "O-1")]) for payer in payers(world, 2))
    reports = world.services.reports.runs
    assert reports.executed_now(besides=two) == []
    assert world.services.runs.executor.take(one) is not None
    name = world.services.runs.control.find(one).name
    assert reports.executed_now(besides=two) == [name]
    assert reports.executed_now(besides=one) == []
    assert world.services.runs.control.find(one).has_executor(world.now)
    world.clock.advance(seconds=4)
    assert reports.executed_now(besides=two) == []
    assert not world.services.runs.control.find(one).has_executor(world.now)


def test_the_list_says_of_a_finished_run_what_its_rows_say(world: World) -> None:
    """By an index over failed tries; `outcome` counts the rows."""
    good, bad = payers(world, 3), payers(world, 1, ALWAYS_DECLINES)
    executed(world, invoices([good[0]]))
    executed(world, invoices([good[1], bad[0]]))
    first = executed(world, one_payer(world, 1))
    approved(world, one_payer(world, 1))
    frame = world.services.reports.runs.page().frame
    views = {id_: world.services.runs.views.run(id_) for id_ in frame["id"]}
    assert first.id in views
    assert {
        id_: bool(has) for id_, has in zip(frame["id"], frame["has_failures"], strict=True)
    } == {id_: view.outcome == "with_failures" for id_, view in views.items()}
    assert sum(frame["has_failures"]) == 1
