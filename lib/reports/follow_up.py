"""The board of links: how far each customer came, how long ago, and who should be reminded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.clock import Clock, epoch
from lib.domain.link_desk import AGES, BOARD_DAYS, DAY, REMINDER_DAYS, TO_FOLLOW, Stage
from lib.domain.reference_keys import reference_key
from lib.reports.paging import EXPORT_ROWS
from lib.store.connection_pool import ConnectionPool
from lib.store.link_states import FOR_CHARGE, JOINS, OPEN, STAGE
from lib.store.search import match

PAGE_ROWS = 100
# The same rule as link_desk.due_reminder; a test compares them.
_DUE = f"""CASE WHEN l.completed_at IS NOT NULL OR l.revoked_at IS NOT NULL OR l.expires_at <= :now
        OR l.sent_at IS NULL THEN NULL
    WHEN l.reminders = 0 AND l.sent_at + {REMINDER_DAYS[0] * DAY} <= :now THEN 1
    WHEN l.reminders = 1 AND l.sent_at + {REMINDER_DAYS[1] * DAY} <= :now
        AND coalesce(l.reminded_at, 0) + {REMINDER_DAYS[0] * DAY} <= :now THEN 2 END"""
_ALWAYS = ("since", "created_at", "expires_at", "reminders")
_SINCE = "coalesce(l.sent_at, l.created_at)"
_FROM = f"""FROM setup_links l {JOINS}
    LEFT JOIN customers c ON c.id = l.customer
    LEFT JOIN charges h ON h.id = l.charge_id
    LEFT JOIN link_batches b ON b.id = l.batch_id"""


@dataclass(frozen=True, slots=True)
class BoardFilter:
    stage: str | None = None
    """One of Stage; None: those to follow."""
    age: str | None = None
    """One of AGES."""
    due: bool = False
    """Only where a reminder is due."""
    search: str = ""


class FollowUpReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def counts(self, search: str = "") -> tuple[Mapping[str, int], int]:
        """Links of the last BOARD_DAYS by stage, and of how many a reminder is due."""
        sql, parameters = self._where(BoardFilter(search=search), every=True)
        with self._pool.reading() as database:
            rows = list(
                database.query(
                    f"""SELECT {STAGE} AS stage, count(*) AS n, count({_DUE}) AS due
                        FROM setup_links l {JOINS} WHERE {sql} GROUP BY stage""",
                    parameters,
                )
            )
        counts = dict.fromkeys((stage.value for stage in Stage), 0)
        counts |= {row["stage"]: row["n"] for row in rows}
        return counts, sum(row["due"] for row in rows)

    def page(self, which: BoardFilter, *, rows: int = PAGE_ROWS) -> pd.DataFrame:
        """Those that have waited longest first."""
        sql, parameters = self._where(which)
        with self._pool.reading() as database:
            links = database.query(
                f"""SELECT l.id, coalesce(c.name, l.name) AS name, coalesce(c.email, l.email) AS email,
                        l.customer, l.reference, l.purpose, {FOR_CHARGE} AS for_charge, h.amount, h.currency,
                        {STAGE} AS stage, {_DUE} AS due, {_SINCE} AS since, l.created_at,
                        l.sent_at, l.reminders, l.expires_at, l.created_by, b.name AS batch,
                        l.end_reason
                    {_FROM} WHERE {sql} ORDER BY since, l.position LIMIT :rows""",
                {**parameters, "rows": rows},
            )
            # Of objects, or a missing sum would make numbers with a fraction of all others.
            frame = pd.DataFrame(list(links), dtype=object)
        return frame if frame.empty else frame.astype(dict.fromkeys(_ALWAYS, "int64"))

    def ids(self, which: BoardFilter) -> list[str]:
        """Of all rows, in their order."""
        sql, parameters = self._where(which)
        with self._pool.reading() as database:
            links = database.query(
                f"""SELECT l.id, {_SINCE} AS since {_FROM} WHERE {sql}
                    ORDER BY since, l.position LIMIT :rows""",
                {**parameters, "rows": EXPORT_ROWS},
            )
            return [str(link["id"]) for link in links]

    def _where(self, which: BoardFilter, *, every: bool = False) -> tuple[str, dict[str, Any]]:
        now = epoch(self._clock())
        parameters: dict[str, Any] = {
            "now": now,
            "first": (now - BOARD_DAYS * DAY) << 20,
        }
        condition = match(which.search, key=reference_key)
        conditions = ["l.position >= :first"]
        if not every and (which.stage is None or which.stage in TO_FOLLOW):
            # Follows from the stage. Of all links few are open, and without a search the index of those is walked.
            place = "+l.position" if condition is None else "l.position"
            conditions = [f"{place} >= :first AND {OPEN}"]
        if which.stage is not None:
            conditions.append(f"{STAGE} = :stage")
            parameters["stage"] = which.stage
        elif not every:
            open_ = ", ".join(f"'{stage.value}'" for stage in TO_FOLLOW)
            conditions.append(f"{STAGE} IN ({open_})")
        if which.age is not None:
            youngest, oldest = AGES[which.age]
            conditions.append(f"{_SINCE} <= :youngest")
            parameters["youngest"] = now - youngest * DAY
            if oldest is not None:
                conditions.append(f"{_SINCE} > :oldest")
                parameters["oldest"] = now - oldest * DAY
        if which.due:
            conditions.append(f"{_DUE} IS NOT NULL")
        if condition is not None:
            conditions.append(
                "l.position IN (SELECT rowid FROM setup_links_fts WHERE setup_links_fts MATCH :match)"
            )
            parameters["match"] = condition.expression
            words = "(SELECT t.text FROM setup_links_search t WHERE t.position = l.position)"
            texts = {} if condition.is_exact else dict(enumerate(condition.texts))
            either = " OR ".join(f"instr({words}, :text{n}) > 0" for n in texts)
            conditions += [f"({either})"] if either else []
            parameters |= {f"text{n}": text for n, text in texts.items()}
        return " AND ".join(conditions), parameters
