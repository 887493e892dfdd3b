"""Payers are told of an approved run before it is executed, and staff decide on what they answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.announcements import AnnouncedRow, Announcement, ToldOfRow
from lib.domain.days import day_of
from lib.domain.messages import MessageKind
from lib.domain.mirror import Customer
from lib.domain.outbox import MessageState
from lib.domain.runs import Run, RunState
from lib.errors import InvalidInput, NotFound
from lib.ids import new_id, new_token
from lib.services.collect.holds import HoldService
from lib.services.messages.ask import MailNotConfigured
from lib.services.messages.compose import MessageComposer
from lib.services.messages.composed import Composed
from lib.services.messages.new_message import doubted_until, is_in_doubt, new_message
from lib.services.runs.announcement_text import fields_of
from lib.services.runs.approve import find_run, require_state
from lib.services.runs.payer_answers import PayerAnswers
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
        self._clock = clock
        self._public_url = public_url
        self.can_send = can_send
        """A mail server is set, or practice mode shows what would be sent."""
        self.answers = PayerAnswers(uow, holds, clock=clock)

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

    def may_have_been_told(self, run_id: str) -> bool:
        """Whether nobody knows, as an older database was put back since the run was made."""
        with self._uow.read() as stores:
            return find_run(stores, run_id).created_at <= (doubted_until(stores) or 0)

    def announce(
        self,
        run_id: str,
        on: date,
        *,
        by: Actor,
        by_hand: bool = False,
        only: Collection[str] | None = None,
        in_doubt: bool = False,
    ) -> Told:
        """
        Put a message for each payer into the outbox: what is charged on that day, and from what. Each is
        told once of a day.

        Args:
            by_hand: this person sends them, so they count as sent; taken again, they are the same.
            only: of all payers these customers.
            in_doubt: also where nobody knows whether it went before an older database was put back.

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
            payers = [
                payer for payer in payers_of(stores, run) if only is None or payer.customer in only
            ]
        result = Told()
        for first in range(0, len(payers), _SLICE):
            with self._uow.write() as stores:
                # It may have begun meanwhile.
                _check(stores, find_run(stores, run_id), on, now=self._now())
                for payer in payers[first : first + _SLICE]:
                    self._tell(
                        stores, run, payer, on, result, by=by, by_hand=by_hand, in_doubt=in_doubt
                    )
        with self._uow.write() as stores:
            stores.audit.record(
                at=self._now(),
                actor=by.username,
                action="run.announce",
                subject=run.id,
                detail={
                    "day": on.isoformat(),
                    "payers": len(result.queued),
                    "taken": len(result.taken),
                    "not_told": len(result.failed),
                },
            )
        return result

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
        in_doubt: bool,
    ) -> None:
        customer = stores.mirror.customer(payer.customer)
        problem = why_not_told(stores, customer)
        if customer is None or problem is not None:
            result.failed.append((payer.customer, problem or "no_address"))
            return
        digest, day = run.digest or "", on.isoformat()
        key = f"{MessageKind.ANNOUNCEMENT}:{run.id}:{digest}:{customer.id}:{day}"
        # Whatever is approved now may have been approved before, in a file that is gone.
        if not in_doubt and is_in_doubt(stores, key, possible_since=run.created_at):
            result.failed.append((customer.id, "perhaps_sent"))
            return
        known = stores.announcements.of_payer(run.id, digest, customer.id, day)
        token = known.token if known else new_token()
        composed = self._composed(stores, customer, payer.rows, on, token=token)
        message = new_message(composed, by=by, at=self._now())
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

    def _now(self) -> int:
        return epoch(self._clock())


def _check(stores: Stores, run: Run, on: date, *, now: int) -> None:
    require_state(run, RunState.APPROVED)
    if on < day_of(now, stores.meta.timezone):
        raise InvalidInput("That day is over. Name today or a later one.", field="on")
