"""Verifies that the audit log is whole."""

from __future__ import annotations

from lib.store.audit import ChainCheck
from lib.store.unit_of_work import UnitOfWork


class AuditService:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def verify(self) -> ChainCheck:
        """Recompute the chain of digests; the head is what to write down elsewhere."""
        with self._uow.read() as stores:
            return stores.audit.verify()
