"""What pages show of charges: lists, one charge's timeline, sums."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lib.clock import Clock, epoch
from lib.domain.charges import ChargeState
from lib.domain.declines import EXPLANATIONS, Reason, explain, shown_code
from lib.reports.paging import EXPORT_ROWS, PAGE_ROWS, Page, Query, page_of, reading, records
from lib.store.charges import decline_of

FAILED = (ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER)
_CHARGES = Query(
    """SELECT h.id, h.customer, coalesce(c.name, c.email, h.customer) AS name, c.email,
           h.reference, h.amount, h.currency, h.state, h.created_by, h.created_at, h.updated_at,
           h.payment_method, m.brand, m.last4, m.type, a.number AS attempts, a.outcome,
           a.outcome_at, a.requested_at, a.http_status, a.request_id, a.payment_intent, a.code,
           a.decline_code, a.advice_code, a.network_decline_code, a.network_advice_code,
           a.outcome_type, a.message, a.looks, a.next_look_at, l.token AS recovery_token,
           h.created_at AS page_time, h.id AS page_id
       FROM charges h
       LEFT JOIN customers c ON c.id = h.customer
       LEFT JOIN payment_methods m ON m.id = h.payment_method
       LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
           (SELECT max(number) FROM attempts WHERE charge_id = h.id)
       LEFT JOIN setup_links l ON l.charge_id = h.id AND l.revoked_at IS NULL
           AND l.completed_at IS NULL""",
    "h.created_at",
    "h.id",
)
_INTEGERS = (
    "amount", "created_at", "updated_at", "attempts", "outcome_at", "requested_at", "looks",
    "next_look_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: int
    actor: str
    attempt: int | None
    kind: str
    detail: dict[str, object]


class ChargeReports:
    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def page(
        self, *, states: tuple[str, ...] = (), search: str = "", customer: str | None = None,
        since: int | None = None, cursor: str | None = None, rows: int = PAGE_ROWS,
    ) -> Page:  # fmt: skip
        """Charges, newest first; `reason`, `what_happened` and `next_step` say why one failed."""
        query = _CHARGES.matching(
            search,
            ("h.reference", "coalesce(c.name, c.email)", "c.email", "h.id", "h.customer",
             "a.payment_intent"),
        )  # fmt: skip
        if states:
            query = query.where(f"h.state IN ({', '.join('?' * len(states))})", *states)
        if customer is not None:
            query = query.where("h.customer = ?", customer)
        if since is not None:
            query = query.where("h.created_at >= ?", since)
        with reading(self._path) as database:
            page = page_of(database, query, cursor=cursor, rows=rows, integers=_INTEGERS)
        reasons = [_reason(row) for row in records(page.frame)]
        page.frame["reason"] = [reason.value if reason else "" for reason in reasons]
        page.frame["what_happened"] = [
            EXPLANATIONS[reason].staff if reason else "" for reason in reasons
        ]
        page.frame["next_step"] = [
            EXPLANATIONS[reason].next_step if reason else "" for reason in reasons
        ]
        page.frame["decline_code"] = [shown_code(code) for code in page.frame["decline_code"]]
        return page

    def export(
        self, *, states: tuple[str, ...] = (), search: str = "", since: int | None = None
    ) -> pd.DataFrame:
        frame = self.page(states=states, search=search, since=since, rows=EXPORT_ROWS).frame
        return frame.drop(columns=["page_time", "page_id", "recovery_token", "looks"])

    def counts(self, *, since: int | None = None) -> dict[str, int]:
        with reading(self._path) as database:
            rows = database.query(
                "SELECT state, count(*) AS n FROM charges WHERE created_at >= ? GROUP BY state",
                (since or 0,),
            )
            found = {row["state"]: int(row["n"]) for row in rows}
        return {state.value: found.get(state.value, 0) for state in ChargeState}

    def waiting_for_outcome(self) -> int:
        """Charges whose outcome nobody knows yet: unknown, or sent long ago without an answer."""
        with reading(self._path) as database:
            row = next(
                database.query(
                    """SELECT count(*) AS n FROM charges WHERE state = 'unknown'
                       OR (state = 'attempting' AND updated_at < ?)""",
                    (epoch(self._clock()) - 60,),
                )
            )
        return int(row["n"])

    def timeline(self, charge_id: str) -> list[TimelineEntry]:
        """What happened to a charge, oldest first."""
        with reading(self._path) as database:
            rows = list(
                database.query(
                    "SELECT * FROM charge_events WHERE charge_id = ? ORDER BY id", (charge_id,)
                )
            )
        return [
            TimelineEntry(
                row["at"], row["actor"], row["attempt"], row["kind"], json.loads(row["detail"])
            )
            for row in rows
        ]

    def totals(self, *, since: int) -> pd.DataFrame:
        """Per currency and state: `count` and `amount` in minor units."""
        with reading(self._path) as database:
            rows = database.query(
                """SELECT currency, state, count(*) AS count, sum(amount) AS amount FROM charges
                   WHERE created_at >= ? GROUP BY currency, state""",
                (since,),
            )
            return pd.DataFrame(list(rows), columns=["currency", "state", "count", "amount"])

    def per_day(self, *, since: int, utc_offset_seconds: int = 0) -> pd.DataFrame:
        """Per day (ISO date in the reader's zone), currency and state: `count` and `amount`."""
        with reading(self._path) as database:
            rows = database.query(
                """SELECT date(created_at + ?, 'unixepoch') AS day, currency, state,
                       count(*) AS count, sum(amount) AS amount
                   FROM charges WHERE created_at >= ? GROUP BY day, currency, state
                   ORDER BY day""",
                (utc_offset_seconds, since),
            )
            return pd.DataFrame(list(rows), columns=["day", "currency", "state", "count", "amount"])


def _reason(row: dict[str, Any]) -> Reason | None:
    if row["state"] == ChargeState.UNKNOWN:
        return Reason.OUTCOME_UNKNOWN
    if row["state"] not in FAILED:
        return None
    return explain(decline_of(row), http_status=row["http_status"], at=0).reason
