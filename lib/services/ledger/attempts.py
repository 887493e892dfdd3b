"""Writes an attempt's outcome, moves its charge, and offers the way back: one place for all evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from lib.domain.charges import (
    OPEN_OUTCOMES,
    STATE_AFTER,
    Attempt,
    ChargeState,
    Evidence,
    Outcome,
    may_become,
    outcome_of,
)
from lib.domain.declines import explain
from lib.domain.links import LINK_LIFETIME_SECONDS, SetupLink
from lib.domain.mirror import Decline, PaymentIntent
from lib.ids import new_id, new_token
from lib.store.unit_of_work import Stores

# When to look again at an attempt whose outcome is not known. The first looks come quickly,
# because most lost replies are settled by the next request; later ones only wait for a key to age.
_LOOK_AGAIN_SECONDS = (10, 60, 300, 900, 3600)
# Bank debits take days; a webhook usually tells us first.
_PROCESSING_LOOK_SECONDS = 6 * 3600
_FAILED = (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER)


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one look at Stripe said about one attempt."""

    outcome: Outcome
    payment_intent: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    decline: Decline = field(default_factory=Decline)

    @property
    def was_executed(self) -> bool:
        """
        Whether this is an answer of the charge itself, now or saved under its key. Anything else
        was said before the key was looked at, and is no word on what an earlier request did.
        """
        return self.http_status in (200, 402)


def next_look(outcome: Outcome, looks: int, at: int) -> int | None:
    if outcome is Outcome.PROCESSING:
        return at + _PROCESSING_LOOK_SECONDS
    if outcome is Outcome.UNKNOWN:
        return at + _LOOK_AGAIN_SECONDS[min(looks, len(_LOOK_AGAIN_SECONDS) - 1)]
    return None


def record(
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
    if current.outcome == result.outcome or not may_become(current.outcome, result.outcome):
        return False
    attempts = stores.charges.attempts(charge.id)
    if result.outcome in OPEN_OUTCOMES and any(
        other.number != attempt.number and other.is_open for other in attempts
    ):
        # Late news of a try that counted as over, while the next one is open. It is written down
        # once it is final.
        return False
    if not stores.charges.record_outcome(
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
    after = STATE_AFTER[result.outcome]
    # Money moving is the truth about the charge whichever attempt moved it; any other news counts
    # only for the newest attempt, and not for a charge that is over.
    money = after in (ChargeState.SUCCEEDED, ChargeState.PROCESSING)
    counts = money or (
        attempts[-1].number == attempt.number
        and charge.state not in (ChargeState.SUCCEEDED, ChargeState.CANCELLED)
    )
    if charge.state is ChargeState.SUCCEEDED:
        moved = False
    elif counts and charge.state is not after:
        moved = stores.charges.move(charge.id, before=charge.state, after=after, at=at)
    else:
        moved = True
    if counts and not moved:
        # Another try of this charge, or another live charge of this reference, was paid too: behind
        # our back, in the Dashboard, say. The attempt says so; a person must look.
        stores.audit.record(
            at=at,
            actor="system",
            action="charge.paid_twice_suspected",
            subject=charge.id,
            detail={"attempt": attempt.number, "payment_intent": result.payment_intent},
        )
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
    if counts and result.outcome in _FAILED:
        failure = explain(result.decline, http_status=result.http_status, at=at)
        if failure.explanation.offers_link:
            offer_recovery(stores, charge.id, by=attempt.requested_by, at=at)
    elif result.outcome is Outcome.SUCCEEDED:
        withdraw_recovery(stores, charge.id, at=at)
        # Another sum is another charge, but the same debt: its link has no purpose any more.
        for other in stores.charges.tried_for(charge.customer, charge.reference):
            withdraw_recovery(stores, other.id, at=at)
    elif (
        result.outcome is Outcome.NOT_EXECUTED
        and counts
        and stores.run_rows.cancel_with(charge.id, attempt.number)
    ):
        give_up(stores, charge.id, before=ChargeState.PLANNED, by="system", at=at)
    return True


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
        record(stores, attempt, result, evidence=Evidence.REPLY.value, at=at)
    # Otherwise this took so long that `settling` asked as well, and a refusal of our own request
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
        # Metadata can be copied by hand in the Dashboard; it must not settle another payment.
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
    return record(
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


def offer_recovery(stores: Stores, charge_id: str, *, by: str, at: int) -> SetupLink:
    """
    The open recovery link of a failed charge, made when there is none.

    Costs no request to Stripe: the Checkout Session is minted when the customer opens it.
    """
    existing = stores.links.open_recovery_of(charge_id)
    if existing is not None and existing.expires_at > at:
        return existing
    if existing is not None:
        stores.links.revoke(existing.id, at=at)
    charge = stores.charges.find(charge_id)
    if charge is None:
        raise LookupError(charge_id)
    customer = stores.mirror.customer(charge.customer)
    link = SetupLink(
        id=new_id("link"),
        token=new_token(),
        customer=charge.customer,
        email=customer.email if customer else None,
        name=customer.name if customer else None,
        currency=None,
        reference=charge.reference,
        locale=None,
        charge_id=charge_id,
        created_by=by,
        created_at=at,
        expires_at=at + LINK_LIFETIME_SECONDS,
        revoked_at=None,
        completed_at=None,
        completed_session=None,
    )
    stores.links.add(link, form_key=f"recovery:{link.id}")
    stores.audit.record(
        at=at, actor=by, action="link.create", subject=link.id, detail={"charge": charge_id}
    )
    return link


def withdraw_recovery(stores: Stores, charge_id: str, *, at: int) -> None:
    """Once paid, an open recovery link would only confuse the customer."""
    link = stores.links.open_recovery_of(charge_id)
    if link is not None and stores.links.revoke(link.id, at=at):
        stores.links.close_sessions(link.id, at=at)
