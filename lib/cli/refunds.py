"""Refunds: asking for one, approving one, and what became of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.amounts import amount
from lib.cli.answers import Answer, person
from lib.cli.outcomes import OutcomeCommands
from lib.cli.staff import password_again
from lib.domain.actors import Actor, Permission
from lib.domain.refunds import RefundOrder, RefundOutcome, RefundState
from lib.money import Money, format_money

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments

_NOT_DONE = (
    RefundState.REFUSED,
    RefundState.NOT_EXECUTED,
    RefundState.FAILED,
    RefundState.UNKNOWN,
)


def request(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """Of what is left of the charge, unless --amount names less."""
    by = person(actor)
    by.must(Permission.CHARGE)
    refundable = services.refunds.refundable(arguments.charge)
    charge = refundable.charge
    order = services.refunds.request(
        charge.id,
        money=amount(arguments, charge.currency)
        if arguments.amount is not None
        else Money(refundable.left, charge.currency),
        reason=arguments.reason,
        note=arguments.note,
        by=by,
    )
    return Answer(
        as_json(order), [_line(order), f"Somebody else approves it: refunds approve {order.id}"]
    )


def approve(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    order = services.refunds.approve(
        arguments.order, by=person(actor), password=password_again(arguments)
    )
    error: dict[str, object] | None = None
    if order.state in _NOT_DONE:
        words = order.message or "Onfile looks for Stripe's answer and tells it here."
        error = {"code": order.state.value, "message": words}
    return Answer(as_json(order), [_line(order)], error=error)


def listing(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    orders = services.refunds.listing(by=person(actor))
    return Answer({"refunds": [as_json(order) for order in orders]}, [_line(one) for one in orders])


def _propose(services: Services, arguments: Arguments, by: Actor) -> RefundOutcome:
    return services.refunds_by_hand.propose(
        arguments.order,
        RefundState.NOT_EXECUTED if arguments.not_executed else RefundState.SUCCEEDED,
        reason=arguments.reason,
        by=by,
        refund=arguments.refund,
    )


def _of_proposal(
    services: Services, proposal: RefundOutcome, _: Actor
) -> tuple[dict[str, object], str]:
    order = services.refunds_by_hand.order_of(proposal)
    return {"stripe_refund": proposal.refund, "order": as_json(order)}, _line(order)


OUTCOMES = OutcomeCommands(
    "refunds", _propose, lambda services: services.refunds_by_hand, _of_proposal
)


def as_json(order: RefundOrder) -> dict[str, object]:
    return {
        "order_id": order.id,
        "charge_id": order.charge_id,
        "amount": order.amount,
        "currency": order.currency,
        "state": order.state.value,
        "reason": order.reason,
        "note": order.note,
        "requested_by": order.requested_by,
        "requested_at": order.requested_at,
        "approved_by": order.decided_by if order.idempotency_key is not None else None,
        "decided_at": order.decided_at,
        "refund": order.refund,
        "evidence": order.evidence,
        "failure": None
        if order.code is None and order.message is None
        else {"code": order.code, "message": order.message, "request_id": order.request_id},
    }


def _line(order: RefundOrder) -> str:
    money = format_money(order.amount, order.currency)
    state = order.state.value.replace("_", " ")
    return (
        f"{order.id}  {state:<12} {money} of {order.charge_id}, asked for by {order.requested_by}"
    )
