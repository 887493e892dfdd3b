"""A results file uploaded as a new run: only what is safe is offered again, with its earlier try beside it."""

from __future__ import annotations

import contextlib

import pytest

from lib.domain.runs import RowState, RunState, Severity
from lib.spreadsheets.reading import read_file
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.corrected_drafts import imported
from tests.spreadsheets.case_files import sheet_of
from tests.world import ALICE, GOOD, NO_MONEY, WANTS_AUTHENTICATION, World

LOST = "4000900000000029"
STAYS_PROCESSING = "4000900000000292"
HEADER = "customer,amount,currency,reference"
CARDS = {
    "CHARGED": GOOD,
    "PROCESSING": STAYS_PROCESSING,
    "STOPPED": LOST,
    "MUST-CONFIRM": WANTS_AUTHENTICATION,
    "DECLINED": NO_MONEY,
}


def payers(world: World) -> dict[str, str]:
    made = {}
    for reference, number in CARDS.items():
        made[reference] = world.customer(reference, email=f"{reference.lower()}@example.com")
        world.save_card(made[reference], number)
    return made


@pytest.fixture
@made_once
def run_id(world: World) -> str:
    """Executed to its end: each row came out in another way, and one was never fit."""
    people = payers(world)
    lines = [f"{customer},10.00,usd,{name}" for name, customer in people.items()]
    run_id = imported(world, *lines, "nobody@example.com,5.00,usd,BLOCKED", header=HEADER)
    execute(world, run_id)
    return run_id


def execute(world: World, run_id: str) -> None:
    runs = world.services.runs
    approve(world, runs.approvals.submit(run_id, by=ALICE))
    runs.control.start(run_id, by=ALICE)
    assert runs.executor.execute(run_id)


def uploaded(world: World, run_id: str, ending: str, *more: str) -> str:
    """The results as a new run; `more` is one row of one's own below them."""
    files = world.services.runs.files
    _, data = files.results(run_id, f"results.{ending}", by=ALICE)
    if more and ending == "csv":
        data = data.rstrip() + b"\r\n" + ",".join(more).encode()
    elif more:
        sheet = read_file(data, "results.xlsx")
        data = sheet_of([*(row.cells for row in sheet.rows), more], header=sheet.header)
    return files.create_run(
        files.open(data, f"results.{ending}"), name=f"Again {ending}", by=ALICE
    ).id


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
class TestEveryOutcome:
    def test_at_once_nothing_is_charged(self, world: World, run_id: str, ending: str) -> None:
        fresh = world.customer("Fresh", email="fresh@example.com")
        world.save_card(fresh)
        again_id = uploaded(world, run_id, ending, fresh, "1.00", "usd", "NEW")
        again = {row.reference: row for row in rows_of(world, again_id)}
        assert again.pop("NEW").state is RowState.PLANNED
        assert {name: row.findings[0].code for name, row in again.items()} == {
            "CHARGED": "already_charged",
            "PROCESSING": "already_charged",
            "STOPPED": "card_never_again",
            "MUST-CONFIRM": "retry_not_allowed",
            "DECLINED": "retry_too_early",
            "BLOCKED": "customer_unknown",
        }
        assert all(row.state is RowState.BLOCKED for row in again.values())
        before = world.moved()
        execute(world, again_id)
        assert world.moved() == [*before, (100, "usd")]

    def test_days_later_what_is_safe_is_offered_amber_with_its_earlier_try(
        self, world: World, run_id: str, ending: str
    ) -> None:
        world.clock.advance(days=8)
        again_id = uploaded(world, run_id, ending)
        again = {row.reference: row for row in rows_of(world, again_id)}
        offered = [name for name, row in again.items() if row.state is RowState.PLANNED]
        assert offered == ["DECLINED"]
        (finding,) = again["DECLINED"].findings
        assert (finding.code, finding.severity) == ("another_try", Severity.AMBER)
        assert finding.message == (
            "Tried once without success, last $10.00 on 23 Nov 2026 on Visa ···· 3178: "
            "The bank refused: not enough money on the account, or over a limit."
        )
        before = world.moved()
        execute(world, again_id)
        assert world.services.runs.control.find(again_id).state is RunState.FINISHED
        assert world.moved() == before, "the bank refuses once more, and nothing else was sent"
        attempts = world.rows("SELECT charge_id FROM attempts WHERE run_id = ?", again_id)
        assert len(attempts) == 1

    def test_with_another_card_it_is_collected_once(
        self, world: World, run_id: str, ending: str
    ) -> None:
        declined = next(row for row in rows_of(world, run_id) if row.reference == "DECLINED")
        world.save_card(declined.customer)
        again_id = uploaded(world, run_id, ending)
        offered = [row for row in rows_of(world, again_id) if row.state is RowState.PLANNED]
        assert [row.reference for row in offered] == ["DECLINED"]
        assert "not yet on Visa ···· 4242" in " ".join(f.message for f in offered[0].findings)
        before = len(world.moved())
        execute(world, again_id)
        assert len(world.moved()) == before + 1
        assert not [
            row
            for row in rows_of(world, uploaded(world, again_id, ending))
            if row.state is RowState.PLANNED
        ]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_is_unknown_is_not_charged_again(world: World, ending: str) -> None:
    customer = world.customer(email="one@example.com")
    world.save_card(customer)
    run_id = imported(world, f"{customer},10.00,usd,INV-1", header=HEADER)
    world.fault("error_500_saved")
    execute(world, run_id)
    assert [row["state"] for row in world.rows("SELECT state FROM charges")] == ["unknown"]
    fresh = world.customer("Fresh", email="fresh@example.com")
    world.save_card(fresh)
    again_id = uploaded(world, run_id, ending, fresh, "1.00", "usd", "NEW")
    row, _ = rows_of(world, again_id)
    assert (row.state, row.findings[0].code) == (RowState.BLOCKED, "outcome_unknown")
    before = world.moved()
    execute(world, again_id)
    assert world.moved() == [*before, (100, "usd")]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_was_sent_and_not_heard_of_is_not_charged_again(
    world: World, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died while the bank was asked."""
    customer = world.customer(email="one@example.com")
    world.save_card(customer)
    run_id = imported(world, f"{customer},10.00,usd,INV-1", header=HEADER)
    runs = world.services.runs
    approve(world, runs.approvals.submit(run_id, by=ALICE))
    runs.control.start(run_id, by=ALICE)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(world.services.gateway), "create_payment_intent", dies)
        with contextlib.suppress(KeyboardInterrupt):
            runs.executor.execute(run_id)
    assert [row["state"] for row in world.rows("SELECT state FROM charges")] == ["attempting"]
    (row,) = rows_of(world, uploaded(world, run_id, ending))
    assert (row.state, row.findings[0].code) == (RowState.BLOCKED, "already_charged")
