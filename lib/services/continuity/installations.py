"""Installations whose marks are at Stripe, and which of them this database goes on with."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.rebuild import Installation, question
from lib.errors import Blocked, InvalidInput, StaleState
from lib.store.meta import INSTALLATION, NOT_OURS
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class InstallationService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def own_id(self) -> str:
        """Under which this Onfile marks what it makes."""
        with self._uow.read() as stores:
            return stores.meta.value(INSTALLATION) or ""

    def others(self) -> list[Installation]:
        """Installations whose marks the mirror holds and that are not this one."""
        with self._uow.read() as stores:
            return stores.marks.others(stores.meta.value(INSTALLATION) or "")

    def unclaimed(self) -> list[Installation]:
        """Those that a ledger without charges has met and that nobody said are whose."""
        with self._uow.read() as stores:
            return stores.marks.unclaimed()

    def disown(self, *, by: Actor) -> None:
        """
        Say that they are another installation's: nobody is asked again.

        Raises:
            StaleState: nothing is asked.
        """
        by.must(Permission.SYNC)
        by.must_be_asked()
        with self._uow.write() as stores:
            unclaimed = stores.marks.unclaimed()
            if not unclaimed:
                raise StaleState("Nothing is asked: whose the payments at Stripe are is known.")
            known = json.loads(stores.meta.value(NOT_OURS) or "[]")
            stores.meta.set(NOT_OURS, json.dumps([*known, *(one.id for one in unclaimed)]))
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="ledger.disown",
                subject=", ".join(one.id or "without an id" for one in unclaimed),
                detail={"payments": sum(one.payments for one in unclaimed)},
            )


def choose(stores: Stores, wanted: str | None, *, now: int) -> str:
    """Whose marks are ours, as far as the mirror knows."""
    ours = stores.meta.value(INSTALLATION) or ""
    if stores.charges.any():
        if wanted in (None, ours):
            return ours
        raise Blocked(
            "This database has charges of its own, and cannot become another installation's.",
            code="ledger_not_empty",
        )
    known = {one.id: one for one in stores.marks.installations()}
    named = [name for name in known if name is not None and name != ours]
    if wanted is not None and wanted != ours:
        if wanted not in named:
            raise InvalidInput(
                f"No payment at Stripe carries the marks of {wanted}. Known are: {', '.join(named) or 'none'}.",
                field="installation",
                code="installation_unknown",
            )
        return wanted
    if wanted == ours or ours in known:
        return ours
    return _only_one(list(known.values()), named, ours, now=now)


def _only_one(
    unclaimed: Sequence[Installation], named: Sequence[str], ours: str, *, now: int
) -> str:
    """Nobody said which: the one that there is, if it is not running any more."""
    if len(named) > 1:
        raise InvalidInput(
            f"{question(unclaimed, now=now)} Use --installation: {', '.join(named)}.",
            field="installation",
            code="installation_ambiguous",
        )
    name = named[0] if named else ours
    if any(one.may_run(now) for one in unclaimed):
        raise InvalidInput(
            f"{question(unclaimed, now=now)} Stop it, then say that they are yours with --installation {name}.",
            field="installation",
            code="installation_active",
        )
    return name
