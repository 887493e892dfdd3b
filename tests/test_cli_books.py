"""Charges of a period on the command line: days of the installation, sums, and files for accountants."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from python_calamine import CalamineWorkbook

from lib.domain.days import period_of
from lib.spreadsheets.reading import read_file
from tests.commands import Run, commands_of
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, World

BERLIN = "Europe/Berlin"


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    world.settings = replace(world.settings, timezone=BERLIN)
    world.rebuild()
    return commands_of(world, capsys, monkeypatch)


@dataclass(frozen=True)
class Month:
    """Two charges a quarter of an hour on either side of a month's edge in Berlin, and a refusal."""

    customer: str
    november: str
    december: str
    declined: str


@pytest.fixture
def month(world: World, run: Run) -> Month:
    customer = world.customer("=Acme & Söhne")
    world.save_card(customer)
    other = world.customer("Declined Ltd")
    world.save_card(other, ALWAYS_DECLINES)
    edge = datetime(2026, 12, 1, tzinfo=ZoneInfo(BERLIN))
    world.clock.advance(seconds=edge.timestamp() - 900 - world.clock().timestamp())
    november = world.charge(customer, reference="INV-1", amount="12.34").charge.id
    world.clock.advance(minutes=1)
    declined = world.charge(other, reference="INV-2", amount="20.00").charge.id
    world.clock.advance(minutes=29)
    december = world.charge(customer, reference="INV-3", amount="1000", currency="jpy").charge.id
    return Month(customer, november, december, declined)


def ids_of(said_json: dict[str, object]) -> list[str]:
    return [charge["charge_id"] for charge in said_json["charges"]]  # type: ignore[attr-defined]


def test_a_charge_lies_in_the_month_of_the_installations_clock(run: Run, month: Month) -> None:
    november = run(
        "--json", "--as", "vera", "charges", "list", "--from", "2026-11-01", "--to", "2026-11-30"
    )
    assert november.status == 0
    assert sorted(ids_of(november.json)) == sorted([month.november, month.declined])
    assert november.json["totals"] == {"usd": {"succeeded": 1_234, "declined": 2_000}}
    december = run("--json", "--as", "vera", "charges", "list", "--from", "2026-12-01")
    assert ids_of(december.json) == [month.december]
    assert december.json["totals"] == {"jpy": {"succeeded": 1_000}}


def test_by_state_customer_and_reference(run: Run, month: Month) -> None:
    def listed(*filters: str) -> list[str]:
        return ids_of(run("--json", "--as", "vera", "charges", "list", *filters).json)

    assert listed() == [month.november, month.declined, month.december]
    assert listed("--state", "declined") == [month.declined]
    assert listed("--customer", month.customer) == [month.november, month.december]
    assert listed("--reference", "inv-3") == [month.december]
    assert listed("--reference", "INV-9") == []


def test_a_charge_that_was_tried_again_belongs_to_the_later_day(run: Run, world: World) -> None:
    customer = world.customer()
    world.save_card(customer, ALWAYS_DECLINES)
    first = world.clock().astimezone(ZoneInfo(BERLIN)).date()
    charge = world.charge(customer).charge.id
    world.clock.advance(days=3)
    world.save_card(customer)
    assert try_again(world.services.charges, charge, by=ALICE).charge.state.value == "succeeded"
    day = ("--from", str(first), "--to", str(first))
    assert run("--json", "--as", "vera", "charges", "list", *day).json == {
        "charges": [],
        "totals": {},
    }
    later = run("--json", "--as", "vera", "charges", "list", "--from", str(first)).json
    assert later["totals"] == {"usd": {"succeeded": 1_234}}


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        (("--from", "01.11.2026"), "date_invalid"),
        (("--to", "2026-11-31"), "date_invalid"),
        (("--from", "2026-11-30", "--to", "2026-11-01"), "period"),
    ],
)
def test_days_that_are_none(run: Run, dates: tuple[str, ...], code: str) -> None:
    answer = run("--json", "--as", "vera", "charges", "list", *dates)
    assert (answer.status, answer.error["code"]) == (1, code)


def test_a_workbook_adds_up(run: Run, month: Month, world: World, tmp_path: Path) -> None:
    out = tmp_path / "november.xlsx"
    period = ("--from", "2026-11-01", "--to", "2026-11-30")
    answer = run("--json", "--as", "vera", "charges", "export", *period, "--out", str(out))
    assert answer.json == {"rows": 2, "totals": {"usd": {"succeeded": 1_234, "declined": 2_000}}}
    book = CalamineWorkbook.from_path(str(out))
    assert book.sheet_names == ["Charges", "Fields", "Sums"]
    heading, *rows = book.get_sheet_by_name("Charges").to_python()
    assert heading[0] == "Date (Europe/Berlin)"
    columns = {name: place for place, name in enumerate(heading)}
    assert sum(row[columns["Amount"]] for row in rows) == pytest.approx(32.34)
    assert {str(row[0]) for row in rows} == {"2026-11-30 23:45:00", "2026-11-30 23:46:00"}
    assert {row[columns["Currency"]] for row in rows} == {"USD"}
    assert {row[columns["Customer"]] for row in rows} == {"'=Acme & Söhne", "Declined Ltd"}
    fields = {row[0]: row[1] for row in book.get_sheet_by_name("Fields").to_python()[1:]}
    assert (fields["Date (Europe/Berlin)"], fields["Why it failed"]) == ("charged_at", "reason")
    sums = book.get_sheet_by_name("Sums").to_python()[1:]
    assert sums == [["USD", "Declined", 1, 20], ["USD", "Succeeded", 1, 12.34]]
    shown = read_file(out.read_bytes(), out.name).rows[0].cells[columns["Amount"]]
    assert shown in ("12.34", "20.00")


def test_a_csv_file_says_its_offset(run: Run, month: Month, tmp_path: Path) -> None:
    out = tmp_path / "december.csv"
    answer = run(
        "--json", "--as", "vera", "charges", "export", "--from", "2026-12-01", "--out", str(out)
    )
    assert answer.json["rows"] == 1
    (row,) = csv.DictReader(io.StringIO(out.read_text("utf-8-sig")))
    assert row["Date (Europe/Berlin)"] == "2026-12-01T00:15:00+01:00"
    assert (row["Amount"], row["Currency"], row["Refunded"]) == ("1000", "JPY", "")
    assert row["Customer"] == "'=Acme & Söhne"


def test_what_leaves_is_on_record(run: Run, month: Month, world: World, tmp_path: Path) -> None:
    state = ("--state", "declined")
    assert (
        run("--as", "vera", "charges", "export", *state, "--out", str(tmp_path / "a.csv")).status
        == 0
    )
    (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'charges.export'")
    assert entry["actor"] == "vera"
    assert json.loads(entry["detail"]) == {"filter": {"state": "declined"}, "rows": 1}


def test_a_place_that_takes_no_file(run: Run, month: Month, tmp_path: Path) -> None:
    answer = run(
        "--json", "--as", "vera", "charges", "export", "--out", str(tmp_path / "no" / "a.csv")
    )
    assert (answer.status, answer.error["code"]) == (1, "invalid_input")


def test_the_night_in_which_clocks_are_changed(run: Run) -> None:
    day = date(2026, 10, 25)
    since, before = period_of(day, day, BERLIN)
    assert before - since == 25 * 3_600
    assert datetime.fromtimestamp(since, UTC).isoformat() == "2026-10-24T22:00:00+00:00"


class TestMonthEnd:
    def test_news_is_read_first_and_the_pack_is_the_same_again(
        self, run: Run, month: Month, world: World, tmp_path: Path
    ) -> None:
        world.services.sync.run(full=True)
        world.clock.advance(days=6)
        close = ("--json", "--as", "bob", "month-end", "2026-11", "--out")
        answer = run(*close, str(tmp_path / "a.zip"))
        assert answer.status == 0
        assert answer.json["totals"] == {"usd": {"succeeded": 1_234, "declined": 2_000}}
        assert (answer.json["closing"], answer.json["fees_unknown"], answer.json["notes"]) == (
            1,
            0,
            [],
        )
        assert "summary.html" in answer.json["files"]
        again = run(*close, str(tmp_path / "b.zip"))
        assert again.json["closing"] == 1
        assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()

    def test_before_everything_was_read_it_says_so(
        self, run: Run, month: Month, tmp_path: Path
    ) -> None:
        answer = run(
            "--json", "--as", "bob", "month-end", "2026-11", "--out", str(tmp_path / "a.zip")
        )
        assert "Not everything was read" in answer.json["notes"][0]

    def test_a_month_that_is_none(self, run: Run, tmp_path: Path) -> None:
        answer = run("--json", "--as", "bob", "month-end", "Nov", "--out", str(tmp_path / "a.zip"))
        assert (answer.status, answer.error["code"]) == (1, "month_invalid")
