"""Figures for whoever watches the machine: what waits, and how old what is known is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.charges import UNANSWERED_STATES
from lib.domain.deliveries import UNPROCESSED_STATES
from lib.domain.jobs import OPEN_STATES
from lib.reports.charge_filter import ChargeFilter
from lib.reports.charges import ChargeReports
from lib.reports.health import HealthReports
from lib.reports.sums import Sum
from lib.store.connection_pool import ConnectionPool
from lib.store.meta import BEHIND
from lib.store.states import one_of

# Each part walks an index.
_WAITING = f"""SELECT
    (SELECT count(*) FROM charges WHERE state IN {one_of(UNANSWERED_STATES)}) AS unknown,
    (SELECT min(requested_at) FROM attempts WHERE outcome IS NULL OR outcome = 'unknown') AS since,
    (SELECT count(*) FROM webhook_deliveries
        WHERE state IN {one_of(UNPROCESSED_STATES)} AND next_try_at IS NOT NULL) AS deliveries,
    (SELECT count(*) FROM runs r JOIN run_rows w ON w.run_id = r.id AND w.state = 'planned'
        WHERE r.state = 'running') AS rows,
    (SELECT count(*) FROM jobs WHERE state IN {one_of(OPEN_STATES)}) AS jobs,
    (SELECT value FROM meta WHERE name = '{BEHIND}') AS behind"""


@dataclass(frozen=True, slots=True)
class Metrics:
    charges: Sequence[Sum]
    figures: Sequence[tuple[str, str, float | None]]
    """Name, what it is, and its value; None where there is none yet."""


class MetricReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._charges = ChargeReports(pool, clock=clock)
        self._health = HealthReports(pool, clock=clock)

    def now(self, *, has_webhooks: bool) -> Metrics:
        now = epoch(self._clock())
        health = self._health.facts(has_webhooks=has_webhooks)
        with self._pool.reading() as database:
            waiting = next(database.query(_WAITING))

        def age(moment: int | None) -> int | None:
            return None if moment is None else max(now - moment, 0)

        figures: list[tuple[str, str, float | None]] = [
            ("unknown_charges", "Charges whose outcome is not known.", waiting["unknown"]),
            (
                "unknown_oldest_seconds",
                "Since when the oldest of them is not known; 0 where there is none.",
                age(waiting["since"]) or 0,
            ),
            ("deliveries_waiting", "Stripe's events that wait to be read.", waiting["deliveries"]),
            ("deliveries_given_up", "Events that nobody tries again.", health.given_up),
            ("run_rows_waiting", "Rows of running runs that are not sent yet.", waiting["rows"]),
            ("jobs_open", "Background jobs that wait or run.", waiting["jobs"]),
            ("incidents_open", "Incidents that nobody has settled.", health.incidents),
            ("sync_age_seconds", "Since Stripe was asked for news.", age(health.synced_at)),
            ("verification_age_seconds", "Since everything was compared.", age(health.verified_at)),
            ("webhook_age_seconds", "Since the last webhook came.", age(health.webhook_at)),
            ("worker_age_seconds", "Since the worker's last heartbeat.", age(health.worker_at)),
            ("backup_age_seconds", "Since the last good backup.", age(health.backups.good_at)),
            ("reads_used", "Reads at Stripe in the last 30 days.", health.reads.used),
            ("reads_allowed", "Reads that Stripe allows in 30 days.", health.reads.allowed),
            (
                "ledger_behind",
                "1 while the ledger is behind Stripe and nothing is charged.",
                int(waiting["behind"] is not None),
            ),
            (
                "database_damaged",
                "1 where the database file is damaged.",
                int(health.damage is not None),
            ),
        ]
        return Metrics(self._charges.sums(ChargeFilter()), figures)
