"""What waits for a person: the numbers behind page titles and on the home page."""

from __future__ import annotations

from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.charges import IN_FLIGHT_SECONDS
from lib.reports.charges import UNRESOLVED
from lib.reports.paging import reading

FAILURE_DAYS = 30
# Each part walks an index and counts only what is still open.
_COUNTS = f"""SELECT
    (SELECT count(*) FROM charges h WHERE h.created_at >= :since AND {UNRESOLVED}) AS failures,
    (SELECT count(*) FROM charges WHERE state = 'unknown'
        OR (state = 'attempting' AND updated_at < :sent_before)) AS unknown,
    (SELECT count(*) FROM payment_methods m WHERE m.customer IS NULL AND m.is_detached = 0
        AND EXISTS (SELECT 1 FROM setup_intents i JOIN checkout_sessions s
            ON s.setup_intent = i.id AND s.status = 'complete'
            WHERE i.payment_method = m.id)) AS unattached,
    (SELECT count(*) FROM setup_links WHERE completed_at IS NULL AND revoked_at IS NULL
        AND expires_at > :now) AS open_links,
    (SELECT count(*) FROM payment_methods WHERE customer IS NOT NULL
        AND exp_year * 12 + exp_month BETWEEN :month AND :month + 1) AS expiring"""


class WaitingReports:
    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def counts(self) -> dict[str, int]:
        """All counts by one read, as every page asks: failures, unknown, unattached, open_links, expiring."""
        moment = self._clock()
        now = epoch(moment)
        parameters = {
            "now": now,
            "since": now - FAILURE_DAYS * 86_400,
            "sent_before": now - IN_FLIGHT_SECONDS,
            "month": moment.year * 12 + moment.month,
        }
        with reading(self._path) as database:
            row = next(database.query(_COUNTS, parameters))
        return {name: int(value or 0) for name, value in row.items()}
