"""Payers are told of an approved run before it is executed, and staff decide on what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.announcements import AnnouncedRow, Announcement, AnswerDecision, ToldOfRow
from lib.domain.days import day_of
from lib.domain.holds import clean_reason
from lib.domain.messages import MessageKind
from lib.domain.mirror import Customer
from lib.domain.outbox import MessageState
from lib.domain.runs import Run, RunState
from lib.errors import InvalidInput, NotFound, StaleState
from lib.ids import new_id, new_token
from lib.services.collect.holds import HoldService
from lib.services.messages.ask import MailNotConfigured
from lib.services.messages.compose import MessageComposer
from lib.services.messages.composed import Composed
from lib.services.messages.new_message import new_message
from lib.services.runs.announcement_text import fields_of
from lib.services.runs.approve import find_run, require_state
from lib.services.runs.payers import (
    Payer,
    PayerOverview,
    Told,
    overview_of,
    payers_of,
    why_not_told,
)
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_BY_HAND = "Taken by a person, who sends it."
_SLICE = 50
"""Payers that are told in one transaction: others want the write lock, too."""


class RunAnnouncements:
    def __init__(
        self,
        uow: UnitOfWork,
        composer: MessageComposer,
        holds: HoldService,
        *,
        clock: Clock,
        public_url: str,
        can_send: bool,
    ) -> None:
        self._uow = uow
        self._composer = composer
        self._holds = holds
        self._clock = clock
        self._public_url = public_url
        self.can_send = can_send
        """A mail server is set, or practice mode shows what would be sent."""

    def payers(self, run_id: str) -> list[Payer]:
        """In the order of the file; rows that wait for a card have a message of their own."""
        with self._uow.read() as stores:
            return list(payers_of(stores, find_run(stores, run_id)))

    def overview(self, run_id: str, *, most: int) -> PayerOverview:
        """How many payers can be told; at most so many of the others are listed."""
        with self._uow.read() as stores:
            return overview_of(stores, find_run(stores, run_id), most=most)

    def of_run(self, run_id: str) -> list[Announcement]:
        """Newest first."""
        with self._uow.read() as stores:
            return stores.announcements.of_run(run_id)

    def to_decide(self) -> dict[str, tuple[str, int]]:
        """Runs with answers on which nobody has decided: their names, and how many answers."""
        with self._uow.read() as stores:
            waiting = stores.announcements.runs_to_decide()
            return {
                run_id: (find_run(stores, run_id).name, count) for run_id, count in waiting.items()
            }

    def told_of(self, run_id: str, number: int | None = None) -> list[ToldOfRow]:
        """What payers were told last, by row: of this one, or of all."""
        with self._uow.read() as stores:
            return stores.announcements.told_of(run_id, number)

    def preview(self, payer: Payer, on: date) -> Composed:
        """What this payer would read."""
        with self._uow.read() as stores:
            customer = stores.mirror.customer(payer.customer)
            if customer is None:
                raise NotFound("There is no such customer.")
            return self._composed(stores, customer, payer.rows, on, token="example")  # noqa: S106

    def announce(self, run_id: str, on: date, *, by: Actor, by_hand: bool = False) -> Told:
        """
        Put a message for each payer into the outbox: what is charged on that day, and from what. Each is
        told once of a day. `by_hand`: this person sends them, so they count as sent; taken again, they are the same.

        Raises:
            NotPermitted, NotFound, MailNotConfigured
            StaleState: it is not approved, or begun already.
            InvalidInput: the day is over.
        """
        by.must(Permission.MANAGE_LINKS)
        by.must(Permission.CHARGE)
        if not (self.can_send or by_hand):
            raise MailNotConfigured
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            _check(stores, run, on, now=self._now())
            payers = list(payers_of(stores, run))
        result = Told()
        for first in range(0, len(payers), _SLICE):
            with self._uow.write() as stores:
                # It may have begun meanwhile.
                _check(stores, find_run(stores, run_id), on, now=self._now())
                for payer in payers[first : first + _SLICE]:
                    self._tell(stores, run, payer, on, result, by=by, by_hand=by_hand)
        with self._uow.write() as stores:
            self._note(
                stores,
                "run.announce",
                run.id,
                by=by,
                day=on.isoformat(),
                payers=len(result.queued),
                taken=len(result.taken),
                not_told=len(result.failed),
            )
        return result

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
                self._note(
                    stores,
                    "announcement.answer",
                    announcement.id,
                    by=SYSTEM,
                    run=announcement.run_id,
                    customer=announcement.customer,
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
            self._note(
                stores,
                f"announcement.{decision}",
                announcement.id,
                by=by,
                run=announcement.run_id,
                customer=announcement.customer,
                reason=reason,
            )

    def _tell(
        self,
        stores: Stores,
        run: Run,
        payer: Payer,
        on: date,
        result: Told,
        *,
        by: Actor,
        by_hand: bool,
    ) -> None:
        customer = stores.mirror.customer(payer.customer)
        problem = why_not_told(stores, customer)
        if customer is None or problem is not None:
            result.failed.append((payer.customer, problem or "no_address"))
            return
        digest, day = run.digest or "", on.isoformat()
        known = stores.announcements.of_payer(run.id, digest, customer.id, day)
        token = known.token if known else new_token()
        composed = self._composed(stores, customer, payer.rows, on, token=token)
        message = new_message(composed, by=by, at=self._now())
        key = f"{MessageKind.ANNOUNCEMENT}:{run.id}:{digest}:{customer.id}:{day}"
        if known is not None:
            # What was refused or cancelled goes out after all.
            is_asked = stores.outbox.ask_again(message, once_key=key)
            taken = stores.outbox.find(known.message_id) if by_hand else None
            if taken is not None and (is_asked or taken.reply == _BY_HAND):
                self._take(stores, known.message_id, composed, result)
            elif is_asked:
                result.queued.append(known.id)
            else:
                result.failed.append((customer.id, "already_told"))
            return
        stores.outbox.add(message, once_key=key)
        made = Announcement(
            id=new_id("ann"),
            run_id=run.id,
            digest=digest,
            customer=customer.id,
            token=token,
            charge_on=day,
            language=composed.language.tag,
            message_id=message.id,
            announced_by=by.username,
            announced_at=self._now(),
        )
        stores.announcements.add(made, payer.rows)
        if by_hand:
            self._take(stores, message.id, composed, result)
        else:
            result.queued.append(made.id)

    def _take(self, stores: Stores, message_id: str, composed: Composed, result: Told) -> None:
        now = self._now()
        if stores.outbox.hand_over(message_id, at=now):
            stores.outbox.settle(message_id, MessageState.SENT, reply=_BY_HAND, at=now)
            stores.announcements.mark_told(message_id, at=now)
        result.taken.append(composed)

    def _composed(
        self,
        stores: Stores,
        customer: Customer,
        rows: Sequence[AnnouncedRow],
        on: date,
        *,
        token: str,
    ) -> Composed:
        fields = fields_of(stores, rows, on, answer=f"{self._public_url}/l/answer/{token}")
        return self._composer.of_customer(stores, customer, MessageKind.ANNOUNCEMENT, fields)

    def _note(
        self, stores: Stores, action: str, subject: str, *, by: Actor, **detail: object
    ) -> None:
        stores.audit.record(
            at=self._now(), actor=by.username, action=action, subject=subject, detail=detail
        )

    def _now(self) -> int:
        return epoch(self._clock())


def _check(stores: Stores, run: Run, on: date, *, now: int) -> None:
    require_state(run, RunState.APPROVED)
    if on < day_of(now, stores.meta.timezone):
        raise InvalidInput("That day is over. Name today or a later one.", field="on")
