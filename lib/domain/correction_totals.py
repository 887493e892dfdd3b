"""Sums of corrections, for whoever approves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.domain.corrections import DraftRow
from lib.money import Money, format_money


@dataclass(frozen=True, slots=True)
class CorrectionTotals:
    """What corrections come to, for whoever approves. Sums are minor units by currency."""

    rows: int = 0
    """Rows with a corrected cell, and rows that were left out."""
    file: Mapping[str, int] | None = None
    """What the file says of the rows with a corrected amount or currency."""
    corrected: Mapping[str, int] | None = None
    """The same rows as corrected."""
    left_out: int = 0
    left_out_sums: Mapping[str, int] | None = None

    def in_words(self) -> str:
        """ "3 rows corrected. Sums: €90.00 in the file, €95.00 as corrected. 1 left out: €5.00." """
        parts = (
            [f"{_rows(self.rows - self.left_out)} corrected."] if self.rows > self.left_out else []
        )
        if self.file or self.corrected:
            parts.append(
                f"Where sums changed: {_sums(self.file)} in the file, {_sums(self.corrected)} as corrected."
            )
        if self.left_out:
            parts.append(f"{_rows(self.left_out)} left out: {_sums(self.left_out_sums)}.")
        return " ".join(parts)


def totals(rows: Sequence[DraftRow]) -> CorrectionTotals:
    """Of rows with a decision; others may be among them."""
    file: dict[str, int] = {}
    now: dict[str, int] = {}
    left_out: dict[str, int] = {}
    decided = out = 0
    for row in rows:
        decided += row.is_decided
        out += row.is_left_out
        as_corrected = row.corrected.money
        if row.is_left_out:
            _add(left_out, as_corrected)
        elif as_corrected != row.request.money:
            _add(file, row.request.money)
            _add(now, as_corrected)
    return CorrectionTotals(decided, file, now, out, left_out)


def _add(sums: dict[str, int], money: Money | None) -> None:
    if money is not None:
        sums[money.currency] = sums.get(money.currency, 0) + money.amount


def _sums(sums: Mapping[str, int] | None) -> str:
    return (
        ", ".join(format_money(amount, code) for code, amount in (sums or {}).items()) or "nothing"
    )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
