"""
Admission: whether a debt may be charged. The one rule for single charges, rows, retries, new cards and resumes.

Pure: what is known comes in as `DebtFacts`, at review, at preflight and inside the claim's transaction.
The table of facts and severities is in docs/decisions/008.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from lib.domain import erasure, holds, payment_methods, references, twins
from lib.domain.announcements import RefusedByPayer
from lib.domain.charges import COMMITTED_STATES, Attempt, Charge, Outcome
from lib.domain.declines import Reason
from lib.domain.holds import Hold
from lib.domain.identity import drawn_key
from lib.domain.mirror import PaymentMethod
from lib.domain.newer_methods import NEWER_METHOD, OLDER_METHOD_CHOSEN, saved_later
from lib.domain.paid_otherwise import PaidOtherwise
from lib.domain.payment_statuses import CANCELLABLE_STATUSES
from lib.domain.reference_keys import reference_key
from lib.domain.references import WaitingRun
from lib.domain.runs import Finding, Severity
from lib.domain.twins import Twin
from lib.money import Money, format_money


@dataclass(frozen=True, slots=True)
class PaymentAtStripe:
    """A PaymentIntent that is paid, on its way or open, and that no live attempt here stands for."""

    id: str
    status: str
    customer: str
    reference: str
    amount: int
    """Minor units."""
    currency: str

    @property
    def is_open(self) -> bool:
        """Whoever has it may still pay it; it can be cancelled from here."""
        return self.status in CANCELLABLE_STATUSES


Earlier = Charge | PaymentAtStripe


@dataclass(frozen=True, slots=True)
class DebtFacts:
    live: Mapping[tuple[str, str], Charge] = field(default_factory=dict)
    """By customer and reference: paid, on its way, unknown or planned."""
    held: Mapping[tuple[str, str], Attempt] = field(default_factory=dict)
    """By customer and reference: open, unknown, on its way or paid, though its charge says otherwise."""
    at_stripe: Mapping[tuple[str, str], PaymentAtStripe] = field(default_factory=dict)
    alike: Mapping[tuple[str, str], Sequence[Earlier]] = field(default_factory=dict)
    """By customer and key of the reference; the exact one may be among them."""
    corrected: Mapping[tuple[str, str], Sequence[Charge]] = field(default_factory=dict)
    """By customer and key of the reference: what is charged for a row in which one was corrected to the other."""
    twins: Mapping[tuple[str, str], Sequence[Earlier]] = field(default_factory=dict)
    """By key of the address and of the reference: of whoever shares the address, deleted ones too."""
    in_runs: Mapping[tuple[str, str], WaitingRun] = field(default_factory=dict)
    """By customer and reference."""
    twins_in_runs: Mapping[tuple[str, str], Sequence[WaitingRun]] = field(default_factory=dict)
    """By key of the address and reference."""
    paid_otherwise: Mapping[tuple[str, str], PaidOtherwise] = field(default_factory=dict)
    """By customer and key of the reference."""
    refused_by_payer: Mapping[tuple[str, str], RefusedByPayer] = field(default_factory=dict)
    """By customer and key of the reference: told of it, the payer answered that it should not be charged."""
    incidents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Ids of open incidents by customer and reference; "" where the reference is not known."""
    holds: Mapping[str, Hold] = field(default_factory=dict)
    """By customer: of their own, or of whoever shares the address."""
    erased: Set[str] = frozenset()
    """Customers who were erased."""
    sharing: Mapping[str, Sequence[Twin]] = field(default_factory=dict)
    """By customer: they and the other living customers with their address, where there are any."""
    never_again: Set[str] = frozenset()
    """Fingerprints of cards that must not be charged again."""


@dataclass(frozen=True, slots=True)
class Debt:
    """What is to be charged, and on what."""

    customer: str
    email: str | None
    reference: str
    money: Money | None
    method: PaymentMethod | None
    newer: PaymentMethod | None = None
    """A method that the customer saved after the default which is about to be charged."""
    is_named: bool = False
    """A person named the method."""
    in_run: bool = False
    chosen_beside: Sequence[str] | None = None
    """A person chose this customer beside these others with the address; one that came since asks again."""
    was_tried: bool = False


def admit(debt: Debt, facts: DebtFacts) -> tuple[Finding, ...]:
    """
    Everything that speaks against charging it. Red: no way round. Stopped: a named person may open it
    with a reason. Amber: look at it.
    """
    red = _exact(debt, facts) or _erased(debt, facts) or _hold(debt, facts) or _card(debt, facts)
    if red is None and debt.method and debt.money:
        red = payment_methods.cannot_take(debt.method, debt.money)
    if red is not None:
        return (red,)
    return tuple(_to_open(debt, facts))


def may_be_opened(finding: Finding) -> bool:
    return finding.severity is Severity.STOPPED


def _exact(debt: Debt, facts: DebtFacts) -> Finding | None:
    key = (debt.customer, debt.reference)
    live, held, payment = facts.live.get(key), facts.held.get(key), facts.at_stripe.get(key)
    if live is not None and live.state in COMMITTED_STATES:
        code, message = references.why_live(live)
        return _red(code, f"{message} Nothing is charged now.")
    if held is not None:
        return _red(
            "already_charged",
            f"{debt.reference} has a try that is {(held.outcome or Outcome.UNKNOWN).value}, though its charge says otherwise. Nothing is charged now.",
        )
    if payment is not None:
        amount = format_money(payment.amount, payment.currency)
        way_out = (
            " If nobody is to pay it, cancel it on the customer's page." if payment.is_open else ""
        )
        return _red(
            "already_charged",
            f"Stripe has a payment of {amount} for {debt.reference} ({payment.id}, {payment.status.replace('_', ' ')}) that was made or changed outside Onfile. Nothing is charged now.{way_out}",
        )
    incident = facts.incidents.get(key) or facts.incidents.get((debt.customer, ""))
    if incident is not None:
        return _red(
            "incident_open",
            f"What Stripe has for {debt.reference} of this customer is an open incident ({incident}). Settle it on the page Incidents first. Nothing is charged now.",
        )
    if live is not None and debt.money != Money(live.amount, live.currency):
        code, message = references.why_live(live)
        return _red(code, message)
    return None


def _erased(debt: Debt, facts: DebtFacts) -> Finding | None:
    return erasure.FINDING if debt.customer in facts.erased else None


def _hold(debt: Debt, facts: DebtFacts) -> Finding | None:
    hold = facts.holds.get(debt.customer)
    if hold is None:
        return None
    whose = (
        "this customer"
        if hold.customer == debt.customer
        else f"customer {hold.customer}, who has the same e-mail address"
    )
    return Finding(
        holds.CODE,
        Severity.RED,
        f"Somebody stopped the charges of {whose}. The reason is “{hold.reason}” ({hold.setter}). Another person lifts that on the customer's page. Nothing is charged now.",
        "customer",
    )


def _card(debt: Debt, facts: DebtFacts) -> Finding | None:
    method = debt.method
    if method is None or method.fingerprint not in facts.never_again:
        return None
    return Finding(
        "card_never_again",
        Severity.RED,
        f"{payment_methods.label(method)} must not be charged again: the bank said so for this card, also where it was saved anew. Send a link for another card.",
        "payment_method",
        reason=Reason.CARD_STOPPED.value,
    )


def _to_open(debt: Debt, facts: DebtFacts) -> Iterator[Finding]:
    of_twin = list(_twin(debt, facts))
    yield from of_twin
    yield from _sharing(debt, facts, is_stopped=any(map(may_be_opened, of_twin)))
    waiting = facts.in_runs.get((debt.customer, debt.reference))
    if waiting is not None:
        yield Finding(
            "in_another_run",
            _waiting_severity(debt, waiting),
            f"{debt.reference} of this customer is in the run “{waiting.name}”, which is not over.",
            "reference",
        )
    payers = {debt.customer, *(one.customer.id for one in facts.sharing.get(debt.customer, ()))}
    for key in [(payer, reference_key(debt.reference)) for payer in sorted(payers)]:
        noted = (facts.paid_otherwise.get(key), facts.refused_by_payer.get(key))
        yield from (one.finding for one in noted if one is not None)
    key = (debt.customer, reference_key(debt.reference))
    yield from _alike(debt, facts.alike.get(key, ()))
    corrected = facts.corrected.get(key, ())
    yield from references.corrected_before(debt.customer, debt.reference, corrected)
    if debt.newer is not None and debt.method is not None:
        later = saved_later(debt.newer, debt.method)
        if debt.is_named:
            chosen = f"{later} {payment_methods.label(debt.method)} was chosen."
            yield Finding(OLDER_METHOD_CHOSEN, Severity.AMBER, chosen, "payment_method")
        else:
            severity = Severity.AMBER if debt.in_run else Severity.STOPPED
            yield Finding(NEWER_METHOD, severity, f"{later} Which one is meant?", "payment_method")


def _waiting_severity(debt: Debt, waiting: WaitingRun) -> Severity:
    """A file that is uploaded twice charges nothing the second time: in a run it is red."""
    if debt.in_run:
        return Severity.RED
    return Severity.STOPPED if waiting.is_submitted else Severity.AMBER


def _twin(debt: Debt, facts: DebtFacts) -> Iterator[Finding]:
    if not (facts.twins or facts.twins_in_runs):
        return
    address, key = drawn_key(debt.email or ""), reference_key(debt.reference)
    every = [one for one in facts.twins.get((address, key), ()) if one.customer != debt.customer]
    charged = [one for one in every if one.reference == debt.reference]
    for earlier in charged[:1]:
        yield Finding(
            "charged_elsewhere",
            Severity.STOPPED,
            f"{_words(earlier)} That is {_whose(earlier)}.",
            "reference",
            about=_each(one.customer for one in charged),
        )
        return
    yield from _alike(debt, every)
    waiting = [
        run
        for run in facts.twins_in_runs.get((address, debt.reference), ())
        if run.customer != debt.customer and run.is_submitted
    ]
    for run in waiting[:1]:
        yield Finding(
            "twin_in_another_run",
            Severity.STOPPED,
            f"{debt.reference} is in the run “{run.name}”, which is not over, for customer {run.customer}, whose e-mail address is the same, or looks so.",
            "reference",
            about=_each(one.customer for one in waiting),
        )


def _sharing(debt: Debt, facts: DebtFacts, *, is_stopped: bool) -> Iterator[Finding]:
    """Two customers that are the same to a person; `is_stopped`: by what names the other one already."""
    sharing = facts.sharing.get(debt.customer, ())
    if not sharing or (is_stopped and debt.in_run):
        return
    others = {twin.customer.id for twin in sharing} - {debt.customer}
    if debt.chosen_beside is not None and others.issubset(debt.chosen_beside):
        return
    severity = Severity.AMBER if debt.was_tried or is_stopped else Severity.STOPPED
    yield twins.has_twin(sharing, severity)


def _alike(debt: Debt, earlier_ones: Iterable[Earlier]) -> Iterator[Finding]:
    """Of one customer or of their twins. The worst of them: one of the same sum stops."""
    others = [one for one in earlier_ones if one.reference != debt.reference]
    same = [one for one in others if debt.money == Money(one.amount, one.currency)]
    named = same or others
    for earlier in named[:1]:
        amount = format_money(earlier.amount, earlier.currency)
        whose = f", of {_whose(earlier)}" if earlier.customer != debt.customer else ""
        yield Finding(
            "reference_alike",
            Severity.STOPPED if same else Severity.AMBER,
            f"There is a charge of {amount} for “{earlier.reference}” already{whose}: is “{debt.reference}” the same, written in another way?",
            "reference",
            about=_each(f"{x.customer} {x.reference}" if whose else x.reference for x in named),
        )


def _whose(twins_own: Earlier) -> str:
    return f"customer {twins_own.customer}, whose e-mail address is the same, or looks so"


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _words(earlier: Earlier) -> str:
    if isinstance(earlier, Charge):
        return references.why_live(earlier)[1]
    amount = format_money(earlier.amount, earlier.currency)
    return f"Stripe has a payment of {amount} for {earlier.reference} ({earlier.id}, {earlier.status.replace('_', ' ')})."


def _red(code: str, message: str) -> Finding:
    return Finding(code, Severity.RED, message, "reference")
