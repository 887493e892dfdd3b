"""Saved payment methods: attach one that was saved without a customer, detach one for good."""

from __future__ import annotations

from collections.abc import Mapping

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.mirror import PaymentMethod, PaymentMethodBundle
from lib.domain.twins import HAS_TWIN
from lib.errors import Missing, NotFound, Refused, StaleState
from lib.services.collect.ambiguous_customers import why_meant
from lib.services.collect.customers import CustomerService
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


class PaymentMethodService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        refetcher: Refetcher,
        customers: CustomerService,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._refetcher = refetcher
        self._gateway = gateway
        self._customers = customers
        self._clock = clock

    def get(self, method_id: str) -> PaymentMethod:
        """
        Raises:
            NotFound: the mirror does not have it.
        """
        with self._uow.read() as stores:
            method = stores.mirror.payment_method(method_id)
        if method is None:
            raise NotFound("There is no such payment method.")
        return method

    def refresh(self, method_id: str) -> PaymentMethod:
        """
        Read the method from Stripe into the mirror and return the mirror's row, which also knows
        whether it was detached.

        Raises:
            NotFound: Stripe has no such method under this key.
        """
        return self.refresh_with_customer(method_id).payment_method

    def refresh_with_customer(self, method_id: str) -> PaymentMethodBundle:
        """
        As `refresh`, with the customer it is attached to: both from one answer of Stripe.

        Raises:
            NotFound: Stripe has no such method under this key.
        """
        try:
            return self._refetcher.payment_method(method_id)
        except Missing as error:
            raise NotFound(
                f"Stripe has no payment method {method_id[:40]} under this key."
            ) from error

    def refresh_newest(self, customer_id: str) -> list[PaymentMethod]:
        """The customer's newest hundred methods as Stripe has them now, newest first."""
        asked_at_ms = epoch_ms(self._clock())
        page = self._gateway.list_payment_methods(customer_id)
        with self._uow.write() as stores:
            stores.mirror.save_payment_methods(page.items, synced_at_ms=asked_at_ms)
        return page.items

    def attach(
        self,
        method_id: str,
        *,
        customer_id: str,
        by: Actor,
        despite: Mapping[str, str] | None = None,
    ) -> PaymentMethod:
        """
        Give a method saved without a customer its customer, for good. Nothing else can be done with
        it before: a charge without attaching would burn it for ever.

        Raises:
            NotAdmitted: another customer has the address (`customer_has_twin`), and `despite` does not
                say why this one is meant.
            StaleState: it has a customer by now, or was removed.
            Refused: Stripe refuses, with its words.
        """
        by.must(Permission.MANAGE_METHODS)
        customer = self._customers.get(customer_id)
        method = self.refresh(method_id)
        if method.customer == customer.id:
            return method
        if method.customer is not None or method.is_detached:
            raise StaleState(
                "This payment method belongs to a customer already."
                if method.customer
                else "This payment method was removed and cannot be used again."
            )
        sharing = self._customers.sharing_address(customer.id)
        meant = why_meant(sharing, despite or {}, nothing="Nothing was attached.")
        now = epoch(self._clock())
        asked_at_ms = epoch_ms(self._clock())
        try:
            attached = self._gateway.attach(
                method_id,
                customer_id=customer.id,
                idempotency_key=f"onfile:attach:{method_id}:{customer.id}",
            )
        except Refused:
            # Attached a moment ago, by an earlier click whose answer got lost, say.
            attached = self.refresh(method_id)
            if attached.customer != customer.id:
                raise
        with self._uow.write() as stores:
            stores.mirror.save_payment_methods([attached], synced_at_ms=asked_at_ms)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="payment_method.attach",
                subject=method_id,
                detail={
                    "customer": customer.id,
                    **({"despite": {HAS_TWIN: meant}} if meant else {}),
                },
            )
        return attached

    def detach(self, method_id: str, *, by: Actor) -> PaymentMethod:
        """Remove a method for good; Stripe never lets it be used or attached again."""
        by.must(Permission.MANAGE_METHODS)
        method = self.get(method_id)
        if method.is_detached:
            raise StaleState("This payment method was removed before.")
        now = epoch(self._clock())
        asked_at_ms = epoch_ms(self._clock())
        try:
            self._gateway.detach(method_id, idempotency_key=f"onfile:detach:{method_id}")
        except Refused:
            # Detached elsewhere a moment ago: the end is the same, if Stripe agrees. One that never
            # had a customer cannot be detached, and stays as it is.
            if not self.refresh(method_id).is_detached:
                raise
        with self._uow.write() as stores:
            stores.mirror.mark_detached(method_id, synced_at_ms=asked_at_ms)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="payment_method.detach",
                subject=method_id,
                detail={"customer": method.customer},
            )
        return self.get(method_id)
