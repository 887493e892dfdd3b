"""Closes incidents, by people and by facts, and writes down how: audit log and the charge's timeline."""

from __future__ import annotations

from collections.abc import Iterable

from lib.domain.incidents import (
    CONFLICT,
    PAID_TWICE,
    UNEXPECTED,
    Incident,
    ProposalState,
    Resolution,
)
from lib.ids import new_id
from lib.store.stores import Stores

_OF_PAYMENTS = (CONFLICT, PAID_TWICE, UNEXPECTED)


def close(
    stores: Stores, incident: Incident, resolution: Resolution, *, by: str, note: str, at: int
) -> bool:
    """False when it is settled already."""
    if not stores.incidents.settle(incident.id, resolution=resolution, by=by, note=note, at=at):
        return False
    proposal = stores.incidents.proposal(incident.id)
    if proposal is not None:
        stores.incidents.close_proposal(proposal.id, after=ProposalState.OVERTAKEN, at=at)
    note_incident(stores, incident, "settled", by=by, at=at, resolution=resolution.value, note=note)
    return True


def note_incident(
    stores: Stores, incident: Incident, event: str, *, by: str, at: int, **detail: object
) -> None:
    """In the audit log, and on the timeline of the charge that it names, where the ledger knows that."""
    about = {"incident": incident.id, "kind": incident.kind, "about": incident.subject}
    stores.audit.record(
        at=at,
        actor=by,
        action=f"incident.{event}",
        subject=incident.charge_id or incident.id,
        detail={**about, **detail},
    )
    if incident.charge_id is not None and stores.charges.find(incident.charge_id) is not None:
        stores.charges.note(
            incident.charge_id,
            attempt=None,
            at=at,
            actor=by,
            kind=f"incident_{event}",
            detail={**about, **detail},
        )


def close_refunded(stores: Stores, payment_intents: Iterable[str], *, at: int) -> None:
    """After news of refunds of these payments: what is wholly given back is settled."""
    if not stores.incidents.any_open():
        return
    for payment_intent in set(payment_intents):
        for incident in _touching(stores, payment_intent):
            if incident.kind in _OF_PAYMENTS and _is_given_back(stores, incident):
                note = f"{payment_intent} was given back."
                close(stores, incident, Resolution.REFUNDED, by="system", note=note, at=at)


def close_cancelled(stores: Stores, payment_intents: Iterable[str], *, at: int) -> None:
    """After Stripe said that these payments are cancelled."""
    for incident in stores.incidents.open_about(payment_intents):
        if incident.kind in _OF_PAYMENTS:
            note = "Stripe says that the payment is cancelled."
            close(stores, incident, Resolution.CANCELLED, by="system", note=note, at=at)


def reopen_refunded(stores: Stores, payment_intent: str, *, at: int) -> None:
    """The bank sent a refund back that had settled an incident: the same stands open again."""
    for incident in _settled_about(stores, payment_intent):
        if incident.resolution is Resolution.REFUNDED:
            stores.incidents.add(
                new_id("inc"),
                kind=incident.kind,
                subject=incident.subject,
                details=incident.details,
                at=at,
            )
            return


def _settled_about(stores: Stores, payment_intent: str) -> list[Incident]:
    """Also of a debt that was paid twice, whichever of its payments the incident names."""
    attempt = stores.charges.by_payment_intent(payment_intent)
    charge = stores.charges.find(attempt.charge_id) if attempt is not None else None
    debt = (
        stores.payments.evidence_of_debt(charge.customer, charge.reference)
        if charge is not None
        else []
    )
    hits = stores.incidents.about(payment_intent)
    for payment in debt:
        if payment.id != payment_intent:
            hits += [one for one in stores.incidents.about(payment.id) if one.kind == PAID_TWICE]
    return [one for one in hits if not one.is_open]


def is_accepted(stores: Stores, payment_intent: str) -> bool:
    """Whether two people agreed that a payment stays as it is."""
    return any(
        one.resolution is Resolution.ACCEPTED for one in stores.incidents.about(payment_intent)
    )


def _touching(stores: Stores, payment_intent: str) -> list[Incident]:
    """Open ones about a payment, or about the debt that it is of."""
    hits = stores.incidents.open_about([payment_intent])
    attempt = stores.charges.by_payment_intent(payment_intent)
    charge = stores.charges.find(attempt.charge_id) if attempt is not None else None
    if charge is not None:
        known = {one.id for one in hits}
        debt = stores.incidents.open_of_debt(charge.customer, charge.reference)
        hits += [one for one in debt if one.id not in known]
    return hits


def _is_given_back(stores: Stores, incident: Incident) -> bool:
    if incident.kind == PAID_TWICE and incident.customer and incident.reference:
        debt = stores.payments.evidence_of_debt(incident.customer, incident.reference)
        paid = [one for one in debt if one.is_paid]
        return len(paid) > 1 and sum(not one.is_refunded for one in paid) <= 1
    payment = stores.payments.evidence(incident.payment_intent or incident.subject)
    return payment is not None and payment.is_refunded
