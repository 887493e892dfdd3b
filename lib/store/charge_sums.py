"""Sums of charges that triggers keep: of any period without reading its charges."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

_KEPT = "SELECT state, currency, n, amount FROM charge_sums WHERE length = ? AND number >= ? AND number < ?"
_READ = (
    "SELECT state, currency, 1 AS n, amount FROM charges WHERE charged_at >= ? AND charged_at < ?"
)
_DAY, _QUARTER = 86_400, 900


@dataclass(frozen=True, slots=True)
class ChargeSum:
    state: str
    currency: str
    count: int
    amount: int
    """Minor units."""


class ChargeSumStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_period(self, since: int, before: int) -> list[ChargeSum]:
        """Charges whose last try lies in it; read themselves only where it begins within a quarter of an hour."""
        parts: list[tuple[str, tuple[int, ...]]] = []
        pieces = [(since, before)]
        for length in (_DAY, _QUARTER):
            left = []
            for start, end in pieces:
                first, last = -(-start // length), end // length
                if first >= last:
                    left.append((start, end))
                    continue
                parts.append((_KEPT, (length, first, last)))
                left += [(start, first * length), (last * length, end)]
            pieces = [(start, end) for start, end in left if start < end]
        parts += [(_READ, piece) for piece in pieces]
        if not parts:
            return []
        rows = self._database.query(
            f"""SELECT state, currency, sum(n) AS n, sum(amount) AS amount
                FROM ({" UNION ALL ".join(sql for sql, _ in parts)})
                GROUP BY state, currency HAVING sum(n) > 0""",
            [value for _, values in parts for value in values],
        )
        return [ChargeSum(row["state"], row["currency"], row["n"], row["amount"]) for row in rows]
