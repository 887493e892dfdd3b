"""Work that waits for a person: the numbers behind page titles and on the home page."""

from __future__ import annotations

from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.approvals import APPROVAL_DAYS, RENEWABLE
from lib.domain.charges import IN_FLIGHT_SECONDS
from lib.domain.outbox import TO_LOOK_AT
from lib.domain.payment_methods import this_and_next_month
from lib.domain.refunds import UNSETTLED_STATES
from lib.domain.run_states import RESTING_STATES, WAITING_STATES
from lib.domain.runs import RunState
from lib.store.connection_pool import ConnectionPool
from lib.store.meta import MetaStore
from lib.store.states import one_of

FAILURE_DAYS = 30
# Runs that rest until they are approved again; few at any time, in any state but a running one.
_TO_RENEW = f"""r.state IN {one_of(RESTING_STATES | {RunState.FINISHED})}
    AND r.stop_code IN {one_of(RENEWABLE)}"""
# Each part walks an index and counts only what is still open.
_COUNTS = f"""SELECT
    (SELECT count(*) FROM open_failures WHERE charged_at >= :since) AS failures,
    (SELECT count(*) FROM charges WHERE state = 'unknown')
        + (SELECT count(*) FROM charges WHERE state = 'attempting' AND updated_at < :sent_before)
        + (SELECT count(*) FROM refunds WHERE state IN {one_of(UNSETTLED_STATES)}
            AND (state = 'unknown' OR (state = 'sending' AND decided_at < :sent_before))) AS unknown,
    (SELECT n FROM session_counts WHERE state = 'needs_customer') AS unattached,
    (SELECT count(*) FROM setup_links WHERE completed_at IS NULL AND revoked_at IS NULL
        AND expires_at > :now) AS open_links,
    (SELECT count(*) FROM payment_methods WHERE customer IS NOT NULL
        AND (exp_year, exp_month) >= (:year, :month)
        AND (exp_year, exp_month) <= (:next_year, :next_month)) AS expiring,
    (SELECT count(*) FROM runs WHERE state = 'awaiting_approval')
        + (SELECT count(*) FROM runs r WHERE {_TO_RENEW})
        + (SELECT count(*) FROM refunds WHERE state = 'requested')
        + (SELECT count(*) FROM manual_outcomes WHERE state = 'proposed')
        + (SELECT count(*) FROM refund_outcomes WHERE state = 'proposed')
        + (SELECT count(*) FROM incident_proposals WHERE state = 'proposed') AS approvals,
    (SELECT count(*) FROM admin_proposals WHERE state = 'proposed') AS admin_changes,
    (SELECT count(*) FROM outbox WHERE state IN {one_of(TO_LOOK_AT)}) AS messages,
    (SELECT count(*) FROM announcements
        WHERE answered_at IS NOT NULL AND decided_at IS NULL) AS answers,
    (SELECT count(*) FROM incidents WHERE settled_at IS NULL) AS incidents,
    (SELECT count(*) FROM runs WHERE state IN {one_of(WAITING_STATES)}) AS runs"""

# What waits for a second person: who asked, and whether this person agreed already.
_APPROVALS = f"""SELECT count(*) FILTER (WHERE NOT is_mine AND NOT is_decided) AS to_decide,
        count(*) FILTER (WHERE is_mine) AS mine
    FROM (
        SELECT :who IN (r.submitted_by, r.created_by) AS is_mine,
            EXISTS (SELECT 1 FROM run_decisions d WHERE d.run_id = r.id AND d.by = :who
                AND d.digest = r.digest AND d.submitted_at = r.submitted_at) AS is_decided
        FROM runs r WHERE r.state = 'awaiting_approval'
        UNION ALL
        SELECT :who IN (r.submitted_by, r.created_by),
            EXISTS (SELECT 1 FROM run_renewals d WHERE d.run_id = r.id AND d.by = :who
                AND d.digest = r.digest AND d.submitted_at = r.submitted_at AND d.at > :oldest)
        FROM runs r WHERE {_TO_RENEW}
        UNION ALL SELECT requested_by = :who, 0 FROM refunds WHERE state = 'requested'
        UNION ALL SELECT proposed_by = :who, 0 FROM manual_outcomes WHERE state = 'proposed'
        UNION ALL SELECT proposed_by = :who, 0 FROM refund_outcomes WHERE state = 'proposed'
        UNION ALL SELECT proposed_by = :who, 0 FROM incident_proposals WHERE state = 'proposed'
        UNION ALL SELECT proposed_by = :who, 0 FROM admin_proposals
            WHERE state = 'proposed' AND :is_admin)"""


@dataclass(frozen=True, slots=True)
class Approvals:
    """What waits for a second person."""

    to_decide: int
    """Others asked for it."""
    mine: int


class WaitingReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def counts(self) -> dict[str, int]:
        """All counts by one read, as every page asks: failures, unknown, unattached, open_links, expiring, messages, answers, incidents, runs, approvals, admin_changes."""
        now = epoch(self._clock())
        parameters: dict[str, int] = {
            "now": now,
            "since": now - FAILURE_DAYS * 86_400,
            "sent_before": now - IN_FLIGHT_SECONDS,
        }
        with self._pool.reading() as database:
            parameters |= this_and_next_month(MetaStore(database).today(now))
            row = next(database.query(_COUNTS, parameters))
        return {name: int(value or 0) for name, value in row.items()}

    def approvals(self, username: str, *, is_admin: bool = False) -> Approvals:
        """As one person sees them; what waits for a second admin, only admins do."""
        oldest = epoch(self._clock()) - APPROVAL_DAYS * 86_400
        with self._pool.reading() as database:
            row = next(
                database.query(
                    _APPROVALS, {"who": username, "oldest": oldest, "is_admin": is_admin}
                )
            )
        return Approvals(int(row["to_decide"]), int(row["mine"]))
