"""Reads payments into the mirror before money moves: by list, by id, and by what somebody labelled by hand."""

from __future__ import annotations

from lib.clock import Clock, epoch_ms
from lib.domain.charges import Evidence
from lib.errors import Misconfigured, Missing, Refused
from lib.services.mirror.apply import record_payment_intents
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import searches
from lib.stripe_gateway.gateway import StripeGateway


class PaymentReader:
    """Each raises GatewayError where Stripe could not be read to the end."""

    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def mirror(
        self,
        *,
        customer: str | None = None,
        created_from: int | None = None,
        at_least_from: int | None = None,
    ) -> None:
        """
        Args:
            created_from: nothing older.
            at_least_from: pages, of whatever age, until one begins before that; None for all.
        """
        after: str | None = None
        while True:
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.list_payment_intents(
                customer=customer, created_from=created_from, after=after
            )
            with self._uow.write() as stores:
                record_payment_intents(
                    stores,
                    page.items,
                    synced_at_ms=asked_at_ms,
                    evidence=Evidence.PAYMENT_INTENT.value,
                )
            is_enough = at_least_from is not None and (page.last_created or 0) < at_least_from
            if not page.has_more or is_enough:
                return
            after = page.last_id

    def read_labels(self) -> None:
        """
        Payments made by hand that got a debt's reference afterwards. Stripe has no event of that and no list; its
        Search has, where the account and the key may search.
        """
        page: str | None = None
        while True:
            try:
                hits = self._gateway.search_payment_intents(searches.labelled_by_hand(), page=page)
            except Refused:
                return
            except Misconfigured as error:
                if error.http_status != 403:
                    raise
                return
            with self._uow.read() as stores:
                known = {one.id: stores.payments.evidence(one.id) for one in hits.items}
            for hit in hits.items:
                mirrored = known[hit.id]
                if mirrored is None or mirrored.reference != hit.reference:
                    # Search may lag, so that it says where to look and decides nothing.
                    self._read_payment(hit.id)
            if hits.next_page is None:
                return
            page = hits.next_page

    def read_again(self, *, customer: str | None = None, created_before: int | None = None) -> None:
        """What may have become of payments since they were read, older ones than a list of new ones holds."""
        with self._uow.read() as stores:
            open_ones = stores.payments.not_final(customer=customer, created_before=created_before)
        for intent_id in open_ones:
            self._read_payment(intent_id)

    def _read_payment(self, intent_id: str) -> None:
        asked_at_ms = epoch_ms(self._clock())
        try:
            intent = self._gateway.retrieve_payment_intent(intent_id)
        except Missing:
            return
        with self._uow.write() as stores:
            record_payment_intents(
                stores,
                [intent],
                synced_at_ms=asked_at_ms,
                evidence=Evidence.PAYMENT_INTENT.value,
            )
