"""
Rebuild: takes over from Stripe what this installation did there and this database does not know.

Everything that carries our marks is read into the mirror first, resumable and with progress as any full
read; from there each payment becomes an attempt of its charge. What cannot be told stands as a conflict,
and blocks its customer and reference only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.charges import STATE_AFTER, outcome_of_status
from lib.errors import Blocked, InvalidInput
from lib.ids import new_id
from lib.services.mirror.sync import SyncService
from lib.store.marks import Installation, Mark, charge_of
from lib.store.meta import BEHIND, INSTALLATION
from lib.store.unit_of_work import Stores, UnitOfWork

CONFLICT = "conflict"
"""The kind of incident that a payment becomes which cannot be taken over."""
_TYPES = ("customers", "checkout_sessions", "payment_intents", "refunds")
_AT_ONCE = 200
# A mark this young: the installation that made it may still be running.
_STILL_RUNNING_SECONDS = 3600

Progress = Callable[[dict[str, object]], None]


@dataclass(slots=True)
class Rebuilt:
    charges: int = 0
    attempts: int = 0
    refunds: int = 0
    links: int = 0
    conflicts: list[dict[str, object]] = field(default_factory=list)

    @property
    def adopted(self) -> dict[str, int]:
        return {
            "charges": self.charges,
            "attempts": self.attempts,
            "refunds": self.refunds,
            "links": self.links,
        }


class RebuildService:
    def __init__(self, uow: UnitOfWork, sync: SyncService, *, clock: Clock, livemode: bool) -> None:
        self._uow = uow
        self._sync = sync
        self._clock = clock
        self._livemode = livemode

    def others(self) -> list[Installation]:
        """Installations whose marks the mirror holds and that are not this one."""
        with self._uow.read() as stores:
            ours = stores.meta.value(INSTALLATION)
            return [one for one in stores.marks.installations() if one.id not in (None, ours)]

    def rebuild_due(self) -> bool:
        """For the worker: only what is behind, and only of this very installation."""
        with self._uow.read() as stores:
            if stores.meta.value(BEHIND) is None:
                return False
        self.rebuild(by=SYSTEM)
        return True

    def rebuild(
        self, *, by: Actor, installation: str | None = None, progress: Progress = lambda _: None
    ) -> Rebuilt:
        """
        Read everything with marks, take it over, and let the ledger count as complete again.

        Safe to repeat, and to be killed anywhere: what is known already is left as it is.

        Args:
            installation: whose marks are ours, for a database that began anew.

        Raises:
            InvalidInput: no such installation, or there is one to choose.
            Blocked: the ledger holds charges of its own and cannot take another's id.
            GatewayError, SyncIncomplete: Stripe could not be read to the end; run it again.
        """
        by.must(Permission.SYNC)
        self._sync.run_now(by=by, full=True, only=_TYPES, progress=progress)
        ours = self._take_installation(installation, by=by)
        result = Rebuilt()
        while True:
            with self._uow.write(in_bulk=True) as stores:
                marks = stores.marks.unknown(ours, limit=_AT_ONCE)
                for mark in marks:
                    self._adopt(stores, mark, result)
            if not marks:
                break
            progress({"doing": "taking over", **result.adopted})
        self._finish(result, by=by)
        return result

    def _take_installation(self, wanted: str | None, *, by: Actor) -> str:
        with self._uow.write() as stores:
            ours = stores.meta.value(INSTALLATION) or ""
            known = {one.id: one for one in stores.marks.installations() if one.id is not None}
            others = [one for name, one in known.items() if name != ours]
            if wanted in (None, ours) and (ours in known or not others):
                return ours
            if stores.charges.any():
                if wanted in (None, ours):
                    return ours
                raise Blocked(
                    "This database has charges of its own, and cannot become another installation's.",
                    code="ledger_not_empty",
                )
            chosen = self._choose(wanted, others)
            stores.meta.set(INSTALLATION, chosen)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="ledger.take_installation",
                subject=chosen,
                detail={"was": ours},
            )
            return chosen

    def _choose(self, wanted: str | None, others: list[Installation]) -> str:
        names = {str(one.id): one for one in others}
        if wanted is not None:
            if wanted not in names:
                raise InvalidInput(
                    f"No payment at Stripe carries the marks of {wanted}. Known are: {', '.join(names)}.",
                    field="installation",
                    code="installation_unknown",
                )
            return wanted
        if len(names) > 1:
            raise InvalidInput(
                f"Payments of several installations are at Stripe: {', '.join(names)}. Say which is yours with --installation.",
                field="installation",
                code="installation_ambiguous",
            )
        name, only = next(iter(names.items()))
        if epoch(self._clock()) - only.newest < _STILL_RUNNING_SECONDS:
            raise InvalidInput(
                f"{name} charged less than an hour ago: is it still running? Stop it, then say that it is yours with --installation {name}.",
                field="installation",
                code="installation_active",
            )
        return name

    def _adopt(self, stores: Stores, mark: Mark, result: Rebuilt) -> None:
        outcome = outcome_of_status(mark.status, mark.error_code, mark.error_decline_code)
        state = STATE_AFTER[outcome]
        is_new = stores.charges.find(mark.charge_id) is None
        charge = charge_of(mark, state)
        now = epoch(self._clock())
        problem = (
            "marks_incomplete"
            if charge is None
            else stores.marks.adopt(mark, charge, outcome, at=now, livemode=self._livemode)
        )
        if problem is None:
            result.attempts += 1
            result.charges += is_new
            stores.charges.note(
                mark.charge_id,
                attempt=mark.attempt,
                at=now,
                actor="system",
                kind=outcome.value,
                detail={"evidence": "rebuild", "payment_intent": mark.payment_intent},
            )
            return
        details = {
            "reason": problem,
            "charge_id": mark.charge_id,
            "attempt": mark.attempt,
            "customer": mark.customer,
            "reference": mark.reference,
            "amount": mark.amount,
            "currency": mark.currency,
            "status": mark.status,
        }
        stores.incidents.add(
            new_id("inc"), kind=CONFLICT, subject=mark.payment_intent, details=details, at=now
        )
        result.conflicts.append({"payment_intent": mark.payment_intent, **details})

    def _finish(self, result: Rebuilt, *, by: Actor) -> None:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            was_behind = stores.meta.value(BEHIND)
            stores.meta.clear(BEHIND)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="ledger.rebuild",
                subject=stores.meta.value(INSTALLATION) or "",
                detail={
                    "behind_since": was_behind,
                    "adopted": result.adopted,
                    "conflicts": len(result.conflicts),
                },
            )
