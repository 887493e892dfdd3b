"""Approved charges that wait for a card, and the cards that came by their links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.paid_otherwise import PaidOtherwise
from lib.domain.waiting_charges import CARD_CAME, WaitEnd, WaitingCharge
from lib.store.meta import MetaStore
from lib.store.new_cards import NewCardCharge
from lib.store.slices import THESE, in_slices
from lib.store.states import one_of

MARK = "onfile_charge_when_saved"
"""Of a Session's metadata: the charge that its page says is made as soon as a card is saved."""

# Only a card of the charge's own link counts.
_SAVED = """
    SELECT g.charge_id, g.run_id, g.run_row, i.payment_method, 0 AS attempts_before
    FROM waiting_charges g
    JOIN runs r ON r.id = g.run_id AND r.state = 'finished' AND r.wait_for_cards = 1
    JOIN charges h ON h.id = g.charge_id AND h.state = 'planned'
    JOIN setup_links l ON l.charge_id = h.id AND l.completed_at >= g.since
    JOIN link_sessions p ON p.link_id = l.id AND p.session_id = l.completed_session
    JOIN checkout_sessions s ON s.id = l.completed_session
    JOIN setup_intents i ON i.id = s.setup_intent AND i.status = 'succeeded'
    JOIN payment_methods m ON m.id = i.payment_method AND m.customer = h.customer
        AND m.is_detached = 0
    WHERE g.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.charge_id = h.id)
        AND NOT EXISTS (SELECT 1 FROM new_card_charges q WHERE q.charge_id = h.id)"""
_PAGE_SAYS_SO = f"coalesce(p.params ->> '$.metadata.{MARK}', '') = h.id"


class WaitingChargeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, waiting: WaitingCharge) -> None:
        """
        Raises:
            sqlite3.IntegrityError: no approval lets it wait.
        """
        self._database.execute(
            "INSERT INTO waiting_charges (charge_id, run_id, run_row, since) VALUES (?, ?, ?, ?)",
            (waiting.charge_id, waiting.run_id, waiting.run_row, waiting.since),
        )

    def find(self, charge_id: str) -> WaitingCharge | None:
        """Also one whose wait has ended."""
        rows = self._database.query(
            "SELECT * FROM waiting_charges WHERE charge_id = ?", (charge_id,)
        )
        return next((_waiting(row) for row in rows), None)

    def still(self, charge_ids: Sequence[str]) -> set[str]:
        """Those of these that wait."""
        rows = in_slices(
            self._database,
            f"SELECT charge_id FROM waiting_charges WHERE charge_id IN {THESE} AND ended_at IS NULL",
            charge_ids,
        )
        return {row["charge_id"] for row in rows}

    def of_run(self, run_id: str) -> list[WaitingCharge]:
        """Those that wait still."""
        rows = self._database.query(
            """SELECT * FROM waiting_charges WHERE run_id = ? AND ended_at IS NULL
               ORDER BY run_row""",
            (run_id,),
        )
        return [_waiting(row) for row in rows]

    def runs(self) -> list[str]:
        """Those of which charges wait."""
        rows = self._database.query(
            "SELECT DISTINCT run_id FROM waiting_charges WHERE ended_at IS NULL ORDER BY run_id"
        )
        return [row["run_id"] for row in rows]

    def end(self, charge_id: str, *, why: WaitEnd, by: str, at: int) -> bool:
        """False when it does not wait any more."""
        cursor = self._database.execute(
            """UPDATE waiting_charges SET ended_at = ?, end_reason = ?, ended_by = ?
               WHERE charge_id = ? AND ended_at IS NULL""",
            (at, why.value, by, charge_id),
        )
        return cursor.rowcount == 1

    def paid_otherwise(self, customers: Iterable[str]) -> dict[tuple[str, str], PaidOtherwise]:
        """By customer and key of the reference: what staff noted last."""
        timezone = MetaStore(self._database).timezone
        return {
            (row["customer"], row["reference_key"]): PaidOtherwise(
                row["id"], row["reference"], row["ended_by"], row["ended_at"], timezone
            )
            for row in in_slices(
                self._database,
                f"""SELECT c.id, c.customer, c.reference, c.reference_key, g.ended_by, g.ended_at
                    FROM charges c INDEXED BY charges_by_reference
                    CROSS JOIN waiting_charges g ON g.charge_id = c.id
                        AND g.end_reason = 'paid_otherwise'
                    WHERE c.customer IN {THESE} AND c.state = 'cancelled' ORDER BY g.ended_at""",
                customers,
            )
        }

    def arrived(self) -> list[NewCardCharge]:
        """Those whose card came by their own link, on a page that said what is charged; never queued."""
        newest: dict[str, NewCardCharge] = {}
        for row in self._database.query(
            f"{_SAVED} AND {_PAGE_SAYS_SO} ORDER BY l.completed_at DESC"
        ):
            newest.setdefault(row["charge_id"], NewCardCharge(**row))
        return list(newest.values())

    def saved_unannounced(self) -> list[str]:
        """Charges that wait, whose link brought a card on pages that said nothing of them."""
        rows = self._database.query(f"{_SAVED} AND NOT {_PAGE_SAYS_SO}")
        silent = {row["charge_id"] for row in rows}
        return sorted(silent - {card.charge_id for card in self.arrived()}) if silent else []

    def saved_late(self) -> list[str]:
        """Charges whose link brought a card, and that stopped waiting without a try; of which nobody was told."""
        rows = self._database.query(
            f"""SELECT DISTINCT g.charge_id FROM waiting_charges g
               JOIN setup_links l ON l.charge_id = g.charge_id AND l.completed_at IS NOT NULL
               WHERE g.ended_at IS NOT NULL AND g.told_at IS NULL
                   AND g.end_reason NOT IN {one_of(CARD_CAME)}
                   AND NOT EXISTS (SELECT 1 FROM new_card_charges q WHERE q.charge_id = g.charge_id)"""
        )
        return [row["charge_id"] for row in rows]

    def note_told(self, charge_id: str, *, at: int) -> bool:
        """False when they were told before."""
        cursor = self._database.execute(
            "UPDATE waiting_charges SET told_at = ? WHERE charge_id = ? AND told_at IS NULL",
            (at, charge_id),
        )
        return cursor.rowcount == 1


def _waiting(row: dict[str, Any]) -> WaitingCharge:
    reason = row["end_reason"]
    return WaitingCharge(
        charge_id=row["charge_id"],
        run_id=row["run_id"],
        run_row=row["run_row"],
        since=row["since"],
        ended_at=row["ended_at"],
        end_reason=WaitEnd(reason) if reason else None,
        ended_by=row["ended_by"],
    )
