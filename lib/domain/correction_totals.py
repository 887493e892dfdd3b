"""Sums of corrections, for whoever approves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.domain.correction_fields import LABELS, Field
from lib.money import format_money


@dataclass(frozen=True, slots=True)
class KindTotals:
    """Of one kind of correction: how many rows, and what they come to."""

    rows: int
    sums: Mapping[str, int]
    """Minor units by currency, as corrected; of rows that are left out, what would have been charged."""
    without_sum: int = 0
    """Rows that have no amount, or none that can be read."""

    def in_words(self, field: Field) -> str:
        """ "Customer: 2 rows, €90.00" """
        more = f", {self.without_sum:,} without an amount" if self.without_sum else ""
        sums = f", {_sums(self.sums)}" if self.sums else ""
        return f"{LABELS[field]}: {_rows(self.rows)}{sums}{more}"


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
    kinds: Mapping[Field, KindTotals] = field(default_factory=dict)
    """By cell, in the order of `Field`; a row counts in each of its kinds."""

    def in_words(self) -> str:
        """
        "3 rows corrected. Customer: 2 rows, €90.00. Amount: 1 row, €5.00. Where sums changed: €4.00 in
        the file, €5.00 as corrected. 1 row left out: €5.00."
        """
        parts = (
            [f"{_rows(self.rows - self.left_out)} corrected."] if self.rows > self.left_out else []
        )
        parts += [
            f"{kind.in_words(which)}."
            for which, kind in self.kinds.items()
            if which is not Field.LEFT_OUT
        ]
        if self.file or self.corrected:
            parts.append(
                f"Where sums changed: {_sums(self.file)} in the file, {_sums(self.corrected)} as corrected."
            )
        if self.left_out:
            parts.append(f"{_rows(self.left_out)} left out: {_sums(self.left_out_sums)}.")
        return " ".join(parts)


def _sums(sums: Mapping[str, int] | None) -> str:
    return (
        ", ".join(format_money(amount, code) for code, amount in (sums or {}).items()) or "nothing"
    )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
