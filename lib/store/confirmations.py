"""Methods entered on a completed page that the customer's bank still confirms."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlite_utils import Database

from lib.domain.confirmations import CONFIRMING, Confirmation, until
from lib.store.meta import MetaStore

# The words of the partial index setup_intents_confirming.
CONFIRMING_SETUPS = f"""(SELECT id FROM setup_intents WHERE status IN {CONFIRMING!r})"""


class ConfirmationStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, session_id: str | None) -> bool:
        rows = self._database.query(
            f"""SELECT 1 FROM checkout_sessions WHERE id = ? AND status = 'complete'
                AND setup_intent IN {CONFIRMING_SETUPS}""",
            (session_id,),
        )
        return next(iter(rows), None) is not None

    def of(self, customer_ids: Sequence[str]) -> dict[str, Confirmation]:
        """The newest of each customer who has one."""
        timezone = MetaStore(self._database).timezone
        rows = self._database.query(
            f"""SELECT id, customer, created, completed_at FROM checkout_sessions
                WHERE status = 'complete' AND setup_intent IN {CONFIRMING_SETUPS}
                    AND +customer IN (SELECT value FROM json_each(?)) ORDER BY position""",
            (json.dumps(list(customer_ids)),),
        )
        return {
            row["customer"]: Confirmation(
                row["id"], row["customer"], until(row["created"], row["completed_at"]), timezone
            )
            for row in rows
        }
