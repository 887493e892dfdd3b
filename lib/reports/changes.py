"""
The question of an open page every few seconds: whether what it shows has changed.

One question each, answered from an index whatever the size of the database. An answer is only compared
with the one before.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from lib.clock import Clock, epoch
from lib.reports.waiting import WaitingReports
from lib.store.connection_pool import ConnectionPool
from lib.store.link_states import JOINS

Stamp = tuple[object, ...]

_SHARED = timedelta(seconds=1.5)

_LINK = f"""SELECT l.expires_at > :now, l.completed_at, l.revoked_at, l.refusal, l.customer,
        s.session_id, i.status,
        (SELECT group_concat(state || tries) FROM outbox WHERE link_id = l.id)
    FROM setup_links l {JOINS}
    LEFT JOIN link_sessions s ON s.link_id = l.id AND s.closed_at IS NULL
    WHERE l.id = :id"""
# Methods count as well: one that a customer saves may collect what failed.
_CHARGE = """SELECT h.state, h.updated_at,
        (SELECT max(id) FROM charge_events WHERE charge_id = h.id),
        (SELECT count(*) FROM payment_methods WHERE customer = h.customer),
        (SELECT max(created) FROM payment_methods WHERE customer = h.customer),
        (SELECT group_concat(state) FROM refunds WHERE charge_id = h.id)
    FROM charges h WHERE h.id = :id"""
# Not the digest: an approver must not find other rows under the button that they are about to press.
# Not corrections, or a draft would be drawn anew under whoever mends another row of it.
_RUN = """SELECT r.state, r.stop_code, r.started_at, r.finished_at,
        (SELECT max(id) FROM run_decisions WHERE run_id = r.id),
        (SELECT max(id) FROM run_renewals WHERE run_id = r.id)
    FROM runs r WHERE r.id = :id"""


class ChangeReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._waiting = WaitingReports(pool, clock=clock)
        self._counted: tuple[datetime, Stamp] | None = None
        self._counting = threading.Lock()

    def link(self, link_id: str) -> Stamp:
        """Whether the customer opened it, saved something, or it ended."""
        return self._of(_LINK, link_id)

    def charge(self, charge_id: str) -> Stamp:
        """Its state and timeline, its refunds, and what its customer can be charged on."""
        return self._of(_CHARGE, charge_id)

    def run(self, run_id: str) -> Stamp:
        """Its state and who decided on it; not its rows."""
        return self._of(_RUN, run_id)

    def waiting(self) -> Stamp:
        """The counters of waiting work. They take longer than the others: all who ask share an answer."""
        with self._counting:
            now = self._clock()
            if self._counted is None or not timedelta(0) <= now - self._counted[0] < _SHARED:
                self._counted = now, tuple(self._waiting.counts().items())
            return self._counted[1]

    def _of(self, sql: str, object_id: str) -> Stamp:
        parameters = {"id": object_id, "now": epoch(self._clock())}
        with self._pool.reading() as database:
            row = database.execute(sql, parameters).fetchone()
        return tuple(row) if row else ()
