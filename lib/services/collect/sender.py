"""The company that customers deal with: as it was set, else by its business name at Stripe."""

from __future__ import annotations

from lib.domain.sender import Sender
from lib.store.meta import COMPANY
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class SenderService:
    def __init__(self, uow: UnitOfWork, *, company: str, contact: str) -> None:
        self._uow = uow
        self._company = company
        self._contact = contact

    def sender(self) -> Sender:
        if self._company:
            return Sender(self._company, self._contact)
        with self._uow.read() as stores:
            return self.of(stores)

    def of(self, stores: Stores) -> Sender:
        return Sender(self._company or stores.meta.value(COMPANY) or "", self._contact)

    def without_a_database(self) -> Sender:
        """For pages that have to be shown when it cannot be read."""
        return Sender(self._company, self._contact)
