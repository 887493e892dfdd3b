"""Phase 1 of a charge: claim what is owed and write down what is about to be sent. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from lib.domain.actors import Actor
from lib.domain.charges import IN_FLIGHT_SECONDS, Attempt, Charge, ChargeState, last_number
from lib.domain.idempotency_keys import charge_key
from lib.domain.mirror import PaymentMethod
from lib.errors import AlreadyCharged, Blocked, DecisionsRest, LedgerBehind, StaleState
from lib.ids import new_id
from lib.services.charges.admit import findings_of, must_be_opened
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.review import attempts_of, check_retry, earlier_charge, same_attempts
from lib.services.ledger.file_check import is_behind
from lib.services.staff.dual_approval import must_stand
from lib.services.staff.limits import check_single
from lib.store.anchor import AuditHead
from lib.store.meta import DECISIONS_REST, INSTALLATION
from lib.store.stores import Stores


@dataclass(frozen=True, slots=True)
class RunClaim:
    """The row of a charge run that is sent, and the lease under which."""

    run_id: str
    number: int
    fence: int
    charge_id: str
    suffix: str | None = None
    """The end of the text on the customer's statement."""


def claim_attempt(
    stores: Stores,
    order: ChargeOrder,
    method: PaymentMethod,
    *,
    earlier_attempts: Mapping[str, Sequence[Attempt]],
    by: Actor,
    now: int,
    stripe_time: int | None,
    livemode: bool,
    anchored: AuditHead | None,
    claim: RunClaim | None = None,
) -> Attempt:
    """
    One attempt row with its key and exact parameters; call inside a write transaction.

    Args:
        anchored: where the audit log ended by the anchor, which may have been read before the transaction.
        earlier_attempts: what was known of the reference when its open PaymentIntents were closed.
        stripe_time: Stripe's clock at its last answer.

    Raises:
        AlreadyCharged, ApprovalRests, LedgerBehind, DecisionsRest, NotAdmitted, Blocked, StaleState: nothing may be sent; nothing was written.
        sqlite3.IntegrityError: the run is not executed under this lease any more.
    """
    in_run = claim is not None or order.run_id is not None
    if is_behind(stores, anchored):
        raise LedgerBehind
    if in_run and stores.meta.value(DECISIONS_REST) is not None:
        # Found out while it was executed; a person who charges now has decided now.
        raise DecisionsRest
    if not same_attempts(earlier_attempts, attempts_of(stores, order)):
        raise StaleState(
            "This reference was tried a moment ago by somebody else. Look at it before trying again."
        )
    if order.run_id is not None and (approved := stores.runs.find(order.run_id)) is not None:
        must_stand(stores, approved, now=now)
    if claim is None:
        _must_wait_for_its_card(stores, order)
        check_single(stores, order.money, now=now, run_id=order.run_id)
    findings = findings_of(stores, order, method, now=now, in_run=in_run)
    opened = must_be_opened(findings, order)
    charge = _claim(stores, order, method, by=by, now=now, livemode=livemode, claim=claim)
    if order.charge_id not in (None, charge.id):
        raise StaleState("This charge was given up a moment ago. Nothing is charged.")
    number = last_number(stores.charges.attempts(charge.id)) + 1
    if order.attempt not in (None, number):
        raise StaleState(
            "This charge was tried a moment ago, perhaps by a double click. Look at it before trying again."
        )
    if claim is not None:
        stores.run_rows.send(claim.run_id, claim.number, charge_id=charge.id)
    key = _key(stores, charge)
    stores.charges.add_attempt(
        charge.id,
        number=number,
        idempotency_key=key,
        params=_params(stores, order, charge, method, number, key, claim),
        by=by.username,
        at=now,
        next_look_at=now + IN_FLIGHT_SECONDS,
        sent_after=stripe_time,
        run=(claim.run_id, claim.number, claim.fence) if claim else None,
    )
    detail = {
        "amount": charge.amount,
        "currency": charge.currency,
        "attempt": number,
        "customer": charge.customer,
        "payment_method": method.id,
        "reference": charge.reference,
    }
    if claim is not None:
        detail |= {"run": claim.run_id, "row": claim.number}
    stores.charges.note(
        charge.id, attempt=number, at=now, actor=by.username, kind="sent", detail=detail
    )
    stores.audit.record(
        at=now, actor=by.username, action="charge.send", subject=charge.id, detail=detail
    )
    for finding in opened:
        stores.audit.record(
            at=now,
            actor=by.username,
            action="charge.despite",
            subject=charge.id,
            detail={
                "code": finding.code,
                "message": finding.message,
                "note": order.despite[finding.code],
                "attempt": number,
            },
        )
    attempt = stores.charges.attempt(charge.id, number)
    if attempt is None:
        raise LookupError(charge.id)
    return attempt


def _must_wait_for_its_card(stores: Stores, order: ChargeOrder) -> None:
    """What a run's approval covers without the run being executed is queued for a new card."""
    if order.run_id is not None and not stores.new_cards.is_waiting(
        order.charge_id or "", order.payment_method
    ):
        raise StaleState("This charge does not wait for its new card any more.")


def _key(stores: Stores, charge: Charge) -> str:
    """
    Of the next try of this debt, by the larger of the ledger's count and Stripe's. A try that was not executed counts
    in neither: another file may not know of it, and should it have been executed all the same, Stripe knows
    its key. The next one has it, whatever the counts say by then: marks that somebody copied at Stripe must not lead
    past it. So has the next one after a request whose form Stripe refused, for which it keeps no key.
    """
    debt = (charge.customer, charge.reference)
    used, left = stores.charges.keys_of(*debt)
    keys = (
        charge_key(customer=charge.customer, reference=charge.reference, number=number)
        for number in count(1 + max(len(used), stores.payments.tries(*debt)))
    )
    key = left or next(key for key in keys if key not in used)
    stores.charges.free_key(key)
    return key


def _params(
    stores: Stores,
    order: ChargeOrder,
    charge: Charge,
    method: PaymentMethod,
    number: int,
    key: str,
    claim: RunClaim | None,
) -> dict[str, object]:
    metadata = {
        "onfile_charge_id": charge.id,
        "onfile_attempt": str(number),
        "onfile_reference": charge.reference,
        "onfile_installation": stores.meta.value(INSTALLATION) or "",
        # Tells which debt was tried, and how often, also where the reference is changed at Stripe.
        "onfile_key": key,
    }
    params: dict[str, object] = {
        "amount": charge.amount,
        "currency": charge.currency,
        "customer": charge.customer,
        "payment_method": method.id,
        "off_session": True,
        "confirm": True,
        # Without this Stripe considers methods that redirect and wants a return_url.
        "allowed_payment_method_types": [method.type],
        "metadata": metadata,
    }
    if order.description:
        params["description"] = order.description
    run_id, suffix = (claim.run_id, claim.suffix) if claim else (order.run_id, order.suffix)
    if run_id:
        metadata["onfile_run"] = run_id
    if suffix:
        params["statement_descriptor_suffix"] = suffix
    return params


def _claim(
    stores: Stores,
    order: ChargeOrder,
    method: PaymentMethod,
    *,
    by: Actor,
    now: int,
    livemode: bool,
    claim: RunClaim | None,
) -> Charge:
    """The charge row, moved to `attempting` by compare-and-swap, or a new one."""
    earlier = earlier_charge(stores, order)
    check_retry(stores, order, method.id, now)
    if earlier is not None:
        if not stores.charges.move(
            earlier.id,
            before=earlier.state,
            after=ChargeState.ATTEMPTING,
            at=now,
            payment_method=method.id,
        ):
            raise StaleState("This charge changed a moment ago. Reload to see its state.")
        return earlier
    if claim is not None and stores.charges.find(claim.charge_id) is not None:
        # Stripe did not take it at first, and before it was sent again somebody cancelled it.
        raise Blocked(
            "Somebody cancelled this charge while the run was going on.", code="charge_cancelled"
        )
    charge = Charge(
        id=claim.charge_id if claim else new_id("chg"),
        customer=order.customer,
        payment_method=method.id,
        amount=order.money.amount,
        currency=order.money.currency,
        reference=order.reference,
        description=order.description,
        state=ChargeState.ATTEMPTING,
        created_by=by.username,
        created_at=now,
        updated_at=now,
    )
    if not stores.charges.add(charge, livemode=livemode):
        raise AlreadyCharged(
            "Another charge for this reference was started a moment ago.", charge_id=""
        )
    return charge
