"""Incidents on the command line: seen with their evidence, and settled."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.cli.refunds import as_json
from lib.cli.staff import password_again
from lib.domain.actors import Actor, Permission
from lib.domain.incidents import CONFLICT, Resolution
from lib.money import format_money

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.services.incidents.view import IncidentView


def listing(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    is_open = {"open": True, "settled": False, "all": None}[arguments.state]
    views = services.incidents.views.listing(is_open=is_open, limit=max(arguments.limit, 1))
    count = services.incidents.views.count_open()
    return Answer(
        {"incidents": [_summary(view) for view in views], "open": count},
        [*(_line(view) for view in views), f"{count:,} open"],
    )


def show(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    return _answer(services, arguments.incident)


def adopt(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """Of a conflict: proposed, as two people settle it."""
    incident = services.incidents.views.incident(arguments.incident).incident
    if incident.kind == CONFLICT:
        services.incidents.proposals.propose(
            incident.id, Resolution.ADOPTED, reason=arguments.reason, by=person(actor)
        )
    else:
        services.incidents.payments.adopt(incident.id, reason=arguments.reason, by=person(actor))
    return _answer(services, incident.id)


def refund(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    order = services.incidents.payments.refund(
        arguments.incident,
        note=arguments.note,
        by=person(actor),
        reason=arguments.reason,
        payment_intent=arguments.payment,
    )
    answer = _answer(services, arguments.incident)
    return Answer(
        {**answer.data, "refund": as_json(order)},
        [*answer.lines, f"Somebody else approves it: python -m lib refunds approve {order.id}"],
    )


def cancel(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.incidents.payments.cancel(
        arguments.incident, reason=arguments.reason, by=person(actor)
    )
    return _answer(services, arguments.incident)


def settle(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.incidents.proposals.propose(
        arguments.incident, Resolution.ACCEPTED, reason=arguments.reason, by=person(actor)
    )
    return _answer(services, arguments.incident)


def approve(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """By a signed-in approver, or by the owner of this machine."""
    proposals = services.incidents.proposals
    if arguments.on_this_host:
        proposals.approve_on_this_host(arguments.incident)
    else:
        proposals.approve(arguments.incident, by=person(actor), password=password_again(arguments))
    return _answer(services, arguments.incident)


def reject(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.incidents.proposals.reject(
        arguments.incident,
        by=person(actor),
        password=password_again(arguments),
        note=arguments.reason,
    )
    return _answer(services, arguments.incident)


def withdraw(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.incidents.proposals.withdraw(arguments.incident, by=person(actor))
    return _answer(services, arguments.incident)


def _answer(services: Services, incident_id: str) -> Answer:
    view = services.incidents.views.incident(incident_id)
    return Answer(_object(view), _lines(view))


def _summary(view: IncidentView) -> dict[str, object]:
    incident = view.incident
    return {
        "incident_id": incident.id,
        "kind": incident.kind,
        "reason": incident.reason,
        "state": view.state,
        "about": incident.subject,
        "payment_intent": incident.payment_intent,
        "charge_id": incident.charge_id,
        "customer": view.customer,
        "reference": view.reference,
        "amount": view.payment.amount if view.payment else incident.details.get("amount"),
        "currency": view.payment.currency if view.payment else incident.details.get("currency"),
        "found_at": incident.found_at,
        "settled_at": incident.settled_at,
        "settled_by": incident.settled_by,
        "resolution": incident.resolution.value if incident.resolution else None,
        "note": incident.note,
    }


def _object(view: IncidentView) -> dict[str, object]:
    """With its evidence: Stripe's payments beside the ledger's attempts."""
    is_open = view.incident.is_open
    return {
        **_summary(view),
        "details": dict(view.incident.details),
        "payments": [asdict(payment) for payment in view.payments],
        "attempts": [
            {
                "charge_id": attempt.charge_id,
                "attempt": attempt.number,
                "outcome": attempt.outcome.value if attempt.outcome else None,
                "payment_intent": attempt.payment_intent,
                "requested_at": attempt.requested_at,
                "requested_by": attempt.requested_by,
                "adopted": attempt.is_adopted,
                "surplus": attempt.is_surplus,
            }
            for attempt in view.attempts
        ],
        "refunds": [as_json(order) for order in view.refunds],
        "proposals": [asdict(proposal) for proposal in view.proposals],
        "may": {
            "adopt": is_open and view.why_not_adopt is None,
            "refund": is_open and view.why_not_refund is None,
            "cancel": is_open and view.why_not_cancel is None,
            "settle": is_open and view.proposal is None,
        },
        "why_not": {
            "adopt": view.why_not_adopt,
            "refund": view.why_not_refund,
            "cancel": view.why_not_cancel,
        },
    }


def _line(view: IncidentView) -> str:
    incident = view.incident
    about = " ".join(filter(None, [_money(view), view.customer, view.reference]))
    return f"{incident.id}  {view.state:<16} {incident.kind:<18} {about or incident.subject}"


def _money(view: IncidentView) -> str:
    summary = _summary(view)
    amount, currency = summary["amount"], summary["currency"]
    return format_money(int(str(amount)), str(currency)) if amount and currency else ""


def _lines(view: IncidentView) -> list[str]:
    incident = view.incident
    lines = [
        _line(view),
        f"  about {incident.subject}{f': {incident.reason}' if incident.reason else ''}",
    ]
    lines += [
        f"  at Stripe: {one.id} {one.status}, {format_money(one.amount, one.currency)}, "
        f"{format_money(one.refunded, one.currency)} given back, names {one.charge_id or 'no charge of ours'}"
        for one in view.payments
    ]
    lines += [
        f"  here: {one.charge_id} try {one.number} {one.outcome or 'on its way'}, {one.payment_intent or 'no payment'}"
        for one in view.attempts
    ]
    if view.proposal is not None:
        lines.append(
            f"  {view.proposal.proposed_by} proposes “{view.proposal.resolution}”: {view.proposal.reason}"
        )
    if incident.resolution is not None:
        lines.append(f"  {incident.resolution} by {incident.settled_by}: {incident.note}")
        return lines
    for way, why in (
        ("adopt", view.why_not_adopt),
        ("refund", view.why_not_refund),
        ("cancel", view.why_not_cancel),
    ):
        lines.append(f"  {way}: {why or 'may be done'}")
    return lines
