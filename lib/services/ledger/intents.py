"""The evidence of a PaymentIntent at Stripe for the tries of the ledger."""

from __future__ import annotations

from lib.domain.charges import (
    FAILED_OUTCOMES,
    KEY_TAKEN,
    SAME_KEY_SECONDS,
    Attempt,
    Outcome,
    outcome_of,
)
from lib.domain.mirror import Decline, PaymentIntent
from lib.domain.resolutions import CLOCK_MARGIN_SECONDS
from lib.services.ledger.attempts import AttemptResult, record_result
from lib.services.ledger.recovery_links import withdraw_recovery
from lib.services.ledger.unexpected import note_unexpected
from lib.store.stores import Stores


def attempt_of(stores: Stores, intent: PaymentIntent, holder: Attempt | None) -> Attempt | None:
    """
    The try that a payment is of. What the ledger took up may carry the marks of another one.

    Args:
        holder: the attempt that has this payment in the ledger.
    """
    if holder is not None and holder.is_adopted:
        return holder
    return stores.charges.attempt(intent.charge_id or "", intent.attempt or 0)


def apply_intent(stores: Stores, intent: PaymentIntent, *, evidence: str, at: int) -> bool:
    """Apply what a PaymentIntent of ours says. False when it changes nothing or is not ours."""
    if intent.charge_id is None or intent.attempt is None:
        return False
    holder = stores.charges.by_payment_intent(intent.id)
    attempt = attempt_of(stores, intent, holder)
    charge = stores.charges.find(attempt.charge_id) if attempt is not None else None
    if attempt is not None:
        _conclude_refused(stores, attempt, intent, evidence=evidence, at=at)
    if attempt is None or charge is None:
        return False
    if (intent.amount, intent.currency, intent.customer) != (
        charge.amount,
        charge.currency,
        charge.customer,
    ) or attempt.payment_intent not in (None, intent.id):
        # Metadata can be copied by hand in the Dashboard; it must not decide another attempt.
        note_unexpected(stores, intent, charge, at=at)
        if attempt.payment_intent == intent.id and outcome_of(intent) is Outcome.SUCCEEDED:
            # Its own payment, of another sum: whoever opened the link would save a card for nothing.
            withdraw_recovery(stores, charge.id, at=at)
        return False
    if holder is not None and holder.idempotency_key != attempt.idempotency_key:
        return False  # nor move a payment from one attempt to another
    outcome = outcome_of(intent)
    if outcome is Outcome.UNKNOWN:
        return False
    if intent.status == "requires_payment_method" and intent.error is None:
        # Not confirmed yet; or edited after it failed, which clears the error and keeps the charge.
        if intent.latest_charge is None:
            return False
    elif intent.status == "canceled" and attempt.outcome in FAILED_OUTCOMES:
        return False  # most often our own cancellation; it failed for the reason recorded
    elif (
        outcome is Outcome.PROCESSING
        and attempt.outcome in FAILED_OUTCOMES
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


def _conclude_refused(
    stores: Stores, attempt: Attempt, intent: PaymentIntent, *, evidence: str, at: int
) -> None:
    """
    The key of this try, which made a payment after all, went to the next one, and Stripe cannot have executed that
    one while it knew the key: it is no second payment of the debt. Should it be one all the same, its own
    payment says so.
    """
    later = stores.charges.of_key(attempt.key_at_stripe)
    if later is None or (later.charge_id, later.number) == (attempt.charge_id, attempt.number):
        return
    since = None if later.sent_after is None else later.sent_after - intent.created
    was_refused = later.decline.code == KEY_TAKEN or (
        since is not None and -CLOCK_MARGIN_SECONDS <= since < SAME_KEY_SECONDS
    )
    if later.outcome is Outcome.UNKNOWN and was_refused:
        record_result(stores, later, AttemptResult(Outcome.NOT_EXECUTED), evidence=evidence, at=at)
