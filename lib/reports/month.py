"""The month on Home: what was recovered, how well charging went by week, how old open failures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.domain.charges import FAILED_STATES, ChargeState
from lib.reports.charge_filter import ChargeFilter, kept_sums
from lib.reports.sums import Sum, counts_of
from lib.store.connection_pool import ConnectionPool

_FAR = 2**53


class Recovery(StrEnum):
    """What made the difference between a failure and the try that was paid."""

    NEW_CARD = "new_card"
    AUTHENTICATED = "authenticated"
    LATER_TRY = "later_try"


@dataclass(frozen=True, slots=True)
class Week:
    since: int
    paid: int
    failed: int
    """By their last try."""


class MonthReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def recovered(self, since: int, before: int) -> list[Sum]:
        """Paid in a period after a failure, whenever that was; `state` is one of Recovery."""
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT r.how AS state, h.currency, count(*) AS n, sum(h.amount) AS amount
                   FROM recoveries r JOIN charges h ON h.id = r.charge_id
                   WHERE r.at >= ? AND r.at < ? GROUP BY 1, 2""",
                (since, before),
            )
            return [Sum(row["state"], row["currency"], row["n"], row["amount"]) for row in rows]

    def weeks(self, moments: Sequence[tuple[int, int]]) -> list[Week]:
        """How charges of each period ended, by number."""
        with self._pool.reading() as database:
            return [
                Week(
                    since,
                    counts.get(ChargeState.SUCCEEDED.value, 0),
                    sum(counts.get(state.value, 0) for state in FAILED_STATES),
                )
                for since, before in moments
                for counts in [
                    counts_of(kept_sums(database, ChargeFilter(since=since, before=before)))
                ]
            ]

    def open_failures(self, since: int | None, before: int | None) -> list[Sum]:
        """Not made good since, of charges whose last try lies in a period."""
        with self._pool.reading() as database:
            rows = database.query(
                """SELECT state, currency, count(*) AS n, sum(amount) AS amount FROM open_failures
                   WHERE charged_at >= ? AND charged_at < ? GROUP BY 1, 2""",
                (since or 0, _FAR if before is None else before),
            )
            return [Sum(row["state"], row["currency"], row["n"], row["amount"]) for row in rows]
