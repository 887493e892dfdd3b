"""Health of the mirror: the facts of the page Sync health and of the light on Home."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from lib.clock import Clock, epoch
from lib.domain.health_facts import HealthFacts
from lib.domain.mirror import TYPES
from lib.domain.read_allowance import PERIOD_SECONDS, budget, sync_interval
from lib.reports.webhooks import WebhookReports
from lib.store.backups import BackupStore
from lib.store.connection_pool import ConnectionPool
from lib.store.meta import MetaStore
from lib.store.sync_state import SyncStore

_MOST_TO_INDEX = 100_000
_DAY = 86_400
_OBJECTS_A_REQUEST = 100
# What lies further in the future was written by a clock that was wrong, and says nothing.
_CLOCKS_DIFFER_SECONDS = 60
_SELDOM_DELETED = (
    "setup_intents",
    "payment_intents",
    "stripe_charges",
    "stripe_refunds",
    "disputes",
)


class HealthReports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._webhooks = WebhookReports(pool, clock=clock)

    def facts(self, *, has_webhooks: bool) -> HealthFacts:
        now = epoch(self._clock())
        quiet = self._webhooks.quiet()
        with self._pool.reading() as database:
            cursors = {
                row["name"]: int(row["value"])
                for row in database.query("SELECT name, value FROM sync_cursors")
            }
            jobs = _latest_jobs(database)
            store = SyncStore(database)
            begun = store.open_backfill(TYPES)
            since = now - PERIOD_SECONDS
            reads = budget(used=store.reads_since(since), payments=store.payments_since(since))

            def past(moment: int | None) -> int | None:
                return None if moment is None or moment > now + _CLOCKS_DIFFER_SECONDS else moment

            return HealthFacts(
                now=now,
                worker_at=past(
                    _maybe(database, "SELECT value FROM meta WHERE name = 'worker_heartbeat'")
                ),
                complete_at=past(cursors.get("backfill")),
                # One of some types, by hand, takes nothing from what was read before.
                reading_since=begun.started_at if begun else None,
                reading_state=jobs.get("backfill", {}).get("state"),
                synced_at=past(cursors.get("events")),
                sync_every=sync_interval(reads, has_webhooks=has_webhooks),
                sync_error=_error(jobs.get("sync")),
                verification_error=_error(jobs.get("verify")),
                verifications=[
                    verification
                    for verification in store.latest_verifications()
                    if past(verification.verified_at) is not None
                ],
                last_found=store.last_found(),
                covered_since={
                    name: round_.covered_since
                    for name, round_ in store.rounds().items()
                    if past(round_.covered_since) is not None and round_.covered_since is not None
                },
                has_webhooks=has_webhooks,
                webhook_at=quiet.last_webhook_at,
                webhooks_missed=quiet.missed,
                last_missed=quiet.last_missed,
                given_up=_number(
                    database,
                    """SELECT count(*) FROM webhook_deliveries
                       WHERE state = 'failed' AND next_try_at IS NULL""",
                ),
                timezone=MetaStore(database).timezone,
                damage=self._pool.damage.words(),
                backups=BackupStore(database).facts(now),
                incidents=_number(
                    database, "SELECT count(*) FROM incidents WHERE settled_at IS NULL"
                ),
                reads=reads,
                to_index=_to_index(database),
            )

    def to_index(self) -> int:
        """Rows that cannot be searched for yet."""
        with self._pool.reading() as database:
            return _to_index(database)

    def reads_by_day(self) -> list[tuple[int, int]]:
        """Midnight UTC in seconds, and reads, of each of the last 30 days."""
        today = epoch(self._clock()) // _DAY
        first = today - PERIOD_SECONDS // _DAY + 1
        with self._pool.reading() as database:
            reads = {
                row["day"]: int(row["reads"])
                for row in database.query(
                    "SELECT day, reads FROM stripe_reads WHERE day >= ?", (first,)
                )
            }
        return [(day * _DAY, reads.get(day, 0)) for day in range(first, today + 1)]

    def cost_of_reading(self) -> int:
        """
        About how many requests it takes to read everything: by what is here.

        Where rows are seldom deleted, their last number is as good as counting a million of them.
        """
        with self._pool.reading() as database:
            # By two indexes: a third of the time that looking at each takes.
            customers = _number(
                database,
                """SELECT (SELECT count(*) FROM customers)
                       - (SELECT count(*) FROM customers WHERE is_deleted = 1)""",
            )
            sessions = _number(
                database,
                "SELECT coalesce(sum(n), 0) FROM session_counts WHERE state <> 'needs_customer'",
            )
            others = [
                _number(database, f"SELECT coalesce(max(rowid), 0) FROM {table}")
                for table in _SELDOM_DELETED
            ]
        # Saved methods are asked for customer by customer.
        return customers + sum(
            1 + rows // _OBJECTS_A_REQUEST for rows in (customers, sessions, *others)
        )


def _to_index(database: Database) -> int:
    """Counted up to a number that says enough."""
    return _number(
        database, "SELECT count(*) FROM (SELECT 1 FROM search_pending LIMIT ?)", _MOST_TO_INDEX
    )


def _latest_jobs(database: Database) -> dict[str, dict[str, Any]]:
    rows = database.query(
        """SELECT kind, state, error FROM jobs WHERE rowid IN (
               SELECT (SELECT rowid FROM jobs j WHERE j.kind = k.kind
                   ORDER BY created_at DESC, rowid DESC LIMIT 1)
               FROM (SELECT 'sync' AS kind UNION SELECT 'backfill' UNION SELECT 'verify') k)"""
    )
    return {row["kind"]: row for row in rows}


def _error(job: dict[str, Any] | None) -> str | None:
    """Why it failed; None when it did not."""
    return job["error"] if job and job["state"] == "failed" else None


def _number(database: Database, sql: str, *parameters: object) -> int:
    return int(database.execute(sql, parameters).fetchone()[0])


def _maybe(database: Database, sql: str, *parameters: object) -> int | None:
    row = database.execute(sql, parameters).fetchone()
    return None if row is None or row[0] is None else int(row[0])
