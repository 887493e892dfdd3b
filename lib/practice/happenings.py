"""Events of the account that no request causes: by time, at the bank, or behind everyone's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from lib.clock import Clock, epoch
from lib.practice import account_settings, books, charging, setup, tampering
from lib.practice.database import Database
from lib.practice.ledger import Ledger, Stored, money_moved
from lib.practice.replies import API_VERSION
from lib.practice.resources import (
    checkout_sessions,
    customers,
    disputes,
    payment_methods,
    refunds,
    webhook_endpoints,
)
from lib.practice.steps import MoneyMoved

_Answer = TypeVar("_Answer")


class Happenings:
    """The part of `PracticeStripe` that no API has."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def settle_due(self) -> None:
        """Does what time alone brings: ends sessions, asynchronous refunds, unconfirmed accounts; books what
        moved, and pays out.

        Every request does so first.
        """
        now = epoch(self.clock())
        due = self.database.connection().execute(
            "SELECT 1 FROM objects WHERE due_at <= ? LIMIT 1", (now,)
        )
        if due.fetchone() is not None or books.is_due(self.database.connection(), now):
            with self.database.writing() as connection:
                ledger = Ledger(connection, now)
                checkout_sessions.expire_due(ledger)
                refunds.settle_due(ledger)
                setup.settle_due(ledger)
                books.settle(ledger)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Changes settings of the account, see `AccountSettings`.

        Raises:
            ValueError: There is no such setting, or it has no such value.
        """
        with self.database.writing() as connection:
            account_settings.change(connection, changes)

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

        self.write(settle)

    def verify_microdeposits(self, setup_intent_id: str, *, succeed: bool = True) -> None:
        """The customer tells what arrived on the bank account, rightly or not.

        Raises:
            ValueError: The SetupIntent does not wait for it.
        """

        def verify(ledger: Ledger) -> None:
            intent = ledger.find("setup_intent", setup_intent_id)
            if intent is None or not setup.is_waiting_for_microdeposits(intent):
                raise ValueError(f"{setup_intent_id} does not wait for micro-deposits")
            failure = None if succeed else setup.MICRODEPOSITS_FAILED
            setup.verify_microdeposits(ledger, intent, failure)

        self.write(verify)

    def close_dispute(self, dispute_id: str, *, won: bool) -> None:
        """The bank's decision. An inquiry ends without one: `warning_closed` either way.

        Raises:
            ValueError: There is no such dispute, or it is decided.
        """
        self.write(
            lambda ledger: disputes.close(ledger, _open_dispute(ledger, dispute_id), is_won=won)
        )

    def escalate_inquiry(self, dispute_id: str) -> None:
        """The bank makes a chargeback of its inquiry, and takes the money.

        Raises:
            ValueError: There is no such inquiry, or it has ended.
        """

        def escalate(ledger: Ledger) -> None:
            dispute = _open_dispute(ledger, dispute_id)
            if not disputes.is_inquiry(dispute):
                raise ValueError(f"{dispute_id} is no inquiry")
            disputes.escalate(ledger, dispute)

        self.write(escalate)

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

        self.write(renew)

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

    def show_everything(self) -> None:
        """What the fault `shown_late` still keeps back is in every list from now on."""
        with self.database.writing() as connection:
            tampering.show_everything(connection)

    def forget(self, object_id: str) -> None:
        """Removes an object, or an event, as if it had never been. What names it stays.

        Raises:
            ValueError: There is no such object.
        """
        self.write(lambda ledger: tampering.forget(ledger, object_id))

    def alter(self, object_id: str, changes: Mapping[str, Any]) -> None:
        """Changes an object without an event. Mappings within it are merged.

        Raises:
            ValueError: There is no such object, or no such field.
        """
        self.write(lambda ledger: tampering.alter(ledger, object_id, changes))

    def money_moved(self) -> list[MoneyMoved]:
        """Every successful movement, oldest first."""
        return money_moved(self.database.connection())

    def adopt_customer(self, customer_id: str, details: Mapping[str, Any]) -> None:
        """A customer whose id the account chose itself, as old integrations did."""
        self.write(lambda ledger: customers.new(ledger, dict(details), customer_id=customer_id))

    def register_endpoint(
        self,
        url: str,
        *,
        enabled_events: tuple[str, ...] = ("*",),
        api_version: str = API_VERSION,
    ) -> None:
        """What the account's owner does once in the Dashboard; nothing when it was done."""
        self.write(
            lambda ledger: webhook_endpoints.register(
                ledger, url, enabled_events=enabled_events, api_version=api_version
            )
        )

    def write(self, act: Callable[[Ledger], _Answer]) -> _Answer:
        self.settle_due()
        with self.database.writing() as connection:
            return act(Ledger(connection, epoch(self.clock())))


def _open_dispute(ledger: Ledger, dispute_id: str) -> Stored:
    dispute = ledger.find("dispute", dispute_id)
    if dispute is None or not disputes.is_open(dispute):
        raise ValueError(f"{dispute_id} is not open")
    return dispute
