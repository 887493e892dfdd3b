"""Answers of payers who were told of a run, and the decisions of staff on them."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.announcements import Announcement, AnswerDecision
from lib.domain.holds import clean_reason
from lib.errors import NotFound, StaleState
from lib.services.collect.holds import HoldService
from lib.services.runs.approve import find_run
from lib.store.unit_of_work import UnitOfWork


class PayerAnswers:
    def __init__(self, uow: UnitOfWork, holds: HoldService, *, clock: Clock) -> None:
        self._uow = uow
        self._holds = holds
        self._clock = clock

    def to_decide(self) -> dict[str, tuple[str, int]]:
        """Runs with answers on which nobody has decided: their names, and how many answers."""
        with self._uow.read() as stores:
            waiting = stores.announcements.runs_to_decide()
            return {
                run_id: (find_run(stores, run_id).name, count) for run_id, count in waiting.items()
            }

    def find(self, token: str) -> tuple[Announcement | None, bool]:
        """What a payer opened the page of, and whether any of it may still be charged by its run."""
        with self._uow.read() as stores:
            announcement = stores.announcements.by_token(token)
            return announcement, announcement is not None and stores.announcements.is_open(
                announcement.id
            )

    def answer(self, token: str) -> tuple[Announcement | None, bool]:
        """
        The payer pressed the button: written down once. From the commit on nothing of it is charged
        before staff decide. As `find`.
        """
        announcement, is_open = self.find(token)
        if announcement is None or not is_open or announcement.answered_at is not None:
            return announcement, is_open
        with self._uow.write() as stores:
            if stores.announcements.answer(announcement.id, at=self._now()):
                stores.audit.record(
                    at=self._now(),
                    actor=SYSTEM.username,
                    action="announcement.answer",
                    subject=announcement.id,
                    detail={"run": announcement.run_id, "customer": announcement.customer},
                )
            return stores.announcements.find(announcement.id), is_open

    def hold(self, announcement_id: str, *, by: Actor) -> None:
        """
        The answer switches the customer's charges off, all of them.

        Raises:
            NotPermitted, NotFound
            StaleState: there is no answer, or somebody decided on it.
        """
        by.must(Permission.HOLD)
        announcement = self._to_decide(announcement_id)
        with self._uow.read() as stores:
            run = find_run(stores, announcement.run_id)
            is_held = bool(stores.holds.open_of(announcement.customer))
        if not is_held:
            reason = f"Answered “please not” when told of the run {run.name}"
            self._holds.set(announcement.customer, reason=reason, by=by)
        self._decide(announcement, AnswerDecision.HELD, None, by=by)

    def set_aside(self, announcement_id: str, *, reason: str, by: Actor) -> None:
        """It is charged all the same: the customer changed their mind, say. Raises as `hold`, and InvalidInput."""
        by.must(Permission.HOLD)
        why = clean_reason(reason)
        self._decide(self._to_decide(announcement_id), AnswerDecision.SET_ASIDE, why, by=by)

    def _to_decide(self, announcement_id: str) -> Announcement:
        with self._uow.read() as stores:
            announcement = stores.announcements.find(announcement_id)
        if announcement is None:
            raise NotFound("There is no such announcement.")
        if not announcement.is_to_decide:
            raise StaleState("There is nothing to decide: no answer, or somebody decided on it.")
        return announcement

    def _decide(
        self, announcement: Announcement, decision: AnswerDecision, reason: str | None, *, by: Actor
    ) -> None:
        with self._uow.write() as stores:
            decided = stores.announcements.decide(
                announcement.id, decision, reason=reason, by=by.username, at=self._now()
            )
            if not decided:
                raise StaleState("Somebody decided on this answer a moment ago.")
            stores.audit.record(
                at=self._now(),
                actor=by.username,
                action=f"announcement.{decision}",
                subject=announcement.id,
                detail={
                    "run": announcement.run_id,
                    "customer": announcement.customer,
                    "reason": reason,
                },
            )

    def _now(self) -> int:
        return epoch(self._clock())
