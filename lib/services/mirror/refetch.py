"""Asks Stripe for one object as it is now and puts the answer into the mirror."""

from __future__ import annotations

import logging

from lib.clock import Clock, epoch_ms
from lib.domain.charges import Evidence
from lib.domain.mirror import Customer, PaymentIntent, PaymentMethodBundle, SessionBundle
from lib.errors import GatewayError, InvalidInput, Missing, UnreadableObject
from lib.services.mirror.apply import (
    record_bundles,
    record_customers,
    record_payment_intents,
    record_payments,
    record_setup_intents,
)
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)


class Refetcher:
    """Every method raises `Missing` when Stripe has no such object, and other GatewayErrors."""

    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def may_ask(self) -> bool:
        """False while the key is not verified to be of this database's account."""
        try:
            self._gateway.pass_guard()
        except GatewayError as error:
            logger.warning("nothing is asked of Stripe now: %s", error)
            return False
        return True

    def session(self, session_id: str) -> SessionBundle:
        """A Session with SetupIntent and PaymentMethod, in one request; its customer when new."""
        now = self._now_ms()
        bundle = self._gateway.retrieve_session(session_id)
        with self._uow.write() as stores:
            record_bundles(stores, [bundle], synced_at_ms=now)
        self._complete_customer(bundle.session.customer)
        return bundle

    def setup_intent(self, setup_intent_id: str) -> None:
        now = self._now_ms()
        bundle = self._gateway.retrieve_setup_intent(setup_intent_id)
        with self._uow.write() as stores:
            record_setup_intents(stores, [bundle], synced_at_ms=now)

    def knows_setup_intent(self, setup_intent_id: str) -> bool:
        with self._uow.read() as stores:
            return stores.mirror.has_setup_intent(setup_intent_id)

    def payment_method(self, method_id: str) -> PaymentMethodBundle:
        """
        With its customer, in one request. The method is the mirror's row, which also knows whether it
        was detached.
        """
        now = self._now_ms()
        bundle = self._gateway.retrieve_payment_method(method_id)
        method = bundle.payment_method
        with self._uow.write() as stores:
            stores.mirror.save_payment_methods([method], synced_at_ms=now)
            if bundle.customer is not None:
                _record_customer(stores, bundle.customer, now)
            row = stores.mirror.payment_method(method_id)
        self._complete_customer(method.customer)
        return PaymentMethodBundle(row or method, bundle.customer)

    def payment_intent(self, intent_id: str, *, evidence: Evidence) -> PaymentIntent:
        now = self._now_ms()
        intent = self._gateway.retrieve_payment_intent(intent_id)
        with self._uow.write() as stores:
            record_payment_intents(stores, [intent], synced_at_ms=now, evidence=evidence.value)
        return intent

    def knows_payment_intent(self, intent_id: str) -> bool:
        with self._uow.read() as stores:
            return stores.payments.has_payment_intent(intent_id)

    def charge(self, charge_id: str) -> None:
        now = self._now_ms()
        charge = self._gateway.retrieve_charge(charge_id)
        with self._uow.write() as stores:
            record_payments(stores, "charges", [charge], synced_at_ms=now)

    def refund(self, refund_id: str) -> None:
        """With its charge, whose refunded amount changed along with it."""
        now = self._now_ms()
        refund = self._gateway.retrieve_refund(refund_id)
        with self._uow.write() as stores:
            record_payments(stores, "refunds", [refund], synced_at_ms=now)

    def dispute(self, dispute_id: str) -> None:
        """With its charge, which says whether it is disputed."""
        now = self._now_ms()
        dispute = self._gateway.retrieve_dispute(dispute_id)
        with self._uow.write() as stores:
            record_payments(stores, "disputes", [dispute], synced_at_ms=now)

    def customer(self, customer_id: str) -> Customer:
        """A deleted customer comes back with `is_deleted`; its methods are gone, too."""
        now = self._now_ms()
        customer = self._gateway.retrieve_customer(customer_id)
        with self._uow.write() as stores:
            _record_customer(stores, customer, now)
        return customer

    def forget_session(self, session_id: str) -> None:
        """Stripe has none such any more: it can never be completed."""
        with self._uow.write() as stores:
            stores.mirror.mark_session_expired(session_id, synced_at_ms=self._now_ms())

    def forget_payment_method(self, method_id: str) -> None:
        """Detached: Stripe never brings it back, so there is nothing to ask."""
        with self._uow.write() as stores:
            stores.mirror.mark_detached(method_id, synced_at_ms=self._now_ms())

    def forget_customer(self, customer_id: str) -> None:
        with self._uow.write() as stores:
            stores.mirror.mark_customer_deleted(customer_id, synced_at_ms=self._now_ms())

    def _complete_customer(self, customer_id: str | None) -> None:
        """Pages show names: a customer met for the first time is fetched along."""
        if customer_id is None:
            return
        with self._uow.read() as stores:
            known = stores.mirror.customer(customer_id)
        if known is None:
            try:
                self.customer(customer_id)
            except (Missing, InvalidInput, UnreadableObject):
                # What came with it is kept; the customer's own event or list tells of it.
                return

    def _now_ms(self) -> int:
        return epoch_ms(self._clock())


def _record_customer(stores: Stores, customer: Customer, asked_at_ms: int) -> None:
    if customer.is_deleted:
        stores.mirror.mark_customer_deleted(customer.id, synced_at_ms=asked_at_ms)
    else:
        record_customers(stores, [customer], synced_at_ms=asked_at_ms)
