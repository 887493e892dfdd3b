"""The first steps of a new installation, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass

from lib.store.connection_pool import ConnectionPool

_NEW_UNTIL = 10
# Each part reads the end of an index, or stops at the first rows.
_FACTS = f"""SELECT
    (SELECT max(webhook_at) FROM webhook_deliveries) AS webhook_at,
    EXISTS (SELECT 1 FROM setup_links) AS has_link,
    EXISTS (SELECT 1 FROM payment_methods WHERE customer IS NOT NULL) AS has_card,
    (SELECT count(*) FROM (SELECT 1 FROM charges LIMIT {_NEW_UNTIL})) AS charges"""


@dataclass(frozen=True, slots=True)
class StartFacts:
    webhook_at: int | None
    """When Stripe last brought news by itself."""
    has_link: bool
    has_card: bool
    """A customer has a saved method, from a link of ours or from before."""
    charges: int
    """Up to ten, from which on an installation is not new."""

    @property
    def is_new(self) -> bool:
        return self.charges < _NEW_UNTIL


class StartReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def facts(self) -> StartFacts:
        with self._pool.reading() as database:
            row = next(database.query(_FACTS))
        return StartFacts(
            row["webhook_at"], bool(row["has_link"]), bool(row["has_card"]), int(row["charges"])
        )
