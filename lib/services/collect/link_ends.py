"""Ends links whose purpose came about another way, and, as a person asks, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.charges import RETRYABLE_STATES
from lib.domain.days import day_of
from lib.domain.links import (
    LINK_LIFETIME_SECONDS,
    EndReason,
    LinkStatus,
    SetupLink,
    is_done_otherwise,
)
from lib.errors import NotFound, StaleState
from lib.ids import new_id, new_token
from lib.services.collect.charge_notices import link_until
from lib.services.ledger.recovery_links import offer_recovery
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# A method that a customer saves by the link itself is known before the link is: both come as events.
_GRACE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class LinkFailure:
    link_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ManyLinks:
    """What became of many links that were chosen together."""

    links: tuple[SetupLink, ...]
    failures: tuple[LinkFailure, ...]


class LinkEnds:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def end_done(self) -> int:
        """Revoke open links whose purpose came about otherwise; returns how many."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            candidates = stores.links.perhaps_done(now=now, since=now - _GRACE_SECONDS)
            done = [link.id for link in self._done(stores, candidates)]
        ended = 0
        for link_id in done:
            with self._uow.write() as stores:
                link = stores.links.find(link_id)
                if link is not None and self._done(stores, [link]):
                    ended += end(stores, link, why=EndReason.CARD_SAVED, by=SYSTEM, at=now)
        return ended

    def revoke(self, link_ids: Sequence[str], *, by: Actor) -> ManyLinks:
        """
        End open links for good. Their pages are not sent to anybody any more, and the worker ends them at
        Stripe (page_ends.py); what a customer saves on one before that counts all the same.
        """
        by.must(Permission.MANAGE_LINKS)
        links, failures = [], []
        for link_id in link_ids:
            now = epoch(self._clock())
            with self._uow.write() as stores:
                link = stores.links.find(link_id)
                if link is None or link.status(now) is not LinkStatus.OPEN:
                    failures.append(_not_open(link_id, link, now))
                    continue
                end(stores, link, why=EndReason.STAFF, by=by, at=now)
                links.append(link)
        return ManyLinks(tuple(links), tuple(failures))

    def reissue(self, link_ids: Sequence[str], *, by: Actor) -> ManyLinks:
        """
        For each link that is open, expired or revoked a new one that asks the same under another address;
        an open one ends. Asked again, the same new link is the answer.
        """
        by.must(Permission.MANAGE_LINKS)
        links, failures = [], []
        for link_id in link_ids:
            try:
                with self._uow.write() as stores:
                    links.append(self._again(stores, link_id, by=by))
            except (NotFound, StaleState) as error:
                failures.append(LinkFailure(link_id, error.code, str(error)))
        return ManyLinks(tuple(links), tuple(failures))

    def note_sent(self, link_ids: Iterable[str], *, by: Actor) -> int:
        """A person gave the customers their links by their own means; returns how many were new to us."""
        by.must(Permission.MANAGE_LINKS)
        now = epoch(self._clock())
        marked = 0
        with self._uow.write() as stores:
            for link_id in link_ids:
                if stores.links.mark_sent(link_id, at=now):
                    marked += 1
                    stores.audit.record(
                        at=now, actor=by.username, action="link.sent", subject=link_id, detail={}
                    )
        return marked

    def note_reminded(self, link_ids: Iterable[str], *, by: Actor) -> int:
        """A person reminded the customers by their own means; returns how many links that was."""
        by.must(Permission.MANAGE_LINKS)
        now = epoch(self._clock())
        marked = 0
        with self._uow.write() as stores:
            for link in stores.links.some(list(link_ids)).values():
                number = link.reminders + 1
                if number <= 2 and stores.links.mark_reminded(link.id, number=number, at=now):
                    marked += 1
                    stores.audit.record(
                        at=now,
                        actor=by.username,
                        action="link.remind",
                        subject=link.id,
                        detail={"reminder": number},
                    )
        return marked

    def _again(self, stores: Stores, link_id: str, *, by: Actor) -> SetupLink:
        now = epoch(self._clock())
        old = stores.links.find(link_id)
        if old is None:
            raise NotFound("There is no such link.")
        form_key = f"reissue:{old.id}"
        made = stores.links.by_form_key(form_key) or stores.links.replacement_of(old.id)
        if made is not None:
            return made
        status = old.status(now)
        if status is LinkStatus.COMPLETED:
            raise StaleState("The customer finished this link. The card is saved.")
        if old.end_reason in (EndReason.PAID, EndReason.CARD_SAVED) or self._done(stores, [old]):
            # Also after it ended: what is saved since then ends a new one no more.
            raise StaleState("What this link was for came about another way.")
        until = link_until(stores, old.charge_id, now=now)
        if old.charge_id is not None:
            if not _needs_a_card(stores, old.charge_id):
                raise StaleState("This charge needs no new card. Reload to see its state.")
            other = stores.links.open_recovery_of(old.charge_id)
            if other is not None and other.id != old.id:
                return offer_recovery(stores, old.charge_id, by=by.username, at=now, until=until)
        if old.revoked_at is None:
            end(stores, old, why=EndReason.REPLACED, by=by, at=now)
        link = replace(
            old,
            id=new_id("link"),
            token=new_token(),
            created_by=by.username,
            created_at=now,
            expires_at=until or now + LINK_LIFETIME_SECONDS,
            revoked_at=None,
            refusal=None,
            replaces=old.id,
            end_reason=None,
            sent_at=None,
            reminders=0,
            reminded_at=None,
            opened_at=None,
            started_at=None,
        )
        stores.links.add(link, form_key=form_key)
        stores.audit.record(
            at=now,
            actor=by.username,
            action="link.create",
            subject=link.id,
            detail={"customer": link.customer, "reference": link.reference, "replaces": old.id},
        )
        return link

    def _done(self, stores: Stores, links: Sequence[SetupLink]) -> list[SetupLink]:
        now = epoch(self._clock())
        today = day_of(now, stores.meta.timezone)
        recipients = stores.links.recipients(links)
        methods = stores.preflight.methods_of(one for some in recipients.values() for one in some)
        never_again = stores.preflight.never_again(one for some in methods.values() for one in some)

        def is_done(link: SetupLink, customer: str) -> bool:
            return is_done_otherwise(
                link,
                methods.get(customer, ()),
                never_again=never_again,
                today=today,
                since=now - _GRACE_SECONDS,
            )

        # Of several with the address of a link nobody knows who is meant: each has to be done.
        return [
            link
            for link in links
            if (people := recipients.get(link.id)) and all(is_done(link, one) for one in people)
        ]


def _needs_a_card(stores: Stores, charge_id: str) -> bool:
    """Whether it failed, or waits for its first one."""
    charge = stores.charges.find(charge_id)
    is_failed = charge is not None and charge.state in RETRYABLE_STATES
    return is_failed or bool(stores.waiting_charges.still([charge_id]))


def end(stores: Stores, link: SetupLink, *, why: EndReason, by: Actor, at: int) -> bool:
    """False when the customer was first, or it had ended before."""
    if not stores.links.revoke(link.id, at=at, why=why):
        return False
    if why is EndReason.STAFF:
        stores.page_ends.want(link.id, at=at)
    stores.link_sessions.close(link.id, at=at)
    stores.audit.record(
        at=at,
        actor=by.username,
        action="link.expire",
        subject=link.id,
        detail={"reason": why.value},
    )
    return True


def _not_open(link_id: str, link: SetupLink | None, now: int) -> LinkFailure:
    if link is None:
        return LinkFailure(link_id, NotFound.code, "There is no such link.")
    return LinkFailure(link_id, StaleState.code, f"This link is {link.status(now)} already.")
