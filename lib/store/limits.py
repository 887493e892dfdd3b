"""Limits of what may be charged with one approval, by currency, and what was charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.charges import COMMITTED_STATES
from lib.domain.days import day_began
from lib.domain.limits import Limits, LimitsInForce
from lib.store.meta import DAYS_CLOSED_UNTIL, MetaStore
from lib.store.states import one_of


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A try, whatever came of it."""

    place: int
    """Attempts are never deleted, so the order in which they were written down."""
    charge_id: str
    number: int
    currency: str
    amount: int


_ASKED_FOR = """SELECT a.rowid AS place, a.charge_id, a.number, c.currency, c.amount
    FROM attempts a CROSS JOIN charges c ON c.id = a.charge_id"""


class LimitStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Limits]:
        """Those that somebody set, by currency; for all others the default holds."""
        return {one.currency: one.limits for one in self.of_people()}

    def of_people(self) -> list[LimitsInForce]:
        """With who set them."""
        return [
            LimitsInForce(
                row["currency"],
                Limits(row["per_charge"], row["per_run"], row["per_day"]),
                row["set_by"],
                row["set_at"],
            )
            for row in self._database.query("SELECT * FROM limits ORDER BY currency")
        ]

    def currencies_in_use(self) -> list[str]:
        """Of the newest charges and runs."""
        rows = self._database.query(
            """SELECT DISTINCT currency FROM (
                   SELECT currency FROM (
                       SELECT currency FROM charges ORDER BY created_at DESC, id DESC LIMIT 1000)
                   UNION ALL SELECT key FROM (
                       SELECT totals FROM runs ORDER BY created_at DESC, id DESC LIMIT 100),
                       json_each(totals)) ORDER BY currency"""
        )
        return [row["currency"] for row in rows]

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
        meta = MetaStore(self._database)
        began = day_began(now, meta.timezone)
        return max(began, int(meta.value(DAYS_CLOSED_UNTIL) or 0))

    def charged_since(self, since: int) -> Mapping[str, int]:
        """Minor units by currency that were charged, or may have been, since a moment."""
        rows = self._database.query(
            f"""SELECT currency, sum(amount) AS amount FROM charges
               WHERE +state IN {one_of(COMMITTED_STATES)}
                   AND id IN (SELECT charge_id FROM attempts WHERE requested_at >= ?)
               GROUP BY currency""",
            (since,),
        )
        return {row["currency"]: row["amount"] for row in rows}

    def newest_try(self) -> AskedFor | None:
        """The last one that Stripe was asked for, or is about to be."""
        rows = self._database.query(f"{_ASKED_FOR} ORDER BY a.rowid DESC LIMIT 1")
        return next((AskedFor(**row) for row in rows), None)

    def tries_from(self, place: int) -> list[AskedFor]:
        """That one and all that came later, in order."""
        rows = self._database.query(f"{_ASKED_FOR} WHERE a.rowid >= ? ORDER BY a.rowid", (place,))
        return [AskedFor(**row) for row in rows]
