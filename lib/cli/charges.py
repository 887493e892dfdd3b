"""Charges: charging now, ending an open payment, and settling by hand what no evidence settles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lib.cli.amounts import amount
from lib.cli.answers import Answer, person
from lib.cli.outcomes import OutcomeCommands
from lib.domain.charges import ChargeState, Outcome
from lib.money import checked, format_money
from lib.services.charges.orders import ChargeOrder

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor
    from lib.domain.manual_outcomes import ManualOutcome
    from lib.services.charges.view import ChargeView


def charge(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by = person(actor)
    order = ChargeOrder(
        customer=services.customers.named(arguments.customer),
        money=checked(amount(arguments, arguments.currency)),
        reference=arguments.reference,
        payment_method=arguments.payment_method,
        description=arguments.description,
        despite=dict.fromkeys(arguments.despite, arguments.note),
    )
    review = services.charges.review(order, by=by)
    # What the warnings speak of, whatever is saved in between.
    charged = services.charges.charge(order, by=by, seen=review.fingerprint)
    answer = _answer(charged, by=by)
    return replace(
        answer,
        data={**answer.data, "warnings": list(review.warnings)},
        lines=[*review.warnings, *answer.lines],
    )


def cancel_payment(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    if arguments.charge.startswith("pi_"):
        return _cancel_of_nobody(services, arguments, person(actor))
    services.open_payments.cancel(arguments.charge, reason=arguments.reason, by=person(actor))
    view = services.charges.view(arguments.charge)
    return Answer(view.as_json(by=person(actor)), ["The payment is cancelled. No money moved."])


def _cancel_of_nobody(services: Services, arguments: Arguments, by: Actor) -> Answer:
    ended = services.open_payments.cancel_of_nobody(
        arguments.charge, reason=arguments.reason, by=by
    )
    data: dict[str, object] = {
        "payment_intent": ended.id,
        "status": ended.status,
        "customer": ended.customer,
        "reference": ended.reference,
        "amount": ended.amount,
        "currency": ended.currency,
    }
    return Answer(data, ["The payment is cancelled. No money moved."])


def _propose(services: Services, arguments: Arguments, by: Actor) -> ManualOutcome:
    return services.manual_outcomes.propose(
        arguments.charge,
        Outcome.NOT_EXECUTED if arguments.not_executed else Outcome.SUCCEEDED,
        reason=arguments.reason,
        by=by,
        payment_intent=arguments.payment,
    )


def _of_proposal(
    services: Services, proposal: ManualOutcome, by: Actor
) -> tuple[dict[str, object], str]:
    view = services.charges.view(proposal.charge_id)
    return {
        "payment_intent": proposal.payment_intent,
        "charge": view.as_json(by=by),
    }, _line(view)


OUTCOMES = OutcomeCommands(
    "charges", _propose, lambda services: services.manual_outcomes, _of_proposal
)


def _answer(whole: ChargeView, *, by: Actor) -> Answer:
    view = whole.seen_by(by)
    charge = view.charge
    done = charge.state in (ChargeState.SUCCEEDED, ChargeState.PROCESSING)
    lines = [_line(view)]
    error: dict[str, object] | None = None
    if not done:
        message = f"{view.what_happened or ''} {view.next_step or ''}".strip()
        error = {"code": charge.state.value, "message": message}
        if view.recovery_url:
            lines.append(f"New link for the customer: {view.recovery_url}")
    return Answer(view.as_json(by=by), lines, error=error)


def _line(view: ChargeView) -> str:
    charge = view.charge
    money = format_money(charge.amount, charge.currency)
    return f"{money} for {charge.reference}: {charge.state.value.replace('_', ' ')}"
