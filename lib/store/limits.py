"""Limits of what may be charged with one approval, by currency, and what was charged."""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_utils import Database

from lib.domain.charges import COMMITTED_STATES
from lib.domain.days import day_began
from lib.domain.runs import Limits
from lib.store.meta import TIMEZONE, MetaStore
from lib.store.states import one_of


class LimitStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Limits]:
        """By currency."""
        return {
            row["currency"]: Limits(row["per_charge"], row["per_run"], row["per_day"])
            for row in self._database.query("SELECT * FROM limits ORDER BY currency")
        }

    def set(self, currency: str, limits: Limits, *, by: str, at: int) -> None:
        self._database.execute(
            """INSERT INTO limits (currency, per_charge, per_run, per_day, set_by, set_at)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (currency) DO UPDATE SET
                   per_charge = excluded.per_charge, per_run = excluded.per_run,
                   per_day = excluded.per_day, set_by = excluded.set_by, set_at = excluded.set_at""",
            (currency, limits.per_charge, limits.per_run, limits.per_day, by, at),
        )

    def today_began(self, now: int) -> int:
        """Unix seconds: limits count by the installation's day."""
        return day_began(now, MetaStore(self._database).value(TIMEZONE) or "UTC")

    def charged_since(self, since: int) -> Mapping[str, int]:
        """Minor units by currency that were charged, or may have been, since a moment."""
        rows = self._database.query(
            f"""SELECT currency, sum(amount) AS amount FROM charges
               WHERE state IN {one_of(COMMITTED_STATES)}
                   AND id IN (SELECT charge_id FROM attempts WHERE requested_at >= ?)
               GROUP BY currency""",
            (since,),
        )
        return {row["currency"]: row["amount"] for row in rows}
