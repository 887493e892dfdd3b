"""For how long what is kept of people is kept: set by an admin, tried without effect, and applied each day."""

from __future__ import annotations

from collections.abc import Mapping

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.retention import RetentionKind, RetentionRule, checked_days
from lib.errors import InvalidInput
from lib.services.protection.persons import DAY_SECONDS, PersonService
from lib.store.erasures import written_over
from lib.store.meta import RETENTION_APPLIED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class RetentionService:
    def __init__(self, uow: UnitOfWork, persons: PersonService, *, clock: Clock) -> None:
        self._uow = uow
        self._persons = persons
        self._clock = clock

    def rules(self) -> dict[str, RetentionRule]:
        """By kind; what is not named is kept for ever."""
        with self._uow.read() as stores:
            return stores.retention.rules()

    def set(self, kind: str, days: str, *, by: Actor) -> None:
        """
        `days`: a number, or “none”. Nothing is removed before the next `apply`, by hand or by the worker.

        Raises:
            InvalidInput: no such kind, or not a number of days in range.
            NotSignedIn: an open page, and nobody was asked for the password again.
        """
        by.must(Permission.PROTECT_DATA)
        by.must_be_asked()
        if kind not in set(RetentionKind):
            known = ", ".join(RetentionKind)
            raise InvalidInput(f"There is no “{kind[:40]}”: choose one of {known}.", field="kind")
        wanted, now = checked_days(days), epoch(self._clock())
        with self._uow.write() as stores:
            before = stores.retention.rules().get(kind)
            if wanted is None:
                stores.retention.clear(kind)
            else:
                stores.retention.set(RetentionRule(kind, wanted, by.username, now))
            stores.audit.record(
                at=now,
                actor=by.username,
                action="retention.set",
                subject=kind,
                detail={"from": before.days if before else None, "to": wanted},
            )

    def look(self, *, by: Actor) -> dict[str, int]:
        """How much `apply` would remove now, by kind; nothing is changed, and that somebody asked is on record."""
        by.must(Permission.PROTECT_DATA)
        with self._uow.write() as stores:
            counts = self._older(stores)
            self._audit(stores, "retention.look", counts, by=by)
        return counts

    def apply(self, *, by: Actor) -> dict[str, int]:
        """
        Remove what is older than its rule allows; returns how much, by kind.

        Raises:
            NotSignedIn: an open page, and nobody was asked for the password again.
        """
        by.must(Permission.PROTECT_DATA)
        by.must_be_asked()
        with self._uow.write() as stores, written_over(stores.database):
            counts = self._older(stores)
            before = self._before(stores)
            if (links := before.get(RetentionKind.LINKS)) is not None:
                stores.retention.erase_links(links)
            if (notes := before.get(RetentionKind.NOTES)) is not None:
                stores.retention.erase_notes(notes)
            deleted = before.get(RetentionKind.DELETED_CUSTOMERS)
            ids = [] if deleted is None else self._erasable(stores, deleted)
        if RetentionKind.DELETED_CUSTOMERS in counts:
            counts[RetentionKind.DELETED_CUSTOMERS] = self._persons.erase_deleted(ids, by=by)
        with self._uow.write() as stores:
            stores.meta.set(RETENTION_APPLIED, str(epoch(self._clock())))
            if any(counts.values()) or not by.is_system:
                self._audit(stores, "retention.apply", counts, by=by)
        return counts

    def apply_due(self) -> None:
        """For the worker: once a day, where something is set."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            last, rules = stores.meta.value(RETENTION_APPLIED), stores.retention.rules()
        if rules and (last is None or not 0 <= now - int(last) < DAY_SECONDS):
            self.apply(by=SYSTEM)

    def _before(self, stores: Stores) -> dict[str, int]:
        now = epoch(self._clock())
        return {
            kind: now - rule.days * DAY_SECONDS for kind, rule in stores.retention.rules().items()
        }

    def _older(self, stores: Stores) -> dict[str, int]:
        """How much is older than its rule allows."""
        counts = {}
        for kind, before in self._before(stores).items():
            match RetentionKind(kind):
                case RetentionKind.LINKS:
                    counts[kind] = stores.retention.ended_links(before)
                case RetentionKind.NOTES:
                    counts[kind] = stores.retention.old_notes(before)
                case RetentionKind.DELETED_CUSTOMERS:
                    counts[kind] = len(self._erasable(stores, before))
        return counts

    def _erasable(self, stores: Stores, before: int) -> list[str]:
        """Customers deleted at Stripe before this moment with whom nothing is under way."""
        now = epoch(self._clock())
        return [
            one
            for one in stores.retention.deleted_customers(before)
            if not stores.personal.open_work(stores.personal.person(one), now=now)
        ]

    def _audit(self, stores: Stores, action: str, counts: Mapping[str, int], *, by: Actor) -> None:
        stores.audit.record(
            at=epoch(self._clock()),
            actor=by.username,
            action=action,
            subject="retention",
            detail=dict(counts),
        )
