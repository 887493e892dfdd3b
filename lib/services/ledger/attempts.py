"""Writes an attempt's outcome, moves its charge, and offers the way back: one place for all evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.domain.charges import (
    COMMITTED_STATES,
    LONGEST_LOOK_SECONDS,
    OPEN_OUTCOMES,
    STATE_AFTER,
    Attempt,
    Charge,
    ChargeState,
    Evidence,
    Outcome,
    may_become,
    outcome_of,
)
from lib.domain.declines import explain
from lib.domain.mirror import Decline, PaymentIntent
from lib.services.ledger.recovery_links import offer_recovery, withdraw_recovery
from lib.services.ledger.unexpected import note_paid_twice, note_unexpected
from lib.store.unit_of_work import Stores

# When to look again at an attempt whose outcome is not known. The first looks come quickly,
# because most lost replies are settled by the next request; later ones only wait for a key to age.
_LOOK_AGAIN_SECONDS = (10, 60, 300, 900, 3600)
_FAILED = (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER)


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


def next_look(outcome: Outcome, looks: int, at: int) -> int | None:
    if outcome is Outcome.PROCESSING:
        # Bank debits take days; a webhook usually tells us first.
        return at + LONGEST_LOOK_SECONDS
    if outcome is Outcome.UNKNOWN:
        return look_again_at(looks, at)
    return None


def look_again_at(looks: int, at: int) -> int:
    """After so many looks at what is unknown."""
    return at + _LOOK_AGAIN_SECONDS[min(looks, len(_LOOK_AGAIN_SECONDS) - 1)]


def record_result(
    stores: Stores, attempt: Attempt, result: AttemptResult, *, evidence: str, at: int
) -> bool:
    """
    Write `result` unless what is recorded is at least as final.

    False means that nothing changed: late or repeated news, or another process was first.
    Call inside a write transaction; reads the attempt again under its lock.
    """
    current = stores.charges.attempt(attempt.charge_id, attempt.number)
    charge = stores.charges.find(attempt.charge_id)
    if current is None or charge is None:
        raise LookupError(f"attempt {attempt.charge_id}/{attempt.number} is gone")
    if result.payment_intent is not None and current.outcome == result.outcome:
        # A refusal that did not name its payment: from now on it can be closed.
        stores.charges.name_payment_intent(attempt.charge_id, attempt.number, result.payment_intent)
    attempts = stores.charges.attempts(charge.id)
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
    if STATE_AFTER[outcome] in (ChargeState.SUCCEEDED, ChargeState.PROCESSING):
        return True
    is_newest = attempts[-1].number == current.number
    return is_newest and charge.state not in (ChargeState.SUCCEEDED, ChargeState.CANCELLED)


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


def apply_intent(stores: Stores, intent: PaymentIntent, *, evidence: str, at: int) -> bool:
    """Apply what a PaymentIntent of ours says. False when it changes nothing or is not ours."""
    if intent.charge_id is None or intent.attempt is None:
        return False
    attempt = stores.charges.attempt(intent.charge_id, intent.attempt)
    charge = stores.charges.find(intent.charge_id)
    if attempt is None or charge is None:
        return False
    if (intent.amount, intent.currency, intent.customer) != (
        charge.amount,
        charge.currency,
        charge.customer,
    ) or attempt.payment_intent not in (None, intent.id):
        # Metadata can be copied by hand in the Dashboard; it must not decide another attempt.
        note_unexpected(stores, intent, charge, at=at)
        return False
    holder = stores.charges.by_payment_intent(intent.id)
    if holder is not None and holder.idempotency_key != attempt.idempotency_key:
        return False  # nor move a payment from one attempt to another
    outcome = outcome_of(intent)
    if outcome is Outcome.UNKNOWN:
        return False
    if intent.status == "requires_payment_method" and intent.error is None:
        # Not confirmed yet; or edited after it failed, which clears the error and keeps the charge.
        if intent.latest_charge is None:
            return False
    elif intent.status == "canceled" and attempt.outcome in _FAILED:
        return False  # most often our own cancellation; it failed for the reason recorded
    elif (
        outcome is Outcome.PROCESSING
        and attempt.outcome in _FAILED
        and at <= (attempt.outcome_at or 0)
    ):
        return False  # a page asked for before the debit failed
    return record_result(
        stores,
        attempt,
        AttemptResult(outcome, payment_intent=intent.id, decline=intent.error or Decline()),
        evidence=evidence,
        at=at,
    )


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
