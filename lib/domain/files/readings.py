"""The reading of a file: what its cells, letters and signs were taken for, and which rows were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from lib.domain.files.encodings import label
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.row_errors import spans
from lib.domain.files.sheets import Sheet
from lib.errors import InvalidInput
from lib.money import format_money

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class Hidden(StrEnum):
    """What becomes of rows that nobody sees in the spreadsheet."""

    INCLUDE = "include"
    LEAVE_OUT = "leave-out"


class HiddenUnconfirmed(InvalidInput):
    """Nobody said what becomes of what is hidden, or what cannot be done with it."""

    def __init__(self, question: str, choices: Sequence[Hidden]) -> None:
        super().__init__(question, field="hidden", code="hidden_unconfirmed")
        self.choices = tuple(choices)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person said about a file; None where nothing was said."""

    decimal: DecimalSign | None = None
    hidden: Hidden | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Rows of one kind that are hidden or struck out, with what they come to."""

    why: str
    """hidden, struck_out or hidden_sheet"""
    rows: tuple[int, ...]
    totals: Mapping[str, int] = field(default_factory=dict)
    """Minor units by currency, of those that can be read."""
    sheet: str = ""
    """Of a hidden sheet."""
    either: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """While nobody has said how the amounts are written: what they come to by decimal sign, instead of `totals`."""
    unread: int = 0
    """Rows whose amount cannot be read, in no sign; they are in no sum."""

    def in_words(self) -> str:
        count = len(self.rows)
        rows = f"{count:,} row" if count == 1 else f"{count:,} rows"
        sums = " or ".join(
            f"{_in_words(sums) or 'no amount that can be read'} (decimal {sign})"
            for sign, sums in self.either.items()
        ) or _in_words(self.totals)
        unread = f"{self.unread:,} without an amount that can be read" if self.unread else ""
        words = ", ".join(filter(None, (sums, unread)))
        with_sums = f" with {words}" if words else ""
        place = (
            f"the hidden sheet “{self.sheet[:40]}”"
            if self.sheet
            else f"row{'' if count == 1 else 's'} {spans(self.rows)}"
        )
        word = {"hidden": "hidden", "struck_out": "struck out"}.get(self.why, "")
        return f"{rows} {word + ' ' if word else ''}({place}){with_sums}"


def _in_words(sums: Mapping[str, int]) -> str:
    return ", ".join(format_money(amount, code) for code, amount in sums.items())


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one file, in full."""

    source: str
    """text, pasted or workbook"""
    sheet: str | None
    header_row: int
    encoding: str | None
    encoding_is_certain: bool
    delimiter: str | None
    decimal: DecimalSign | None
    """None while a person has to say it."""
    decimal_proposal: DecimalSign | None
    columns: Mapping[str, str]
    """Our column to its heading."""
    hidden: Hidden | None
    unseen: tuple[Unseen, ...] = ()
    hidden_choices: tuple[Hidden, ...] = ()
    """What can be done with what is hidden."""
    encoding_examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """While the encoding is not certain: cells as they read in each that is likely."""
    left_out: int = 0
    """Rows that are not in the run, as nobody sees them in the spreadsheet."""

    @classmethod
    def of(
        cls,
        sheet: Sheet,
        known: Mapping[str, int],
        *,
        kept: int,
        decimal: DecimalSign | None,
        decimal_proposal: DecimalSign | None = None,
        hidden: Hidden | None,
        unseen: tuple[Unseen, ...],
        hidden_choices: tuple[Hidden, ...],
    ) -> Reading:
        """
        Args:
            known: which cell holds what, of our columns.
            kept: rows that are read.
        """
        origin = sheet.origin
        return cls(
            source=origin.kind,
            sheet=origin.sheet,
            header_row=origin.header_row,
            encoding=origin.encoding,
            encoding_is_certain=origin.encoding_is_certain,
            delimiter=origin.delimiter,
            decimal=decimal,
            decimal_proposal=decimal_proposal,
            columns={name: sheet.header[index] for name, index in known.items()},
            hidden=hidden,
            unseen=unseen,
            hidden_choices=hidden_choices,
            encoding_examples=origin.letters_examples,
            left_out=len(sheet.rows) - kept,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "unseen": [asdict(one) | {"becomes": self._becomes(one)} for one in self.unseen]
        }

    def in_words(self) -> str:
        """One paragraph."""
        parts = [f"sheet “{self.sheet}”"] if self.sheet else []
        parts.append(f"heading in row {self.header_row}")
        if self.encoding:
            guess = "" if self.encoding_is_certain else " (proposed, not confirmed)"
            parts.append(f"letters as {label(self.encoding)}{guess}")
        if self.delimiter:
            parts.append(f"columns separated by {_DELIMITERS.get(self.delimiter, self.delimiter)}")
        if "amount" in self.columns:
            parts.append(
                f"decimal {self.decimal.value}" if self.decimal else "decimal sign not confirmed"
            )
        parts.append(", ".join(f"{name} from “{head[:40]}”" for name, head in self.columns.items()))
        if self.unseen:
            parts.append(
                "; ".join(f"{one.in_words()}: {self._becomes(one)}" for one in self.unseen)
            )
        return "Read with " + "; ".join(part for part in parts if part) + "."

    def _becomes(self, unseen: Unseen) -> str:
        if self.hidden is None:
            return "not decided"
        is_in = self.hidden is Hidden.INCLUDE and not unseen.sheet
        return "included" if is_in else "left out"


def not_counted(reading: Mapping[str, Any] | None) -> str:
    """
    A sentence on the rows that are in the file and not in the run, as nobody sees them in the spreadsheet; empty
    without any.

    Args:
        reading: as it is kept with a run.
    """
    if not reading:
        return ""
    parts = [
        Unseen(
            one["why"],
            tuple(one["rows"]),
            one["totals"],
            one["sheet"],
            one.get("either", {}),
            one.get("unread", 0),
        ).in_words()
        for one in reading.get("unseen", ())
        if one["sheet"] or reading["hidden"] == Hidden.LEAVE_OUT
    ]
    if not parts:
        return ""
    return f"Left out when the file was read, and counted nowhere: {'; '.join(parts)}."
