"""The customer comes back from Stripe's page: one of three ways a saved card reaches the mirror."""

from __future__ import annotations

from lib.domain.actors import Actor, Permission
from lib.errors import Missing, NotFound
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork


class ReturnPageService:
    def __init__(self, uow: UnitOfWork, refetcher: Refetcher) -> None:
        self._uow = uow
        self._refetcher = refetcher

    def finish(self, session_id: str) -> bool:
        """
        Mirror the session the customer returns from; True when their method is saved.

        Only sessions that Onfile may have made are asked for, so that nobody can use this page to
        send Stripe requests of their own; everything else is False.
        """
        with self._uow.read() as stores:
            if not stores.links.may_be_ours(session_id):
                return False
        try:
            bundle = self._refetcher.session(session_id)
        except Missing:
            return False
        intent = bundle.setup_intent
        return (
            bundle.session.mode == "setup"
            and bundle.session.status == "complete"
            and intent is not None
            and intent.status in ("succeeded", "processing")
        )

    def pull(self, session_id: str, *, by: Actor) -> None:
        """
        Mirror a session as Stripe has it now, because a person asks.

        Raises:
            NotFound: Stripe has no such session under this key.
        """
        by.must(Permission.SYNC)
        try:
            self._refetcher.session(session_id)
        except Missing as error:
            raise NotFound("Stripe has no such session under this key.") from error
