"""Another file under a draft, and a results file that comes back: which corrections stay."""

from __future__ import annotations

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.runs import RowState
from lib.errors import NotPermitted
from tests.charge_runs import approve, rows_of
from tests.corrected_drafts import (
    codes,
    correct,
    executed,
    imported,
    payer,
    results,
    row,
    upload,
)
from tests.world import ALICE, ALWAYS_DECLINES, World


class TestReplacing:
    def test_decisions_stay_with_rows_that_are_unchanged(self, world: World) -> None:
        one = payer(world, "one@example.com")
        lines = [f"nobody@example.com,{at}0.00,usd,INV-{at},Old {at}," for at in range(1, 7)]
        run_id = imported(world, *lines)
        corrections = world.services.runs.corrections
        for number in range(2, 7):
            correct(world, run_id, number, f"why {number}", customer=one)
        corrections.leave_out(run_id, [7], reason="paid", by=ALICE)
        replacement = world.services.runs.files.replace(
            run_id,
            upload(
                world,
                lines[5],  # left out, now the first
                "nobody@example.com,10.00,usd,INV-1,New text,",
                "nobody@example.com,20.01,usd,INV-2,Old 2,",  # another sum
                "nobody@example.com,30.00,eur,INV-3,Old 3,",  # another currency
                "somebody@example.com,40.00,usd,INV-4,Old 4,",  # another customer
                "nobody@example.com,50.00,usd,INV-5x,Old 5,",  # another reference
                name="may-2.csv",
            ),
            by=ALICE,
        )
        assert replacement.kept == 2
        assert [one.row for one in replacement.dropped] == [3, 4, 5, 6]
        after = rows_of(world, run_id)
        assert [r.state for r in after] == ["cancelled", "planned", *["blocked"] * 4]
        assert after[1].customer == one
        assert after[1].description == "New text"
        assert "why 2" in after[1].findings[-1].message
        assert [entry["row"] for entry in self.entries(world, run_id)] == [2, 3]
        run = world.services.runs.control.find(run_id)
        assert (run.file_name, run.file_version) == ("may-2.csv", 2)

    def test_an_address_in_another_form_is_the_same_customer(self, world: World) -> None:
        run_id = imported(
            world,
            "büro@firma.example,10.00,usd,INV-1,,",
            "info@bücher.example,20.00,usd,INV-2,,",
            "jose\u0301@example.com,30x,usd,INV-3,,",  # decomposed, and an amount that cannot be read
            "anna@example.com,40x,usd,INV-4,,",
        )
        one = payer(world, "one@example.com")
        for number in (2, 3):
            correct(world, run_id, number, customer=one)
        for number in (4, 5):
            correct(world, run_id, number, amount="30.00")
        replacement = world.services.runs.files.replace(
            run_id,
            upload(
                world,
                "BÜRO@Firma.example,10.00,usd,INV-1,,",
                "info@xn--bcher-kva.example,20.00,usd,INV-2,,",
                "JOSÉ@example.com,30x,usd,INV-3,,",
                "Anne@example.com,40x,usd,INV-4,,",
            ),
            by=ALICE,
        )
        assert (replacement.kept, [one.row for one in replacement.dropped]) == (3, [5])
        assert [r.amount for r in rows_of(world, run_id)] == [1_000, 2_000, 3_000, None]

    def test_one_customer_in_two_forms_of_an_address_is_twice_the_same_row(
        self, world: World
    ) -> None:
        run_id = imported(world, "anna@example.com,10.00,usd,INV-1,,")
        correct(world, run_id, 2, description="for May")
        lines = [f"{name}@example.com,10.00,usd,INV-1,," for name in ("anna", "Anna")]
        replacement = world.services.runs.files.replace(run_id, upload(world, *lines), by=ALICE)
        assert replacement.kept == 0
        assert "more than one row" in replacement.dropped[0].why

    def test_two_rows_that_are_the_same_keep_nothing(self, world: World) -> None:
        one = payer(world, "one@example.com")
        line = f"{one},10.00,usd,INV-1,,"
        run_id = imported(world, line)
        correct(world, run_id, 2, description="for May")
        replacement = world.services.runs.files.replace(run_id, upload(world, line, line), by=ALICE)
        assert (replacement.kept, len(replacement.dropped)) == (0, 1)
        assert "more than one row" in replacement.dropped[0].why

    def test_what_could_not_be_read_must_be_the_same_in_every_cell(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12x,usd,INV-1,,", f"{one},13x,usd,INV-2,,")
        correct(world, run_id, 2, amount="12.00")
        correct(world, run_id, 3, amount="13.00")
        replacement = world.services.runs.files.replace(
            run_id, upload(world, f"{one},12x,usd,INV-1,,", f"{one},31x,usd,INV-2,,"), by=ALICE
        )
        assert [one.row for one in replacement.dropped] == [3]
        assert [r.amount for r in rows_of(world, run_id)] == [1_200, None]

    def test_a_row_left_out_before_there_were_entries_stays_out(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},13.00,usd,INV-2,,")
        world.change("UPDATE run_rows SET state = 'cancelled' WHERE number = 2")
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id).state is RowState.CANCELLED
        world.services.runs.files.replace(
            run_id, upload(world, f"{one},13.00,usd,INV-2,,", f"{one},12.00,usd,INV-1,,"), by=ALICE
        )
        assert [r.state for r in rows_of(world, run_id)] == ["planned", "cancelled"]
        assert [entry["by"] for entry in self.entries(world, run_id)] == ["alice"]

    def test_whoever_replaced_the_file_does_not_decide(self, world: World) -> None:
        line = f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,"
        run_id = imported(world, line)
        both = Actor("bob", "Bob", frozenset({Role.APPROVER, Role.OPERATOR}))
        world.services.runs.files.replace(run_id, upload(world, line), by=both)
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(NotPermitted, match="prepared"):
            approve(world, run)

    @staticmethod
    def entries(world: World, run_id: str) -> list[dict[str, object]]:
        return world.services.runs.draft_views.corrections(run_id).as_json()["corrections"]  # type: ignore[return-value]


class TestComingBack:
    def test_a_results_file_brings_its_corrections_along(self, world: World) -> None:
        """Else a reference that was corrected and charged would be the file's again, and be charged."""
        one, poor = (
            payer(world, "one@example.com"),
            payer(world, "poor@example.com", ALWAYS_DECLINES),
        )
        run_id = imported(
            world,
            f"{one},12.00,usd,INV-1,,",
            f"{poor},9.00,usd,INV-2,,",
            f"{one},5.00,usd,INV-3,,",
        )
        correct(world, run_id, 2, "wrong number", reference="INV-9")
        correct(world, run_id, 3, "agreed", amount="8.00", description="For May")
        world.services.runs.corrections.leave_out(run_id, [4], reason="paid", by=ALICE)
        executed(world, run_id)
        assert world.moved() == [(1_200, "usd")]
        world.clock.advance(days=8)
        for name in ("results.csv", "results.xlsx"):
            _, data = world.services.runs.files.results(run_id, name, by=ALICE)
            back = world.services.runs.files.open(data, name)
            again = world.services.runs.files.create_run(back, name="Again", by=ALICE)
            first, second, third = rows_of(world, again.id)
            assert (first.reference, codes(first)[0]) == ("INV-9", "already_charged")
            assert (second.amount, second.description) == (800, "For May")
            assert "another_try" in codes(second)
            assert third.state is RowState.CANCELLED
            assert "by alice: agreed" in second.findings[-1].message
            world.services.runs.control.cancel(again.id, by=ALICE)

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    @pytest.mark.parametrize(
        "reference", ["=1+1", "-", "-5", "+49 30", "'quoted'", "0007", "1.50", "1E5", "Ä-1", '"x"']
    )
    def test_whatever_a_reference_was_corrected_to_comes_back_as_it_was(
        self, world: World, reference: str, ending: str
    ) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,Paper,")
        correct(world, run_id, 2, reference=reference, description="")
        _, data = world.services.runs.files.results(run_id, f"r.{ending}", by=ALICE)
        world.services.runs.control.cancel(run_id, by=ALICE)
        back = world.services.runs.files.open(data, f"r.{ending}")
        again = world.services.runs.files.create_run(back, name="Again", by=ALICE)
        (mended,) = rows_of(world, again.id)
        assert (mended.reference, mended.description) == (reference, None)
        assert mended.cells[3] == "INV-1"

    def test_a_correction_that_cannot_be_read_stops_the_row(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(
            world,
            f"{one},12.00,usd,INV-1,x",
            header=("customer,amount,currency,reference,onfile_amount"),
        )
        assert codes(row(world, run_id)) == ["row_correction_unreadable"]

    def test_another_try_carries_them_too(self, world: World) -> None:
        poor = payer(world, "poor@example.com", ALWAYS_DECLINES)
        run_id = imported(world, f"{poor},9.00,usd,INV-2,,")
        correct(world, run_id, 2, "agreed", amount="8.00", reference="INV-8")
        executed(world, run_id)
        world.clock.advance(days=8)
        again = world.services.runs.retry_runs.create(run_id, by=ALICE)
        (mended,) = rows_of(world, again.id)
        assert (mended.amount, mended.reference, mended.cells[3]) == (800, "INV-8", "INV-2")
        assert mended.original is not None
        assert results(world, again.id)[0]["onfile_reference"] == "INV-8"
