"""
Each of the small files that other systems charged wrongly, from its bytes over submit, approve and start
to the money: as it is, and with what a person answers where it asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices, Hidden
from lib.domain.runs import RunRow, RunState
from lib.errors import InvalidInput
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.spreadsheets.case_files import HEADER, csv_of, sheet_of
from tests.world import ALICE, World

ANA, BEN, CLEO, CASSA = (
    "ana@orchard.example",
    "ben@quarry.example",
    "cleo@harbour.example",
    "cassa@osteria-bianca.example",
)
CAPITAL = "BÜRO@werkstatt-blau.example"
COMMA = Choices(decimal=DecimalSign.COMMA)
# One row that nothing speaks against, so that there is something to approve.
NEW = (CLEO, "7.00", "eur", "NEW-1")
NEW_CENTS = (700, "eur")
Moved = list[tuple[int, str]]


@dataclass(frozen=True)
class Case:
    data: bytes
    moved: Moved
    """By this file, once what it asks was answered."""
    name: str = "file.csv"
    earlier: bytes | None = None
    """Uploaded and charged before."""
    answer: dict[str, Any] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    """Found of the rows that must not be charged."""
    unasked: Moved | None = None
    """What moves where nobody answers; None: the file is refused."""


def numbered(row: tuple[str, float, str, Any], *, code: str) -> bytes:
    """A reference under a number format, and a row that nothing speaks against."""
    new = (NEW[0], float(NEW[1]), *NEW[2:])
    return sheet_of([row, new], formats={(1, 3): code})


HIDDEN = sheet_of(
    [
        (ANA, 120, "eur", "F-101", "open"),
        (BEN, 230, "eur", "F-102", "paid"),
        (CLEO, 340, "eur", "F-103", "open"),
        (BEN, 450, "eur", "F-104", "paid"),
    ],
    header=(*HEADER, "status"),
    hidden_rows=(2, 4),
)
POLISH = [(ANA, "120.00", "eur", "Faktura-Łódź-17"), NEW]
CHINESE = [(ANA, "120.00", "eur", "发票-1"), NEW]
CASES = {
    "a prefix that a format writes": Case(
        numbered((BEN, 1234.5, "eur", 2200), code='"INV-"0000'),
        [NEW_CENTS],
        "a.xlsx",
        csv_of([(BEN, "1234.50", "eur", "INV-2200")]),
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
    "zeros that a format writes": Case(
        numbered((ANA, 120, "eur", 123), code="0000000"),
        [NEW_CENTS],
        "a.xlsx",
        csv_of([(ANA, "120.00", "eur", "0000123")]),
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
    "a reference that became a date": Case(
        numbered((ANA, 120, "eur", 46350), code="d-mmm"),
        [NEW_CENTS],
        "a.xlsx",
        csv_of([(ANA, "120.00", "eur", "11-24")]),
        codes=("reference_is_date",),
        unasked=[NEW_CENTS],
    ),
    "hidden rows, left out": Case(
        HIDDEN,
        [(12_000, "eur"), (34_000, "eur")],
        "a.xlsx",
        answer={"choices": Choices(hidden=Hidden.LEAVE_OUT)},
    ),
    "hidden rows, included": Case(
        HIDDEN,
        [(12_000, "eur"), (23_000, "eur"), (34_000, "eur"), (45_000, "eur")],
        "a.xlsx",
        answer={"choices": Choices(hidden=Hidden.INCLUDE)},
    ),
    "a hidden column beside one that is seen": Case(
        sheet_of(
            [
                (person, due * 10, due, "eur", f"G-{at}")
                for at, (person, due) in enumerate([(ANA, 120), (BEN, 230), (CLEO, 340)])
            ],
            header=("customer", "amount", "Amount due", "currency", "reference"),
            hidden_columns=[1],
        ),
        [(12_000, "eur"), (23_000, "eur"), (34_000, "eur")],
        "a.xlsx",
        unasked=[(12_000, "eur"), (23_000, "eur"), (34_000, "eur")],
    ),
    "a code page": Case(
        csv_of(POLISH, separator=";", encoding="cp1250"),
        [NEW_CENTS],
        earlier=csv_of(POLISH[:1], separator=";"),
        answer={"encoding": "windows-1250"},
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
    "letters of GB18030": Case(
        csv_of(CHINESE, encoding="gb18030"),
        [NEW_CENTS],
        earlier=csv_of(CHINESE[:1]),
        answer={"encoding": "GB18030"},
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
    "a credit note": Case(
        csv_of(
            [
                (ANA, "120.00", "eur", "RE-1", "Invoice"),
                (BEN, "80.00", "eur", "GU-2", "Credit note"),
            ],
            header=(*HEADER, "type"),
        ),
        [(12_000, "eur")],
        codes=("row_is_credit_note",),
        unasked=[(12_000, "eur")],
    ),
    "formats of other currencies": Case(
        sheet_of(
            [(ANA, 120, "eur", "D-1"), (BEN, 230, "eur", "D-2"), (CLEO, 7, "eur", "D-3")],
            formats={(1, 1): "[$$-409]#,##0.00", (2, 1): "[$£-809]#,##0.00"},
        ),
        [NEW_CENTS],
        "a.xlsx",
        codes=("currency_contradicts_format",) * 2,
        unasked=[NEW_CENTS],
    ),
    "a German file": Case(
        csv_of(
            [
                (ANA, "1.234,50", "EUR", "RE-301"),
                (BEN, "80,00", "EUR", "RE-302"),
                ("", "", "", ""),
                (CLEO, "12,5", "EUR", "RE-303"),
            ],
            header=("Kunde", "Betrag", "Währung", "Rechnungsnummer"),
            separator=";",
            encoding="utf-8-sig",
        ),
        [(1_250, "eur"), (8_000, "eur"), (123_450, "eur")],
        answer={"choices": COMMA},
        unasked=[],
    ),
    "one thousand, or one": Case(
        csv_of([(ANA, "1.234", "EUR", "RE-311"), (BEN, "2.500", "EUR", "RE-312")]),
        [(123_400, "eur"), (250_000, "eur")],
        answer={"choices": COMMA},
        unasked=[],
    ),
    "an address in capitals": Case(
        csv_of([("büro@werkstatt-blau.example", "12.00", "eur", "UM-1"), NEW]),
        [NEW_CENTS],
        earlier=csv_of([(CAPITAL, "12.00", "eur", "UM-1")]),
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
    "an address with a letter that is not shown": Case(
        csv_of([("cassa\u2060@osteria-bianca.example", "120.00", "eur", "CP-1"), NEW]),
        [NEW_CENTS],
        earlier=csv_of([(CASSA, "120.00", "eur", "CP-1")]),
        codes=("already_charged",),
        unasked=[NEW_CENTS],
    ),
}


@pytest.fixture(autouse=True)
@made_once
def _people(world: World) -> None:
    for address in (ANA, BEN, CLEO, CASSA, CAPITAL):
        world.save_card(world.customer(address.split("@")[0], email=address))
    world.services.sync.run(full=True)
    world.services.users.add_practice_users()


def to_the_end(
    world: World,
    data: bytes,
    name: str = "file.csv",
    *,
    choices: Choices | None = None,
    encoding: str | None = None,
) -> tuple[list[RunRow], Moved]:
    """Its rows and what they moved; what has no row to charge ends at its draft."""
    runs, before = world.services.runs, len(world.moved())
    upload = runs.files.open(data, name, encoding=encoding)
    run = runs.files.create_run(upload, name="Case", by=ALICE, choices=choices)
    if any(row.state == "planned" for row in rows_of(world, run.id)):
        approve(world, runs.approvals.submit(run.id, by=ALICE))
        runs.control.start(run.id, by=ALICE)
        assert runs.executor.execute(run.id)
        assert runs.control.find(run.id).state is RunState.FINISHED
    else:
        with pytest.raises(InvalidInput):
            runs.approvals.submit(run.id, by=ALICE)
    return rows_of(world, run.id), sorted(world.moved()[before:])


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
class TestFromTheFileToTheMoney:
    def test_with_the_right_answer(self, world: World, case: Case) -> None:
        if case.earlier is not None:
            assert to_the_end(world, case.earlier)[1], "the first upload is charged"
        rows, moved = to_the_end(world, case.data, case.name, **case.answer)
        assert moved == case.moved
        kept = [row for row in rows if row.state == "blocked"]
        found = [{one.code for one in row.findings} for row in kept]
        assert len(found) == len(case.codes)
        assert all(code in codes for code, codes in zip(case.codes, found, strict=True))

    def test_without_an_answer(self, world: World, case: Case) -> None:
        if case.earlier is not None:
            to_the_end(world, case.earlier)
        if case.unasked is None:
            with pytest.raises(InvalidInput) as refused:
                to_the_end(world, case.data, case.name)
            assert refused.value.code == "hidden_unconfirmed"
            return
        assert to_the_end(world, case.data, case.name)[1] == case.unasked

    def test_a_second_upload_charges_nothing_more(self, world: World, case: Case) -> None:
        if case.earlier is not None:
            to_the_end(world, case.earlier)
        to_the_end(world, case.data, case.name, **case.answer)
        rows, moved = to_the_end(world, case.data, case.name, **case.answer)
        assert (moved, {row.state.value for row in rows}) == ([], {"blocked"})
