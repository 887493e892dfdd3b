"""A row that was corrected and charged: its file, uploaded again, says what it said before."""

from __future__ import annotations

import pytest

from lib.domain.runs import RowState, Severity
from lib.errors import InvalidInput, NotAdmitted
from tests.charge_runs import rows_of
from tests.services.runs.test_corrections import correct, imported, payer
from tests.services.runs.test_results_again import STAYS_PROCESSING, execute
from tests.world import GOOD, NO_MONEY, World

HEADER = "customer,amount,currency,reference"


def again(world: World, *lines: str) -> str:
    return imported(world, *lines, header=HEADER)


def is_stopped(world: World, run_id: str) -> bool:
    with pytest.raises(InvalidInput, match="Say why what is stopped may be charged"):
        execute(world, run_id)
    return True


def found(world: World, run_id: str) -> list[list[str]]:
    return [[finding.code for finding in row.findings] for row in rows_of(world, run_id)]


class TestAReference:
    @pytest.mark.parametrize("number", [GOOD, STAYS_PROCESSING])
    def test_the_files_value_is_stopped_with_the_charge_beside_it(
        self, world: World, number: str
    ) -> None:
        ana = payer(world, "ana@orchard.example", number)
        line = "Ana@Orchard.example,10.00,usd,INV-1O1"
        run_id = again(world, line)
        correct(world, run_id, 2, reference="INV-2024/7")
        execute(world, run_id)
        (charged,) = rows_of(world, run_id)
        assert charged.file_customer == ana
        before = world.moved()
        second = again(world, line)
        (row,) = rows_of(world, second)
        (finding,) = [one for one in row.findings if one.code == "corrected_before"]
        assert (finding.severity, finding.about) == (Severity.STOPPED, (charged.charge_id,))
        assert "corrected between this and “INV-2024/7”. INV-2024/7" in finding.message
        assert is_stopped(world, second)
        assert world.moved() == before

    def test_a_single_charge_is_stopped_too(self, world: World) -> None:
        ana = payer(world, "ana@orchard.example")
        run_id = again(world, f"{ana},10.00,usd,OLD")
        correct(world, run_id, 2, reference="NEW-7")
        execute(world, run_id)
        with pytest.raises(NotAdmitted, match="corrected between this and “NEW-7”"):
            world.charge(ana, reference="OLD")

    @pytest.mark.parametrize("number", [2, 3])
    def test_what_the_same_file_has_in_a_row_of_its_own_is_charged(
        self, world: World, number: int
    ) -> None:
        """Two rows had one number by mistake, and one of them was given its own."""
        ana = payer(world, "ana@orchard.example")
        line = f"{ana},10.00,usd,INV-1"
        run_id = again(world, line, line)
        correct(world, run_id, number, reference="INV-2")
        execute(world, run_id)
        assert world.moved() == [(1000, "usd"), (1000, "usd")]
        assert found(world, again(world, line))[0][0] == "already_charged"

    def test_a_correction_that_failed_waits_when_the_files_value_was_paid(
        self, world: World
    ) -> None:
        ana = payer(world, "ana@orchard.example", NO_MONEY)
        run_id = again(world, f"{ana},10.00,usd,OLD")
        correct(world, run_id, 2, reference="NEW-7")
        execute(world, run_id)
        world.save_card(ana)
        execute(world, again(world, f"{ana},10.00,usd,OLD"))
        assert world.moved() == [(1000, "usd")]
        (codes,) = found(world, again(world, f"{ana},10.00,usd,NEW-7"))
        assert "corrected_before" in codes


class TestACustomer:
    def test_the_one_whom_the_file_names_is_stopped(self, world: World) -> None:
        ana, ben = payer(world, "ana@orchard.example"), payer(world, "ben@quarry.example")
        line = "ana@orchard.example,10.00,usd,INV-7"
        run_id = again(world, line)
        correct(world, run_id, 2, customer=ben)
        execute(world, run_id)
        before = world.moved()
        for text in (line, f"{ana},10.00,usd,inv 7"):
            second = again(world, text)
            (row,) = rows_of(world, second)
            (finding,) = [one for one in row.findings if one.code == "corrected_before"]
            assert f"of customer {ben}" in finding.message
        assert is_stopped(world, second)
        assert world.moved() == before

    def test_nobody_else_is(self, world: World) -> None:
        payer(world, "ana@orchard.example")
        ben, cleo = payer(world, "ben@quarry.example"), payer(world, "cleo@harbour.example")
        run_id = again(world, "ana@orchard.example,10.00,usd,INV-7")
        correct(world, run_id, 2, customer=ben)
        execute(world, run_id)
        assert found(world, again(world, f"{cleo},12.00,usd,INV-7")) == [[]]

    def test_whom_the_file_names_is_nobody(self, world: World) -> None:
        ben = payer(world, "ben@quarry.example")
        run_id = again(world, "nobody@orchard.example,10.00,usd,INV-7")
        correct(world, run_id, 2, customer=ben, reference="INV-8")
        execute(world, run_id)
        (charged,) = rows_of(world, run_id)
        assert (charged.state, charged.file_customer) == (RowState.SENT, None)
        (codes,) = found(world, again(world, f"{ben},10.00,usd,INV-7"))
        assert "corrected_before" in codes


class TestOtherCells:
    def test_another_amount_is_the_same_debt(self, world: World) -> None:
        ana = payer(world, "ana@orchard.example")
        line = f"{ana},10.00,usd,INV-7"
        run_id = again(world, line)
        correct(world, run_id, 2, amount="12.00")
        execute(world, run_id)
        assert found(world, again(world, line))[0] == ["already_charged"]
