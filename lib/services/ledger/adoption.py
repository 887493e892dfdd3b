"""Takes a payment into the ledger that stands at Stripe and is no attempt here."""

from __future__ import annotations

from dataclasses import replace

from lib.domain.charges import (
    COMMITTED_STATES,
    STATE_AFTER,
    Attempt,
    Charge,
    ChargeState,
    Outcome,
    clean_reference,
    last_number,
    outcome_of_status,
)
from lib.domain.incidents import PaymentEvidence
from lib.domain.mirror import Decline
from lib.errors import InvalidInput
from lib.ids import new_id
from lib.services.ledger.attempts import give_up
from lib.store.stores import Stores


def holder_of(stores: Stores, payment: PaymentEvidence) -> Attempt | None:
    """The attempt that the ledger has for this payment and its money; a failed one does not count."""
    attempt = stores.charges.by_payment_intent(payment.id)
    is_committed = (
        attempt is not None and STATE_AFTER[attempt.outcome or Outcome.UNKNOWN] in COMMITTED_STATES
    )
    return attempt if is_committed else None


def debt_of(stores: Stores, payment: PaymentEvidence) -> tuple[str | None, str | None]:
    """Customer and reference of a payment; where its marks do not say, by the charge they name."""
    known = stores.charges.find(payment.charge_id or "")
    is_same = known is not None and payment.customer in (None, known.customer)
    reference = payment.reference or (known.reference if known and is_same else None)
    return payment.customer, reference


def take_up(
    stores: Stores, payment: PaymentEvidence, *, by: str, at: int, livemode: bool
) -> Attempt:
    """
    Write the attempt behind a payment: of the charge that its marks name where sum and debt agree, else
    of a charge of its own. Beside another live attempt of the debt it is a surplus. Nothing is written
    when the ledger has it already.

    Raises:
        ValueError: a payment without a customer.
    """
    holder = holder_of(stores, payment)
    if holder is not None:
        return holder
    customer, reference = debt_of(stores, payment)
    if customer is None:
        raise ValueError("a payment without a customer is nobody's debt")
    # What it was for cannot be told any more: it stands under its own id, beside every debt.
    reference = _readable(reference) or payment.id
    outcome = outcome_of_status(payment.status, payment.error_code, payment.error_decline_code)
    is_surplus = stores.charges.live_attempt(customer, reference) is not None
    owed = _charge_of(payment, customer, reference, STATE_AFTER[outcome])
    known = stores.charges.find(owed.id)
    if known is not None and not is_surplus and _is_same(known, owed):
        charge, number = known, last_number(stores.charges.attempts(known.id)) + 1
    else:
        charge = owed if known is None else replace(owed, id=new_id("chg"))
        number = payment.attempt or 1 if known is None else 1
        _make_room(stores, customer, reference, by=by, at=at)
        stores.charges.add(charge, livemode=livemode, is_surplus=is_surplus)
    stores.adoptions.add_attempt(
        charge.id,
        number=number,
        payment_intent=payment.id,
        outcome=outcome,
        params={
            "amount": payment.amount,
            "currency": payment.currency,
            "customer": customer,
            "payment_method": payment.payment_method or "",
        },
        decline=Decline(payment.error_code, payment.error_decline_code, payment.error_advice_code),
        created=payment.created,
        at=at,
        is_surplus=is_surplus,
    )
    if charge is known:
        stores.charges.move(charge.id, before=charge.state, after=STATE_AFTER[outcome], at=at)
    stores.charges.note(
        charge.id,
        attempt=number,
        at=at,
        actor=by,
        kind="surplus_adopted" if is_surplus else "adopted",
        detail={"payment_intent": payment.id},
    )
    attempt = stores.charges.attempt(charge.id, number)
    if attempt is None:
        raise LookupError(f"attempt {charge.id}/{number} is gone")
    return attempt


def _readable(reference: str | None) -> str | None:
    try:
        return None if reference is None else clean_reference(reference)
    except InvalidInput:
        return None


def _charge_of(
    payment: PaymentEvidence, customer: str, reference: str, state: ChargeState
) -> Charge:
    return Charge(
        id=payment.charge_id or new_id("chg"),
        customer=customer,
        payment_method=payment.payment_method or "",
        amount=payment.amount,
        currency=payment.currency,
        reference=reference,
        description=payment.description,
        state=state,
        created_by="system",
        created_at=payment.created,
        updated_at=payment.created,
    )


def _is_same(known: Charge, owed: Charge) -> bool:
    return (known.customer, known.reference, known.amount, known.currency) == (
        owed.customer,
        owed.reference,
        owed.amount,
        owed.currency,
    )


def _make_room(stores: Stores, customer: str, reference: str, *, by: str, at: int) -> None:
    """What only waits for the same debt must not be sent any more."""
    waiting = stores.charges.live_for(customer, reference)
    if waiting is not None and waiting.state is ChargeState.PLANNED:
        give_up(stores, waiting.id, before=ChargeState.PLANNED, by=by, at=at)
