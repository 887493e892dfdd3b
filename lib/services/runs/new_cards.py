"""
Charges a failed row of a run once more when its customer has saved a new card, and a row that waits when its
customer has saved the first one, where the run's approval said so. Once: the queue's row is committed
first, and names how often the charge had been tried.
"""

from __future__ import annotations

import logging

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM
from lib.domain.breaker import RunStop
from lib.domain.charges import IN_FLIGHT_SECONDS, ChargeState, last_number
from lib.domain.waiting_charges import WaitEnd
from lib.errors import (
    ApprovalRests,
    DatabaseDamaged,
    DecisionsRest,
    GatewayError,
    LedgerBehind,
    RuleViolation,
    StaleState,
)
from lib.money import Money
from lib.services.charges.charge import ChargeService
from lib.services.charges.orders import ChargeOrder
from lib.services.continuity.completeness import Completeness
from lib.services.runs.opened import opened
from lib.services.staff import dual_approval
from lib.store.new_cards import NewCardCharge
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

# A card that comes later than this after the start is charged by no approval of that run.
_COVERED_SECONDS = 30 * 86_400
_TRY_AGAIN_SECONDS = 300
# They pass once what is wrong with the whole ledger is mended, and say nothing of one card.
_OF_THE_LEDGER = (DatabaseDamaged, DecisionsRest, LedgerBehind)


class NewCardCharger:
    def __init__(
        self, uow: UnitOfWork, charges: ChargeService, completeness: Completeness, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._completeness = completeness
        self._charges = charges
        self._clock = clock

    def arrived(self, run_id: str) -> list[NewCardCharge]:
        """
        Failed rows of a run whose customers saved a new card by a recovery link, of this row's charge
        or of another one. To be offered; by itself only a charge whose own link it was is charged.
        """
        since = epoch(self._clock()) - _COVERED_SECONDS
        with self._uow.read() as stores:
            return stores.new_cards.arrived(run_id, since=since)

    def charge_due(self) -> int:
        """Queue what has arrived and charge what is queued; returns how many were sent."""
        if self._completeness.decisions_rest_since() is not None:
            return 0
        now = epoch(self._clock())
        with self._uow.read() as stores:
            fresh = _arrived(stores, at=now)
        for card in fresh:
            self._queue(card, at=now)
        with self._uow.read() as stores:
            due = stores.new_cards.due(now=now, latest=now + _TRY_AGAIN_SECONDS)
        return sum(self._charge(card) for card in due)

    def _queue(self, card: NewCardCharge, *, at: int) -> None:
        with self._uow.write() as stores:
            # Another process may have seen it as well, or somebody tried it by hand.
            if card not in _arrived(stores, at=at):
                return
            stores.new_cards.queue(card, at=at)
            stores.audit.record(
                at=at,
                actor="system",
                action="run.queue_new_card",
                subject=card.charge_id,
                detail={
                    "run": card.run_id,
                    "row": card.run_row,
                    "payment_method": card.payment_method,
                },
            )

    def _charge(self, card: NewCardCharge) -> bool:
        if self._is_being_charged(card):
            return False
        refusal: str | None = None
        try:
            self._charges.charge(self._order(card), by=SYSTEM)
        except ApprovalRests as rest:
            self._rest(card, RunStop(rest.code, str(rest)))
            return False
        except _OF_THE_LEDGER:
            self._postpone(card)
            return False
        except RuleViolation as error:
            refusal = str(error)
        except GatewayError:
            logger.info("new card of %s cannot be charged now", card.charge_id, exc_info=True)
            with self._uow.write() as stores:
                attempts = stores.charges.attempts(card.charge_id)
                if last_number(attempts) == card.attempts_before:
                    stores.new_cards.postpone(
                        card.charge_id, until=epoch(self._clock()) + _TRY_AGAIN_SECONDS
                    )
                    return False
        return self._end(card, refusal)

    def _postpone(self, card: NewCardCharge) -> None:
        with self._uow.write() as stores:
            stores.new_cards.postpone(
                card.charge_id, until=epoch(self._clock()) + _TRY_AGAIN_SECONDS
            )

    def _rest(self, card: NewCardCharge, stop: RunStop) -> None:
        """It waits for approvers, who find the run among what waits for them; or until its time is over."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = stores.runs.find(card.run_id)
            stores.new_cards.postpone(card.charge_id, until=now + _TRY_AGAIN_SECONDS)
            if run is None or run.stop_code == stop.code:
                return
            stores.runs.rest(card.run_id, stop)
            stores.audit.record(
                at=now,
                actor="system",
                action="run.rests",
                subject=card.run_id,
                detail={"reason": stop.code},
            )

    def _is_being_charged(self, card: NewCardCharge) -> bool:
        """Runs are executed meanwhile; its customer's turn comes with the next look."""
        with self._uow.read() as stores:
            charge = stores.charges.find(card.charge_id)
            return charge is not None and stores.runs.is_being_charged(
                charge.customer, since=epoch(self._clock()) - IN_FLIGHT_SECONDS
            )

    def _order(self, card: NewCardCharge) -> ChargeOrder:
        """
        What was approved, word for word, on the new card.

        Raises:
            StaleState: it waited for too long.
            ApprovalRests: somebody has to approve the run again first.
        """
        now = epoch(self._clock())
        with self._uow.read() as stores:
            run = stores.runs.find(card.run_id)
            row = stores.run_rows.find(card.run_id, card.run_row)
            charge = stores.charges.find(card.charge_id)
            last = last_number(stores.charges.attempts(card.charge_id))
            waited = stores.waiting_charges.find(card.charge_id)
            stop = dual_approval.standing(stores, run, now=now).stop if run else None
        if run is None or row is None or charge is None:
            raise LookupError(card.charge_id)
        if (run.started_at or 0) < now - _COVERED_SECONDS:
            raise StaleState(
                "The run was started more than 30 days before this card could be charged."
            )
        if last > card.attempts_before:
            raise StaleState("This charge was tried again meanwhile.")
        if waited is not None and (waited.ended_at or charge.state is not ChargeState.PLANNED):
            raise StaleState("This charge does not wait for a card any more.")
        if stop is not None:
            raise ApprovalRests(stop.message, code=stop.code)
        # Queued only where the row and its charge say the same.
        order = ChargeOrder(
            customer=charge.customer,
            money=Money(charge.amount, charge.currency),
            reference=charge.reference,
            payment_method=card.payment_method,
            description=row.description,
            suffix=row.suffix,
            run_id=run.id,
            # Makes it once: whoever was here before, or died here, has written this try down.
            attempt=card.attempts_before + 1,
            chosen_beside=row.request.chosen_beside,
            charge_id=charge.id,
        )
        with self._uow.read() as stores:
            return opened(stores, run, row, order)

    def _end(self, card: NewCardCharge, refusal: str | None) -> bool:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            attempts = stores.charges.attempts(card.charge_id)
            next_one = next((one for one in attempts if one.number > card.attempts_before), None)
            was_sent = next_one is not None and next_one.requested_by == SYSTEM.username
            if not stores.new_cards.end(
                card.charge_id, at=now, refusal=None if was_sent else refusal
            ):
                return False
            if not stores.new_cards.are_waiting(card.run_id):
                stores.runs.rest(card.run_id, None)
            if not was_sent:
                stores.waiting_charges.end(
                    card.charge_id, why=WaitEnd.REFUSED, by=SYSTEM.username, at=now
                )
                stores.charges.note(
                    card.charge_id,
                    attempt=None,
                    at=now,
                    actor="system",
                    kind="new_card_not_charged",
                    detail={"why": refusal},
                )
        return was_sent


def _arrived(stores: Stores, *, at: int) -> list[NewCardCharge]:
    """Of charges that failed, and of those that waited."""
    failed = stores.new_cards.covered(since=at - _COVERED_SECONDS)
    return failed + stores.waiting_charges.arrived()
