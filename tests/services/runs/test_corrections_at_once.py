"""Two people who mend one draft at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.correction_fields import Field
from lib.domain.runs import RowState
from lib.errors import StaleState
from tests.charge_runs import rows_of
from tests.corrected_drafts import (
    codes,
    correct,
    imported,
    payer,
    row,
    upload,
)
from tests.world import ALICE, World

CAROL = Actor("carol", "Carol Operator", frozenset({Role.OPERATOR}))


@contextmanager
def while_judging(world: World, monkeypatch: pytest.MonkeyPatch, act) -> Iterator[None]:
    """`act` happens once, in another thread, after the rows were read and before they are written."""
    judge = world.services.runs.drafts.judge
    original, pending = judge.judged, [act]

    def judged(*args: object, **kwargs: object) -> object:
        rows = original(*args, **kwargs)  # type: ignore[arg-type]
        if pending:
            thread = threading.Thread(target=pending.pop())
            thread.start()
            thread.join()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(judge, "judged", judged)
        yield


class TestTwoPeople:
    def test_two_rows_at_once_are_both_corrected(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},9.00,usd,INV-2,,")
        corrections = world.services.runs.corrections

        def carol() -> None:
            corrections.correct(run_id, [3], {Field.REFERENCE: "INV-1"}, reason="c", by=CAROL)

        with while_judging(world, monkeypatch, carol):
            correct(world, run_id, 2, amount="13.00")
        first, second = rows_of(world, run_id)
        assert (first.amount, second.reference) == (1_300, "INV-1")
        assert "reference_repeated" in codes(second)

    def test_two_rows_that_get_one_reference_are_noticed(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},9.00,usd,INV-2,,")
        corrections = world.services.runs.corrections

        def carol() -> None:
            corrections.correct(run_id, [3], {Field.REFERENCE: "INV-9"}, reason="c", by=CAROL)

        with while_judging(world, monkeypatch, carol):
            correct(world, run_id, 2, reference="INV-9")
        first, second = rows_of(world, run_id)
        assert (first.state, second.state) == (RowState.PLANNED, RowState.BLOCKED)
        assert "reference_repeated" in codes(second)

    def test_one_row_is_not_changed_unseen(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        corrections = world.services.runs.corrections
        seen = world.services.runs.draft_views.corrections(run_id).version
        corrections.correct(run_id, [2], {Field.AMOUNT: "13.00"}, reason="c", by=CAROL)
        with pytest.raises(StaleState, match="carol changed row 2"):
            corrections.correct(
                run_id, [2], {Field.AMOUNT: "14.00"}, reason="a", by=ALICE, seen=seen
            )
        assert row(world, run_id).amount == 1_300

    def test_checking_again_loses_no_correction(self, world: World, monkeypatch) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        with while_judging(world, monkeypatch, lambda: correct(world, run_id, 2, amount="13.00")):
            world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id).amount == 1_300

    def test_a_file_replaced_meanwhile_is_not_written_over(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,")
        other = upload(world, f"{one},50.00,usd,INV-5,,")

        def carol() -> None:
            world.services.runs.files.replace(run_id, other, by=CAROL)

        with (
            while_judging(world, monkeypatch, carol),
            pytest.raises(StaleState, match="another file"),
        ):
            correct(world, run_id, 2, description="For May")
        (only,) = rows_of(world, run_id)
        assert (only.amount, only.reference, only.description) == (5_000, "INV-5", None)

    def test_a_row_of_a_file_that_was_replaced_is_not_changed_unseen(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,")
        seen = world.services.runs.draft_views.corrections(run_id).version
        world.services.runs.files.replace(
            run_id, upload(world, f"{one},50.00,usd,INV-5,,"), by=CAROL
        )
        with pytest.raises(StaleState, match="another file"):
            world.services.runs.corrections.leave_out(run_id, [2], reason="x", by=ALICE, seen=seen)

    def test_submitted_meanwhile(self, world: World, monkeypatch) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")

        def submit() -> None:
            world.services.runs.approvals.submit(run_id, by=ALICE)

        with while_judging(world, monkeypatch, submit), pytest.raises(StaleState):
            correct(world, run_id, 2, amount="13.00")
        assert row(world, run_id).amount == 1_200
