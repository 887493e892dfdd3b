"""Adoption into the ledger of something at Stripe that carries our marks: one object, one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lib.domain.charges import (
    RETRYABLE_STATES,
    STATE_AFTER,
    Charge,
    adopted_key,
    outcome_of_status,
)
from lib.domain.incidents import CONFLICT, UNEXPECTED_REFUND, UNEXPECTED_SESSION
from lib.domain.links import LINK_LIFETIME_SECONDS, EndReason, LinkStatus, SetupLink
from lib.domain.mirror import Refund
from lib.domain.refunds import NOT_KNOWN, REASONS, RefundOrder, RefundState, state_of
from lib.ids import new_id, new_token
from lib.services.ledger.refunds import RefundResult, find_order, note_refund, record_refund
from lib.store.adoptions import NotAdopted
from lib.store.marks import Mark, MarkedRefund, MarkedSession
from lib.store.stores import Stores

_BY_SYSTEM = "system"
_OVERTAKEN = "Decided after this copy of the database was made: another refund was sent since."
_NOTE = "Taken over from Stripe, which does not keep notes."


def adopt_payment(stores: Stores, mark: Mark, *, at: int, livemode: bool) -> tuple[int, int]:
    """Returns how many charges and attempts were written; none where it became a conflict."""
    outcome = outcome_of_status(mark.status, mark.error_code, mark.error_decline_code)
    try:
        charge = _charge_of(mark)
        with stores.adoptions.whole():
            is_new = stores.adoptions.adopt_attempt(mark, charge, outcome, at=at, livemode=livemode)
            stores.charges.note(
                mark.charge_id,
                attempt=mark.attempt,
                at=at,
                actor=_BY_SYSTEM,
                kind=outcome.value,
                detail={"evidence": "rebuild", "payment_intent": mark.payment_intent},
            )
    except NotAdopted as problem:
        details = {
            "reason": str(problem),
            "charge_id": mark.charge_id,
            "attempt": mark.attempt,
            "customer": mark.customer,
            "reference": mark.reference,
            "amount": mark.amount,
            "currency": mark.currency,
            "status": mark.status,
        }
        _note(stores, CONFLICT, mark.payment_intent, details, at=at)
        return 0, 0
    return int(is_new), 1


def _charge_of(mark: Mark) -> Charge:
    """What was owed, as far as Stripe can say."""
    if mark.customer is None or mark.reference is None:
        raise NotAdopted("marks_incomplete")
    outcome = outcome_of_status(mark.status, mark.error_code, mark.error_decline_code)
    return Charge(
        id=mark.charge_id,
        customer=mark.customer,
        payment_method=mark.payment_method or "",
        amount=mark.amount,
        currency=mark.currency,
        reference=mark.reference,
        description=mark.description,
        state=STATE_AFTER[outcome],
        created_by=_BY_SYSTEM,
        created_at=mark.created,
        updated_at=mark.created,
    )


def adopt_refund(stores: Stores, marked: MarkedRefund, *, at: int) -> int:
    """Returns how many orders were written; none where it became an incident."""
    try:
        with stores.adoptions.whole():
            order = _order_of(stores, marked, at=at)
            refund = _refund_of(marked)
            if not stores.refunds.send(
                order.id,
                by=_BY_SYSTEM,
                at=marked.created,
                idempotency_key=adopted_key(marked.refund),
                params=json.dumps({"payment_intent": order.payment_intent, "amount": order.amount}),
                next_look_at=at,
                sent_after=marked.created,
            ):
                raise NotAdopted("order_was_decided")
            result = RefundResult(state_of(refund), refund=refund.id, code=refund.failure_reason)
            if not record_refund(stores, find_order(stores, order.id), result, at=at):
                raise NotAdopted("order_was_decided")
    except NotAdopted as problem:
        details = {
            "reason": str(problem),
            "order_id": marked.order_id,
            "charge_id": marked.charge_id,
            "payment_intent": marked.payment_intent,
            "amount": marked.amount,
            "currency": marked.currency,
            "status": marked.status,
        }
        _note(stores, UNEXPECTED_REFUND, marked.refund, details, at=at)
        return 0
    return 1


def _order_of(stores: Stores, marked: MarkedRefund, *, at: int) -> RefundOrder:
    """The order as it was asked for: here when the file was copied, or begun anew."""
    attempt = (
        stores.charges.by_payment_intent(marked.payment_intent) if marked.payment_intent else None
    )
    if attempt is None or attempt.charge_id != marked.charge_id:
        raise NotAdopted("payment_unknown")
    known = stores.refunds.find(marked.order_id)
    if known is not None:
        if (known.payment_intent, known.amount, known.currency) != (
            marked.payment_intent,
            marked.amount,
            marked.currency,
        ):
            raise NotAdopted("order_differs")
        return known
    _reject_what_waits(stores, attempt.charge_id, at=at)
    order = RefundOrder(
        id=marked.order_id,
        charge_id=attempt.charge_id,
        attempt=attempt.number,
        payment_intent=str(marked.payment_intent),
        amount=marked.amount,
        currency=marked.currency,
        reason=marked.reason if marked.reason in REASONS else "requested_by_customer",
        note=_NOTE,
        refunded_before=0,
        state=RefundState.REQUESTED,
        requested_by=NOT_KNOWN,
        requested_at=marked.created,
    )
    stores.refunds.add(order)
    return order


def _reject_what_waits(stores: Stores, charge_id: str, *, at: int) -> None:
    """One refund of a charge is open at a time: what waits here was decided before the next was asked for."""
    for order in stores.refunds.of_charge(charge_id):
        if order.state is RefundState.REQUESTED:
            stores.refunds.close(
                order.id, after=RefundState.REJECTED, by=_BY_SYSTEM, at=at, note=_OVERTAKEN
            )
            note_refund(stores, order, "refund_rejected", by=_BY_SYSTEM, at=at)


def _refund_of(marked: MarkedRefund) -> Refund:
    return Refund(
        id=marked.refund,
        status=marked.status,
        customer=None,
        charge=None,
        payment_intent=marked.payment_intent,
        amount=marked.amount,
        currency=marked.currency,
        reason=marked.reason,
        failure_reason=marked.failure_reason,
        created=marked.created,
    )


def adopt_session(stores: Stores, marked: MarkedSession, *, at: int) -> int:
    """
    The page of a link, with the link where that is missing: under a new address, as nobody keeps the
    old one. Returns how many links were written.
    """
    is_open = marked.status == "open"
    try:
        with stores.adoptions.whole():
            is_new = stores.links.find(marked.link_id) is None
            if is_new:
                _add_link(stores, marked, at=at)
            stores.link_sessions.close(marked.link_id, at=at)
            stores.adoptions.adopt_session(
                marked.link_id,
                marked.session,
                created=marked.created,
                expires_at=marked.expires_at,
                closed_at=None if is_open else at,
            )
            if marked.status == "complete":
                stores.agreements.keep(
                    marked.link_id,
                    marked.session,
                    at=marked.saved_at or marked.completed_at or at,
                )
                stores.links.complete(
                    marked.link_id, session_id=marked.session, at=marked.completed_at or at
                )
            elif _was_withdrawn(stores, marked, at=at):
                stores.links.revoke(marked.link_id, at=at, why=None)
    except NotAdopted as problem:
        details = {"reason": str(problem), "link_id": marked.link_id, "status": marked.status}
        _note(stores, UNEXPECTED_SESSION, marked.session, details, at=at)
        return 0
    return int(is_new)


def _add_link(stores: Stores, marked: MarkedSession, *, at: int) -> None:
    customer = stores.mirror.customer(marked.customer) if marked.customer else None
    charge = stores.charges.find(marked.charge_id) if marked.charge_id else None
    if charge is not None and marked.status != "complete":
        earlier = stores.links.open_recovery_of(charge.id)
        if earlier is not None:
            stores.links.revoke(earlier.id, at=at, why=EndReason.REPLACED)
    stores.links.add(
        SetupLink(
            id=marked.link_id,
            token=new_token(),
            customer=marked.customer,
            email=marked.email or (customer.email if customer else None),
            name=marked.name or (customer.name if customer else None),
            currency=marked.currency,
            reference=marked.reference,
            locale=None,
            charge_id=charge.id if charge else None,
            created_by=_BY_SYSTEM,
            created_at=marked.created,
            expires_at=marked.created + LINK_LIFETIME_SECONDS,
            revoked_at=None,
            completed_at=None,
            completed_session=None,
        ),
        form_key=adopted_key(marked.link_id),
    )


def _was_withdrawn(stores: Stores, marked: MarkedSession, *, at: int) -> bool:
    """Its page was ended before its time, or the charge that it was to recover needs it no more."""
    link = stores.links.find(marked.link_id)
    if link is None or link.status(at) is LinkStatus.COMPLETED:
        return False
    if marked.status == "expired" and marked.expires_at is not None and marked.expires_at > at:
        return True
    charge = stores.charges.find(link.charge_id) if link.charge_id else None
    return charge is not None and charge.state not in RETRYABLE_STATES


def _note(
    stores: Stores, kind: str, subject: str, details: Mapping[str, object], *, at: int
) -> None:
    stores.incidents.add(new_id("inc"), kind=kind, subject=subject, details=details, at=at)
