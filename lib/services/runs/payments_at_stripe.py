"""
Reads all payments of a run's customers at Stripe, of any age, for its certificate.

By lists: a list has what was paid a second ago, Search may lack an hour, and some accounts have none. Whichever
takes fewer requests is read: each customer's list, or the account's whole one. Search only adds what names the
run under a customer who is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lib.clock import Clock, epoch
from lib.domain.list_windows import Window
from lib.domain.mirror import PaymentIntent
from lib.errors import Misconfigured, Missing, Refused
from lib.stripe_gateway import searches
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import PAGE, ListPage, Unreadable, whole_list
from lib.stripe_gateway.parallel_reader import READERS, ParallelReader, WindowPage

# With what went back of each payment, and whether its customer disputes it.
_EXPAND = ("data.latest_charge",)


class PaymentsAtStripe:
    def __init__(self, gateway: StripeGateway, *, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    def of(
        self, customers: Collection[str], *, all_payments: int | None
    ) -> Iterator[tuple[list[PaymentIntent], tuple[Unreadable, ...]]]:
        """
        Page by page, with what of it could not be read; one payment may come twice.

        Args:
            all_payments: how many the account has as far as is known; None where nobody knows.

        Raises:
            GatewayError: Stripe could not be read to the end.
        """
        if all_payments is not None and all_payments < PAGE * len(customers):
            yield from self._whole_account()
            return
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="onfile-certificate")
        try:
            yield from pool.map(self._of_customer, sorted(customers))
        except Missing:
            # A customer was deleted: what they paid stands in the account's list alone.
            yield from self._whole_account()
        finally:
            # A key that may not read is refused a few times, not once a customer.
            pool.shutdown(cancel_futures=True)

    def naming(self, run_id: str) -> set[str] | None:
        """
        Ids of all payments that name the run, under whichever customer, as Search has them; None where
        Search is not open to this account, or to this key.
        """
        ids: set[str] = set()
        page: str | None = None
        try:
            while True:
                hits = self._gateway.search_payment_intents(searches.of_run(run_id), page=page)
                ids |= {intent.id for intent in hits.items}
                page = hits.next_page
                if page is None:
                    return ids
        except Refused:
            return None
        except Misconfigured as error:
            if error.http_status != 403:
                raise
            return None

    def retrieve(self, intent_id: str) -> PaymentIntent | None:
        """None where Stripe has no such payment."""
        try:
            return self._gateway.retrieve_payment_intent(intent_id)
        except Missing:
            return None

    def _of_customer(self, customer: str) -> tuple[list[PaymentIntent], tuple[Unreadable, ...]]:
        def fetch(after: str | None) -> ListPage[PaymentIntent]:
            return self._gateway.list_payment_intents(
                customer=customer, after=after, expand=_EXPAND
            )

        page = whole_list(fetch)
        return page.items, page.unreadable

    def _whole_account(self) -> Iterator[tuple[list[PaymentIntent], tuple[Unreadable, ...]]]:
        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Any]:
            return self._gateway.list_page(
                "payment_intents",
                created_from=created_from,
                created_before=created_before,
                after=after,
                expand=_EXPAND,
            )

        # Whatever a clock says, nothing is younger than tomorrow.
        until = epoch(self._clock()) + 86_400
        messages = ParallelReader(fetch, [Window(0, until)], clock=self._clock).messages()
        try:
            for message in messages:
                if isinstance(message, WindowPage):
                    yield message.items, message.unreadable
        finally:
            messages.close()
