"""
Admission: whether a debt may be charged. The one rule for single charges, rows, retries, new cards and resumes.

Pure: what is known comes in as `DebtFacts`, at review, at preflight and inside the claim's transaction.
The table of facts and severities is in docs/decisions/008.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from lib.domain import payment_methods, references
from lib.domain.charges import COMMITTED_STATES, Attempt, Charge, Outcome
from lib.domain.declines import Reason, explain
from lib.domain.identity import address_key, reference_key
from lib.domain.mirror import Decline, PaymentMethod
from lib.domain.runs import Finding, Severity
from lib.money import Money, format_money

NEVER_AGAIN_CODES = (
    "lost_card",
    "stolen_card",
    "lost_or_stolen_card",
    "pickup_card",
    "do_not_try_again",
)
"""Of declines that speak of the card, not of the payment; beside the advice `do_not_try_again`."""


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


Earlier = Charge | PaymentAtStripe


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that is not over, with a planned row for a reference."""

    name: str
    customer: str
    is_submitted: bool
    """Nobody has asked to charge what is in a draft."""


@dataclass(frozen=True, slots=True)
class DebtFacts:
    live: Mapping[tuple[str, str], Charge] = field(default_factory=dict)
    """By customer and reference: paid, on its way, unknown or planned."""
    held: Mapping[tuple[str, str], Attempt] = field(default_factory=dict)
    """By customer and reference: open, unknown, on its way or paid, though its charge says otherwise."""
    at_stripe: Mapping[tuple[str, str], PaymentAtStripe] = field(default_factory=dict)
    alike: Mapping[tuple[str, str], Sequence[Earlier]] = field(default_factory=dict)
    """By customer and key of the reference; the exact one may be among them."""
    twins: Mapping[tuple[str, str], Sequence[Earlier]] = field(default_factory=dict)
    """By key of the address and reference: of whoever shares the address, deleted ones too."""
    in_runs: Mapping[tuple[str, str], WaitingRun] = field(default_factory=dict)
    """By customer and reference."""
    twins_in_runs: Mapping[tuple[str, str], Sequence[WaitingRun]] = field(default_factory=dict)
    """By key of the address and reference."""
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


def admit(debt: Debt, facts: DebtFacts) -> tuple[Finding, ...]:
    """
    Everything that speaks against charging it. Red: no way round. Stopped: a named person may open it
    with a reason. Amber: look at it.
    """
    red = _exact(debt, facts) or _card(debt, facts)
    if red is not None:
        return (red,)
    return tuple(_to_open(debt, facts))


def may_be_opened(finding: Finding) -> bool:
    return finding.severity is Severity.STOPPED


def is_never_again(decline: Decline, *, http_status: int | None) -> bool:
    """Whether a bank's answer concerns the card, for every debt and for good."""
    is_of_card = decline.advice_code == "do_not_try_again" or (
        decline.decline_code in NEVER_AGAIN_CODES or decline.code in NEVER_AGAIN_CODES
    )
    failure = explain(decline, http_status=http_status, at=0)
    return is_of_card and failure.reason is Reason.CARD_STOPPED


def newer_method(
    method: PaymentMethod | None, default: str | None, usable: Sequence[PaymentMethod]
) -> PaymentMethod | None:
    """
    The newest usable method saved after the default, when the default is what would be charged.

    The same card saved again is no other method.
    """
    if method is None or method.id != default:
        return None
    later = [
        one
        for one in usable
        if one.created > method.created
        and (one.fingerprint is None or one.fingerprint != method.fingerprint)
    ]
    return max(later, key=lambda one: one.created, default=None)


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
        return _red(
            "already_charged",
            f"Stripe has a payment of {amount} for {debt.reference} ({payment.id}, {payment.status.replace('_', ' ')}) that was not made here. Nothing is charged now.",
        )
    if live is not None and debt.money != Money(live.amount, live.currency):
        code, message = references.why_live(live)
        return _red(code, message)
    return None


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
    yield from _twin(debt, facts)
    waiting = facts.in_runs.get((debt.customer, debt.reference))
    if waiting is not None:
        yield Finding(
            "in_another_run",
            _waiting_severity(debt, waiting),
            f"{debt.reference} of this customer is in the run “{waiting.name}”, which is not over.",
            "reference",
        )
    yield from _alike(debt, facts)
    if debt.newer is not None and debt.method is not None:
        yield Finding(
            "newer_method",
            Severity.AMBER if debt.in_run or debt.is_named else Severity.STOPPED,
            f"The customer saved {payment_methods.label(debt.newer)} later than {payment_methods.label(debt.method)}, the default at Stripe that would be charged. Which one is meant?",
            "payment_method",
        )


def _waiting_severity(debt: Debt, waiting: WaitingRun) -> Severity:
    """A file that is uploaded twice charges nothing the second time: in a run it is red."""
    if debt.in_run:
        return Severity.RED
    return Severity.STOPPED if waiting.is_submitted else Severity.AMBER


def _twin(debt: Debt, facts: DebtFacts) -> Iterator[Finding]:
    key = (address_key(debt.email or ""), debt.reference)
    for earlier in facts.twins.get(key, ()):
        if earlier.customer != debt.customer:
            yield Finding(
                "charged_elsewhere",
                Severity.STOPPED,
                f"{_words(earlier)} That is customer {earlier.customer}, who has the same e-mail address.",
                "reference",
            )
            return
    for run in facts.twins_in_runs.get(key, ()):
        if run.customer != debt.customer and run.is_submitted:
            yield Finding(
                "twin_in_another_run",
                Severity.STOPPED,
                f"{debt.reference} is in the run “{run.name}”, which is not over, for customer {run.customer}, who has the same e-mail address.",
                "reference",
            )
            return


def _alike(debt: Debt, facts: DebtFacts) -> Iterator[Finding]:
    """The worst of them: one of the same sum stops."""
    others = [
        earlier
        for earlier in facts.alike.get((debt.customer, reference_key(debt.reference)), ())
        if earlier.reference != debt.reference
    ]
    same = [one for one in others if debt.money == Money(one.amount, one.currency)]
    for earlier in (same or others)[:1]:
        amount = format_money(earlier.amount, earlier.currency)
        yield Finding(
            "reference_alike",
            Severity.STOPPED if same else Severity.AMBER,
            f"There is a charge of {amount} for “{earlier.reference}” already: is “{debt.reference}” the same, written in another way?",
            "reference",
        )


def _words(earlier: Earlier) -> str:
    if isinstance(earlier, Charge):
        return references.why_live(earlier)[1]
    amount = format_money(earlier.amount, earlier.currency)
    return f"Stripe has a payment of {amount} for {earlier.reference} ({earlier.id}, {earlier.status.replace('_', ' ')})."


def _red(code: str, message: str) -> Finding:
    return Finding(code, Severity.RED, message, "reference")
