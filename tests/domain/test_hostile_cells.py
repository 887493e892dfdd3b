"""Cells that are written to stop whoever reads them: they are read, and nobody waits for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from lib.domain.files.no_charges import marks_of
from lib.domain.files.sheets import LONGEST_CELL
from lib.domain.files.typed_sums import written
from lib.errors import InvalidInput
from lib.spreadsheets.styles import styles_of

HEADER = ("customer", "amount", "currency", "reference")
COLUMNS = {name: at for at, name in enumerate(HEADER)}
PATIENCE_SECONDS = 60
"""Milliseconds are needed. What was quadratic took minutes for a cell, and days for a file."""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise AssertionError("It was not read.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("blank", [" ", "\n", "\u00a0"])
def test_a_file_of_blanks(blank: str) -> None:
    """Numbers of credit notes were looked for from each blank on, to the end of all of them."""
    rows = [("cus_1", "1.00", "eur", "!" + blank * LONGEST_CELL + "!")] * 50
    blanks = [("", blank * LONGEST_CELL, "", "")] * 50
    assert marks_of(HEADER, COLUMNS, [*rows, *blanks]).keys == {0, 3}
    credit = [*blanks, ("", "", "", f"#{blank}CN-17")]
    assert marks_of((*HEADER, "x"), COLUMNS, [(*row, "") for row in credit]).watched == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1" + " " * LONGEST_CELL + "!", "1" + " " * LONGEST_CELL + "!"),
        ("1" + "a." * (LONGEST_CELL // 2) + "!", "1" + "a." * (LONGEST_CELL // 2) + "!"),
        ("1" + " a" * (LONGEST_CELL // 2) + "-", "1" + " a" * (LONGEST_CELL // 2) + "-"),
        (" EUR 1.50 Fr. ", "1.50"),
        ("€1.50kr.", "1.50"),
        ("a.b1.c2.d.e", "1.c2."),
    ],
)
def test_a_currency_beside_a_number(text: str, number: str) -> None:
    assert written(text) == number


@pytest.mark.parametrize(
    "inner",
    [
        b"<cellXfs>" + b'<xf numFmtId="0"/>' * 3_000_000 + b"</cellXfs>",
        b"<a>" * 1_000_000 + b"</a>" * 1_000_000,
    ],
)
def test_styles_that_no_program_writes(inner: bytes) -> None:
    """92 KB, packed, kept a thread busy for more than a minute, and nested ones for days."""
    with pytest.raises(InvalidInput, match="far more than a run"):
        styles_of(b"<styleSheet>" + inner + b"</styleSheet>")
