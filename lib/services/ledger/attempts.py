"""Writes an attempt's outcome, moves its charge, and offers the way back: one place for all evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.domain.charges import (
    COMMITTED_STATES,
    OPEN_OUTCOMES,
    STATE_AFTER,
    Attempt,
    Charge,
    ChargeState,
    Evidence,
    Outcome,
    may_become,
)
from lib.domain.declines import explain
from lib.domain.mirror import Decline, PaymentIntent
from lib.services.ledger.looks import next_look
from lib.services.ledger.recovery_links import offer_recovery, withdraw_recovery
from lib.services.ledger.unexpected import note_late_payment, note_paid_twice
from lib.store.stores import Stores


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one look at Stripe said about one attempt."""

    outcome: Outcome
    payment_intent: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    is_replayed: bool = False
    """Stripe says itself that this is what it answered to the first request under the key."""
    decline: Decline = field(default_factory=Decline)

    @property
    def was_executed(self) -> bool:
        """
        Whether this is an answer of the charge itself, now or saved under its key. Anything else
        was said before the key was looked at, and is no word on what an earlier request did.
        """
        if self.is_replayed and self.outcome is Outcome.DECLINED:
            return True
        return self.http_status in (200, 402)


def record_result(
    stores: Stores, attempt: Attempt, result: AttemptResult, *, evidence: str, at: int
) -> bool:
    """
    Write `result` unless what is recorded is at least as final.

    False means that nothing changed: late or repeated news, or another process was first.
    Call inside a write transaction; reads the attempt again under its lock.
    """
    attempts = stores.charges.attempts(attempt.charge_id)
    current = next((one for one in attempts if one.number == attempt.number), None)
    charge = stores.charges.find(attempt.charge_id)
    if current is None or charge is None:
        raise LookupError(f"attempt {attempt.charge_id}/{attempt.number} is gone")
    if result.payment_intent is not None and current.outcome == result.outcome:
        # A refusal that did not name its payment: from now on it can be closed.
        stores.charges.name_payment_intent(attempt.charge_id, attempt.number, result.payment_intent)
    if not _is_news(current, attempts, result.outcome) or not stores.charges.record_outcome(
        attempt.charge_id,
        attempt.number,
        before=current.outcome,
        after=result.outcome,
        evidence=evidence,
        at=at,
        next_look_at=next_look(result.outcome, current.looks, at),
        payment_intent=result.payment_intent,
        http_status=result.http_status,
        request_id=result.request_id,
        decline=result.decline,
    ):
        return False
    written = stores.charges.attempt(attempt.charge_id, attempt.number) or current
    decides = _decides(charge, attempts, current, result.outcome)
    if (decides and not _move(stores, charge, written, at=at)) or written.is_surplus:
        note_paid_twice(stores, charge, written, at=at)
    elif charge.state is ChargeState.CANCELLED and STATE_AFTER[result.outcome] in COMMITTED_STATES:
        note_late_payment(
            stores, charge, written.payment_intent or charge.id, attempt=written.number, at=at
        )
    _note(stores, charge, current, result, evidence=evidence, at=at)
    _follow_up(stores, charge, current, result, decides=decides, at=at)
    return True


def _is_news(current: Attempt, attempts: Sequence[Attempt], outcome: Outcome) -> bool:
    if current.outcome == outcome or not may_become(current.outcome, outcome):
        return False
    # Late news of a try that counted as over, while the next one is open, is written down once it
    # is final.
    others = (attempt for attempt in attempts if attempt.number != current.number)
    return outcome not in OPEN_OUTCOMES or not any(other.is_open for other in others)


def _decides(
    charge: Charge, attempts: Sequence[Attempt], current: Attempt, outcome: Outcome
) -> bool:
    """
    Whether the outcome of this attempt is the state of its charge. Money that moved is the truth
    whichever attempt moved it; any other news counts only for the newest attempt, and not for a
    charge that is over.
    """
    if _moves_money(outcome):
        return True
    is_newest = attempts[-1].number == current.number
    return is_newest and charge.state not in (ChargeState.SUCCEEDED, ChargeState.CANCELLED)


def _moves_money(outcome: Outcome) -> bool:
    return STATE_AFTER[outcome] in (ChargeState.SUCCEEDED, ChargeState.PROCESSING)


def _move(stores: Stores, charge: Charge, attempt: Attempt, *, at: int) -> bool:
    """False when the charge is paid already, by another try."""
    after = STATE_AFTER[attempt.outcome or Outcome.UNKNOWN]
    if charge.state is ChargeState.SUCCEEDED:
        return False
    if charge.state is after:
        return True
    if after in COMMITTED_STATES:
        _make_room(stores, charge, attempt, at=at)
    return stores.charges.move(charge.id, before=charge.state, after=after, at=at)


def _make_room(stores: Stores, charge: Charge, attempt: Attempt, *, at: int) -> None:
    """
    Money moved for a charge that was given up: one that only waits for the same debt must not be sent
    any more, and beside one that was paid, too, this is the surplus.
    """
    other = stores.charges.live_for(charge.customer, charge.reference)
    if other is None or other.id == charge.id:
        return
    if other.state is ChargeState.PLANNED:
        give_up(stores, other.id, before=ChargeState.PLANNED, by="system", at=at)
    elif attempt.is_surplus:
        stores.charges.mark_surplus(charge.id)
    else:
        stores.charges.mark_surplus(other.id)


def _note(
    stores: Stores,
    charge: Charge,
    attempt: Attempt,
    result: AttemptResult,
    *,
    evidence: str,
    at: int,
) -> None:
    """On the charge's timeline and in the audit log."""
    stores.charges.note(
        charge.id,
        attempt=attempt.number,
        at=at,
        actor="system",
        kind=result.outcome.value,
        detail={
            "evidence": evidence,
            "payment_intent": result.payment_intent,
            "code": result.decline.code,
            "decline_code": result.decline.decline_code,
            "request_id": result.request_id,
        },
    )
    stores.audit.record(
        at=at,
        actor="system",
        action=f"attempt.{result.outcome.value}",
        subject=charge.id,
        detail={
            "attempt": attempt.number,
            "evidence": evidence,
            "amount": charge.amount,
            "currency": charge.currency,
            "payment_intent": result.payment_intent,
        },
    )


def _follow_up(
    stores: Stores,
    charge: Charge,
    attempt: Attempt,
    result: AttemptResult,
    *,
    decides: bool,
    at: int,
) -> None:
    """The customer's way back after a failure, its end after a payment, and what a run gave up."""
    if _moves_money(result.outcome):
        stores.run_rows.was_sent(charge.id, attempt.number)
    match result.outcome:
        case Outcome.SUCCEEDED:
            withdraw_recovery(stores, charge.id, at=at)
            # Another sum is another charge, but the same debt: its link has no purpose any more.
            for other in stores.charges.tried_for(charge.customer, charge.reference):
                withdraw_recovery(stores, other.id, at=at)
        case Outcome.DECLINED | Outcome.NEEDS_CUSTOMER if decides:
            failure = explain(result.decline, http_status=result.http_status, at=at)
            if failure.explanation.offers_link:
                offer_recovery(stores, charge.id, by=attempt.requested_by, at=at)
        case Outcome.NOT_EXECUTED if decides:
            if stores.run_rows.cancel_with(charge.id, attempt.number):
                give_up(stores, charge.id, before=ChargeState.PLANNED, by="system", at=at)


def record_reply(
    stores: Stores,
    attempt: Attempt,
    result: AttemptResult,
    intent: PaymentIntent | None,
    *,
    at: int,
    asked_at_ms: int,
) -> None:
    """Phase 3: what Stripe answered to the sender of an attempt. Call inside a write transaction."""
    current = stores.charges.attempt(attempt.charge_id, attempt.number)
    if current is None or current.outcome is None or result.was_executed:
        record_result(stores, attempt, result, evidence=Evidence.REPLY.value, at=at)
    # Otherwise this took so long that `resolve` asked as well, and a refusal of our own request
    # no longer says that nothing was executed.
    if intent is not None:
        stores.payments.save_payment_intents([intent], synced_at_ms=asked_at_ms)


def give_up(stores: Stores, charge_id: str, *, before: ChargeState, by: str, at: int) -> bool:
    """
    Cancel a charge that is not in flight, paid or unknown; its reference becomes free. False when it
    is not `before` any more, or was never begun.
    """
    if not stores.charges.move(charge_id, before=before, after=ChargeState.CANCELLED, at=at):
        return False
    withdraw_recovery(stores, charge_id, at=at)
    stores.charges.note(charge_id, attempt=None, at=at, actor=by, kind="cancelled", detail={})
    return True
