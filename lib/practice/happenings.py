"""What happens to the account without any request: by time, at the bank, or behind everyone's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from lib.clock import Clock, epoch
from lib.practice import charging, tampering
from lib.practice.database import Database
from lib.practice.ledger import Ledger, money_moved
from lib.practice.resources import checkout_sessions, disputes, payment_methods, refunds
from lib.practice.steps import MoneyMoved

_Answer = TypeVar("_Answer")


class Happenings:
    """The part of `PracticeStripe` that no API has."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def settle_due(self) -> None:
        """Does what time alone brings: ends sessions and asynchronous refunds.

        Every request does so first.
        """
        now = epoch(self.clock())
        due = self.database.connection().execute(
            "SELECT 1 FROM objects WHERE due_at <= ? LIMIT 1", (now,)
        )
        if due.fetchone() is not None:
            with self.database.writing() as connection:
                ledger = Ledger(connection, now)
                checkout_sessions.expire_due(ledger)
                refunds.settle_due(ledger)

    def settle_processing(self, payment_intent_id: str, *, succeed: bool = True) -> None:
        """Ends a PaymentIntent that is `processing`, as a bank does after some days.

        Raises:
            ValueError: It is not processing.
        """

        def settle(ledger: Ledger) -> None:
            intent = ledger.find("payment_intent", payment_intent_id)
            if intent is None or intent.payload["status"] != "processing":
                raise ValueError(f"{payment_intent_id} is not processing")
            charging.settle(ledger, intent, succeed=succeed)

        self._write(settle)

    def close_dispute(self, dispute_id: str, *, won: bool) -> None:
        """The bank's decision.

        Raises:
            ValueError: There is no such dispute, or it is decided.
        """

        def close(ledger: Ledger) -> None:
            dispute = ledger.find("dispute", dispute_id)
            if dispute is None or dispute.payload["status"] in ("won", "lost"):
                raise ValueError(f"{dispute_id} is not open")
            disputes.close(ledger, dispute, is_won=won)

        self._write(close)

    def renew_card(self, payment_method_id: str, *, exp_month: int, exp_year: int) -> None:
        """The card network's own update, `payment_method.automatically_updated`.

        Raises:
            ValueError: There is no such card.
        """

        def renew(ledger: Ledger) -> None:
            method = ledger.find("payment_method", payment_method_id)
            if method is None or method.payload["type"] != "card":
                raise ValueError(f"{payment_method_id} is not a card")
            payment_methods.renew(ledger, method, exp_month, exp_year)

        self._write(renew)

    @contextmanager
    def events_lost(self) -> Iterator[None]:
        """What happens meanwhile, in whichever process, is neither recorded nor delivered."""
        with self.database.writing() as connection:
            token = tampering.begin_losing_events(connection)
        try:
            yield
        finally:
            with self.database.writing() as connection:
                tampering.end_losing_events(connection, token)

    def forget(self, object_id: str) -> None:
        """Removes an object, or an event, as if it had never been. What names it stays.

        Raises:
            ValueError: There is no such object.
        """
        self._write(lambda ledger: tampering.forget(ledger, object_id))

    def alter(self, object_id: str, changes: Mapping[str, Any]) -> None:
        """Changes an object without an event. Mappings within it are merged.

        Raises:
            ValueError: There is no such object, or no such field.
        """
        self._write(lambda ledger: tampering.alter(ledger, object_id, changes))

    def money_moved(self) -> list[MoneyMoved]:
        """Every successful movement, oldest first."""
        return money_moved(self.database.connection())

    def _write(self, act: Callable[[Ledger], _Answer]) -> _Answer:
        self.settle_due()
        with self.database.writing() as connection:
            return act(Ledger(connection, epoch(self.clock())))
