"""The language a customer reads: chosen at the link, else theirs at Stripe, else their browser's, else the installation's."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.links import SetupLink
from lib.languages import ENGLISH, Language, accepted, first_of
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class CustomerLanguages:
    def __init__(self, uow: UnitOfWork, *, default: str) -> None:
        self._uow = uow
        self._default = default

    def of_link(
        self, stores: Stores, link: SetupLink | None, *, browser: Sequence[str] = ()
    ) -> Language:
        customer = link.customer if link else None
        return self._chosen(
            link.locale if link else None, self._at_stripe(stores, customer), browser
        )

    def known(self, stores: Stores, link: SetupLink) -> Language | None:
        """As somebody chose it: at the link, or for its customer; None where neither was said."""
        return first_of((link.locale, *self._at_stripe(stores, link.customer)))

    def of_customer(self, stores: Stores, customer_id: str) -> Language:
        return self._chosen(None, self._at_stripe(stores, customer_id), ())

    def of_visitor(
        self, *, token: str | None, session_id: str | None, browser: Sequence[str]
    ) -> Language:
        """
        Of whoever opened the durable address `token`, or came back from the page `session_id`.

        Args:
            browser: the tags of its Accept-Language.
        """
        with self._uow.read() as stores:
            link = stores.links.by_token(token) if token else None
            if link is None and session_id:
                link = stores.links.by_session(session_id)
            return self.of_link(stores, link, browser=browser)

    def without_a_database(self, browser: Sequence[str]) -> Language:
        """For pages that have to be shown when it cannot be read."""
        return self._chosen(None, (), browser)

    def _chosen(
        self, chosen: str | None, at_stripe: Sequence[str], browser: Sequence[str]
    ) -> Language:
        return first_of((chosen, *at_stripe, *browser, self._default)) or ENGLISH

    @staticmethod
    def _at_stripe(stores: Stores, customer_id: str | None) -> Sequence[str]:
        customer = stores.mirror.customer(customer_id) if customer_id else None
        return accepted((customer.preferred_locales if customer else None) or "")
