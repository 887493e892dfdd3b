"""Charges that wait for a card, as staff see and end them, and the end that their approval sets."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.approvals import have_expired
from lib.domain.charges import ChargeState
from lib.domain.waiting_charges import WaitEnd
from lib.errors import NotFound, StaleState
from lib.services.ledger.attempts import give_up
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class WaitingCharges:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def cancel(self, charge_id: str, *, by: Actor) -> None:
        """
        Give it up; its link ends, and the reference becomes free.

        Raises:
            NotFound: it never waited.
            StaleState: it does not wait any more.
        """
        self._end(charge_id, WaitEnd.CANCELLED, by=by)

    def note_paid_otherwise(self, charge_id: str, *, by: Actor) -> None:
        """As `cancel`, and its timeline says that the customer paid in another way."""
        self._end(charge_id, WaitEnd.PAID_OTHERWISE, by=by)

    def end_with_their_approval(self) -> int:
        """
        End what waits by an approval that is too old, and tell staff of cards that came too late, or on a
        page that did not say what is charged; returns how many ended by their approval.
        """
        now = epoch(self._clock())
        with self._uow.read() as stores:
            run_ids = stores.waiting_charges.runs()
            late = stores.waiting_charges.saved_late()
            unannounced = stores.waiting_charges.saved_unannounced()
            expired = [run_id for run_id in run_ids if _has_expired(stores, run_id, now)]
        ended = sum(self._end_run(run_id) for run_id in expired)
        for charge_id in late:
            self._tell(charge_id)
        for charge_id in unannounced:
            self._refuse(charge_id)
        return ended

    def _end_run(self, run_id: str) -> int:
        now = epoch(self._clock())
        ended = 0
        with self._uow.write() as stores:
            if not _has_expired(stores, run_id, now):
                return 0
            for waiting in stores.waiting_charges.of_run(run_id):
                ended += end_wait(
                    stores, waiting.charge_id, WaitEnd.APPROVAL_ENDED, by=SYSTEM, at=now
                )
        return ended

    def _end(self, charge_id: str, why: WaitEnd, *, by: Actor) -> None:
        by.must(Permission.CHARGE)
        with self._uow.write() as stores:
            if stores.waiting_charges.find(charge_id) is None:
                raise NotFound("There is no such charge that waits for a card.")
            if not end_wait(stores, charge_id, why, by=by, at=epoch(self._clock())):
                raise StaleState("This charge does not wait any more. Reload to see its state.")

    def _tell(self, charge_id: str) -> None:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if stores.waiting_charges.note_told(charge_id, at=now):
                why = "A card was saved by the link after this charge had stopped waiting. It was not charged."
                _note_not_charged(stores, charge_id, why, at=now)

    def _refuse(self, charge_id: str) -> None:
        """The charge stays, for somebody to make it by hand: its link is used."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if charge_id in stores.waiting_charges.saved_unannounced():
                stores.waiting_charges.end(
                    charge_id, why=WaitEnd.REFUSED, by=SYSTEM.username, at=now
                )
                why = "A card was saved on a page that did not say what is charged. It was not charged."
                _note_not_charged(stores, charge_id, why, at=now)


def _note_not_charged(stores: Stores, charge_id: str, why: str, *, at: int) -> None:
    stores.charges.note(
        charge_id,
        attempt=None,
        at=at,
        actor=SYSTEM.username,
        kind="new_card_not_charged",
        detail={"why": why},
    )


def end_wait(stores: Stores, charge_id: str, why: WaitEnd, *, by: Actor, at: int) -> bool:
    """The charge is given up, and its link ends; False when it does not wait any more, or is being charged."""
    if not stores.waiting_charges.end(charge_id, why=why, by=by.username, at=at):
        return False
    if not give_up(stores, charge_id, before=ChargeState.PLANNED, by=by.username, at=at):
        raise LookupError(charge_id)  # the schema ends the wait of what is not planned any more
    stores.charges.note(
        charge_id,
        attempt=None,
        at=at,
        actor=by.username,
        kind="wait_ended",
        detail={"reason": why.value},
    )
    stores.audit.record(
        at=at,
        actor=by.username,
        action="charge.wait_ended",
        subject=charge_id,
        detail={"reason": why.value},
    )
    return True


def _has_expired(stores: Stores, run_id: str, now: int) -> bool:
    run = stores.runs.find(run_id)
    return run is None or have_expired(run, stores.run_decisions.approvals(run), now=now)
