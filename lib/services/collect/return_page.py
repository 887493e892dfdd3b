"""The customer comes back from Stripe's page: one of three ways a saved card reaches the mirror."""

from __future__ import annotations

import json
from enum import StrEnum

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.confirmations import is_confirming
from lib.errors import Missing, NotFound
from lib.services.collect.charge_notices import announced_charge, may_be_charged_now
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork


class Setup(StrEnum):
    SAVED = "saved"
    SAVED_AND_CHARGED = "saved_charged"
    """The approved charge that waited for it is made now."""
    CONFIRMING = "confirming"
    """The customer is done, and their bank is not."""


class ReturnPageService:
    def __init__(self, uow: UnitOfWork, refetcher: Refetcher, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock
        self.refetcher = refetcher

    def finish(self, session_id: str) -> Setup | None:
        """
        Mirror the session the customer returns from; what became of their method, as far as they may know.

        Only sessions that Onfile may have made are asked for, so that nobody can use this page to
        send Stripe requests of their own; everything else is None.
        """
        with self._uow.read() as stores:
            if not stores.link_sessions.may_be_ours(session_id):
                return None
        try:
            bundle = self.refetcher.session(session_id)
        except Missing:
            return None
        intent, session = bundle.setup_intent, bundle.session
        if session.mode != "setup" or session.status != "complete" or intent is None:
            return None
        if is_confirming(session.status, intent.status):
            return Setup.CONFIRMING
        if intent.status != "succeeded":
            return None
        is_charged = self._is_charged(session_id, intent.payment_method or "")
        return Setup.SAVED_AND_CHARGED if is_charged else Setup.SAVED

    def _is_charged(self, session_id: str, method: str) -> bool:
        """Whether a charge waited for this method, and is made by now or may be made at once."""
        with self._uow.read() as stores:
            page = stores.link_sessions.of_session(session_id)
            charge_id = announced_charge(json.loads(page.params)) if page else None
            waited = stores.waiting_charges.find(charge_id) if charge_id else None
            if waited is None:
                return False
            if waited.end_reason is None:
                return may_be_charged_now(stores, waited, now=epoch(self._clock()))
            # Somebody may have charged another card by hand, while this page was open.
            return any(
                json.loads(attempt.params).get("payment_method") == method
                for attempt in stores.charges.attempts(waited.charge_id)
            )

    def pull(self, session_id: str, *, by: Actor) -> None:
        """
        Mirror a session as Stripe has it now, because a person asks.

        Raises:
            NotFound: Stripe has no such session under this key.
        """
        by.must(Permission.SYNC)
        try:
            self.refetcher.session(session_id)
        except Missing as error:
            raise NotFound("Stripe has no such session under this key.") from error
