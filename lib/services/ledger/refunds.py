"""Records what became of refunds that staff ordered, on the charge's timeline and in the audit log too."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.charges import LONGEST_LOOK_SECONDS
from lib.domain.manual_outcomes import ManualOutcomeState
from lib.domain.mirror import Refund
from lib.domain.refunds import RefundOrder, RefundState, may_become, state_of
from lib.errors import NotFound
from lib.services.ledger.incidents import reopen_refunded
from lib.services.ledger.looks import look_again_at
from lib.services.ledger.unexpected import note_other_refund
from lib.store.stores import Stores


@dataclass(frozen=True, slots=True)
class RefundResult:
    state: RefundState
    refund: str | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    is_replayed: bool = False
    """Stripe says itself that this is what it answered to the first request under the key."""

    @property
    def was_executed(self) -> bool:
        """
        Whether this is the answer to the refund itself, now or saved under its key. Anything else was
        said before the key was looked at, and is no word on what an earlier request did.
        """
        return self.http_status == 200 or (self.is_replayed and self.state is RefundState.REFUSED)


def result_of(refund: Refund) -> RefundResult:
    return RefundResult(state_of(refund), refund=refund.id, code=refund.failure_reason)


def next_refund_look(state: RefundState, looks: int, at: int) -> int | None:
    if state is RefundState.PENDING:
        # Some banks take days; a webhook usually tells us first.
        return at + LONGEST_LOOK_SECONDS
    if state is RefundState.UNKNOWN:
        return look_again_at(looks, at)
    return None


def record_refund(
    stores: Stores,
    order: RefundOrder,
    result: RefundResult,
    *,
    at: int,
    evidence: str | None = None,
) -> bool:
    """
    Write `result` unless what is recorded is at least as final; False when nothing changed.

    Call inside a write transaction, with the order as it is in it.
    """
    if not may_become(order.state, result.state):
        return False
    if not stores.refunds.record(
        order.id,
        before=order.state,
        after=result.state,
        at=at,
        next_look_at=next_refund_look(result.state, order.looks, at),
        refund=result.refund,
        code=result.code,
        message=result.message,
        request_id=result.request_id,
        evidence=evidence,
    ):
        return False
    _overtake(stores, order, at=at)
    note_refund(stores, order, f"refund_{result.state.value}", by="system", at=at)
    if result.state is RefundState.FAILED and order.state is RefundState.SUCCEEDED:
        reopen_refunded(stores, order.payment_intent, at=at)
    return True


def _overtake(stores: Stores, order: RefundOrder, *, at: int) -> None:
    """Evidence came before somebody agreed to what was proposed."""
    proposal = stores.refund_outcomes.proposed_for(order.id)
    if proposal is not None:
        stores.refund_outcomes.close(proposal.id, after=ManualOutcomeState.OVERTAKEN, at=at)
        note_refund(stores, order, "refund_outcome_overtaken", by="system", at=at)


def apply_refund(stores: Stores, refund: Refund, *, at: int) -> bool:
    """What a refund at Stripe says about an order of ours. False when it changes nothing or is not ours."""
    order = stores.refunds.by_refund(refund.id)
    if order is None and refund.order_id is not None:
        order = stores.refunds.find(refund.order_id)
    if order is None or order.idempotency_key is None:
        return False
    if order.refund not in (None, refund.id) or not is_refund_of(refund, order):
        # Metadata can be copied by hand in the Dashboard; it must not decide another order.
        if state_of(refund) is not RefundState.FAILED:
            note_other_refund(stores, order, refund, at=at)
        return False
    return record_refund(stores, order, result_of(refund), at=at)


def is_refund_of(refund: Refund, order: RefundOrder) -> bool:
    """Whether Stripe's refund is of the order's payment, sum and currency."""
    made = (refund.payment_intent, refund.amount, refund.currency)
    return made == (order.payment_intent, order.amount, order.currency)


def note_refund(
    stores: Stores, order: RefundOrder, kind: str, *, by: str, at: int, **more: object
) -> None:
    """On the charge's timeline and in the audit log."""
    detail: dict[str, object] = {
        "refund": order.id,
        "amount": order.amount,
        "currency": order.currency,
        "reason": order.reason,
        "note": order.note,
        **more,
    }
    stores.charges.note(
        order.charge_id, attempt=order.attempt, at=at, actor=by, kind=kind, detail=detail
    )
    stores.audit.record(
        at=at, actor=by, action=kind.replace("_", ".", 1), subject=order.charge_id, detail=detail
    )


def note_refusal(
    stores: Stores, order: RefundOrder, decision: str, why: str, *, by: str, at: int
) -> None:
    """A decision that was not accepted."""
    stores.audit.record(
        at=at,
        actor=by,
        action=f"refund.{decision}_refused",
        subject=order.charge_id,
        detail={"refund": order.id, "reason": why},
    )


def find_order(stores: Stores, order_id: str) -> RefundOrder:
    """
    Raises:
        NotFound: no such refund.
    """
    order = stores.refunds.find(order_id)
    if order is None:
        raise NotFound("There is no such refund.")
    return order
