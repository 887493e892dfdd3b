"""Searches Stripe for customers who must not be charged, where events cannot tell (docs/decisions/028)."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.holds import mark_of
from lib.domain.mirror import Customer
from lib.errors import Misconfigured, Missing, Refused
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import searches
from lib.stripe_gateway.gateway import StripeGateway


class HoldSearch:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, refetcher: Refetcher) -> None:
        self._uow = uow
        self._gateway = gateway
        self._refetcher = refetcher

    def read(self) -> bool:
        """
        Customers whose mark is news here, each as it is now. False where Search is not open to this account
        or key.
        """
        page: str | None = None
        while True:
            try:
                answer = self._gateway.search_customers(searches.on_hold(), page=page)
            except Refused:
                return False
            except Misconfigured as error:
                if error.http_status != 403:
                    raise
                return False
            for customer_id in self._with_news(answer.items):
                try:
                    self._refetcher.customer(customer_id)
                except Missing:
                    continue
            page = answer.next_page
            if page is None:
                return True

    def _with_news(self, customers: Sequence[Customer]) -> list[str]:
        """Search may be an hour old, so it decides nothing."""
        with self._uow.read() as stores:
            holds = stores.holds.of(one.id for one in customers)
        known = {(one.customer, one.id, one.is_open) for one in holds}
        news = []
        for one in customers:
            mark = mark_of(one.id, one.do_not_charge, at=one.created)
            if mark is not None and (one.id, mark.id, mark.is_on) not in known:
                news.append(one.id)
        return news
