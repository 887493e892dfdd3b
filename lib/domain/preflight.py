"""
Judges the rows of a run before money moves: green, amber (look at it) or red (never sent).

Pure: everything known about the rows' customers comes in as `Facts`, so that fifty thousand rows cost
a few queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from lib.domain import payment_methods
from lib.domain.admit import Debt, DebtFacts, admit
from lib.domain.charges import Attempt
from lib.domain.confirmations import Confirmation
from lib.domain.days import day_in_words, day_of
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.named_customers import NamedCustomers
from lib.domain.newer_methods import newer_untried
from lib.domain.retries import choose_method, earlier_tries, was_tried, why_not_again
from lib.domain.runs import Finding, RowRequest, Severity
from lib.money import Money, format_money

# A second payment of the same sum within a week is more often a mistake than not.
SIMILAR_WITHIN_SECONDS = 7 * 86_400
# An amount is unusual above so many times the largest of at least so many payments.
UNUSUAL_FACTOR = 3
UNUSUAL_FROM_PAYMENTS = 3


@dataclass(frozen=True, slots=True)
class Similar:
    created: int
    payment_intent: str
    is_ours: bool
    """Made here: there is an attempt of it."""
    is_by_onfile: bool = False
    """It carries the marks of some Onfile."""


@dataclass(frozen=True, slots=True)
class PreflightFacts:
    """What is known of the customers that the rows name. Keys are ids unless they say more."""

    named: NamedCustomers = field(default_factory=NamedCustomers)
    methods: Mapping[str, Sequence[PaymentMethod]] = field(default_factory=dict)
    """By customer, newest first."""
    named_methods: Mapping[str, PaymentMethod] = field(default_factory=dict)
    confirming: Mapping[str, Confirmation] = field(default_factory=dict)
    """By customer: whose bank still confirms a method."""
    debts: DebtFacts = field(default_factory=DebtFacts)
    tried: Mapping[tuple[str, str], Sequence[Attempt]] = field(default_factory=dict)
    """By customer and reference, oldest first, whatever the sum."""
    largest: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By customer and currency: how many payments, and the largest in minor units."""
    similar: Mapping[tuple[str, str, int], Similar] = field(default_factory=dict)
    """By customer, currency and minor units: the newest payment within a week."""
    timezone: str = "UTC"
    """The installation's: in which findings name days, and cards expire."""


@dataclass(frozen=True, slots=True)
class PreflightResult:
    customer: str | None
    payment_method: str | None
    findings: tuple[Finding, ...]


def judge(request: RowRequest, facts: PreflightFacts, *, now: int) -> PreflightResult:
    """What would happen to this row, and which customer and method it means."""
    findings = list(request.findings)
    customer = _customer(request, facts, findings)
    method = None
    if customer is not None and not customer.is_deleted:
        method = _method(request, customer, facts, findings, now)
        if request.reference is not None:
            _debt(request, customer, method, facts, findings, now)
        if request.money is not None:
            _amount(request.money, customer, facts, findings)
    return PreflightResult(
        customer.id if customer else None, method.id if method else None, tuple(findings)
    )


def remarks(
    money: Money, customer: Customer, method: PaymentMethod, facts: PreflightFacts, *, now: int
) -> list[Finding]:
    """What a person should look at of this sum and method, whatever is owed."""
    findings: list[Finding] = []
    _expiring(method, findings, day_of(now, facts.timezone))
    _amount(money, customer, facts, findings)
    return findings


def _customer(
    request: RowRequest, facts: PreflightFacts, findings: list[Finding]
) -> Customer | None:
    if not request.customer:
        return None
    customer = facts.named.of(request)
    if isinstance(customer, Finding):
        findings.append(customer)
        return None
    if customer.is_deleted:
        findings.append(
            _red("customer_deleted", "This customer was deleted at Stripe.", "customer")
        )
    return customer


def _method(
    request: RowRequest,
    customer: Customer,
    facts: PreflightFacts,
    findings: list[Finding],
    now: int,
) -> PaymentMethod | None:
    today = day_of(now, facts.timezone)
    if request.payment_method is not None:
        return _named_method(request.payment_method, customer, facts, findings, today)
    every = facts.methods.get(customer.id, ())
    tried = facts.tried.get((customer.id, request.reference or ""), ())
    choice = choose_method(
        every,
        customer.default_payment_method,
        tried=tried,
        money=request.money,
        now=now,
        today=today,
        never_again=facts.debts.never_again,
    )
    if choice is None and (confirmation := facts.confirming.get(customer.id)):
        findings.append(_red("method_confirming", confirmation.sentence, "payment_method"))
        return None
    if choice is None:
        had = every[0] if every else None
        why = payment_methods.why_not_usable(had, today) if had else None
        findings.append(
            _red(
                "no_payment_method",
                f"No saved method can be charged ({payment_methods.label(had)}: {why}). Send a setup link first."
                if had is not None
                else "No saved method. Send a setup link first.",
                "payment_method",
            )
        )
        return None
    if choice.note is not None:
        findings.append(_amber("method_chosen", choice.note, "payment_method"))
    _expiring(choice.method, findings, today)
    return choice.method


def _named_method(
    method_id: str, customer: Customer, facts: PreflightFacts, findings: list[Finding], today: date
) -> PaymentMethod | None:
    method = facts.named_methods.get(method_id)
    why = payment_methods.why_not_usable(method, today) if method else None
    if method is None:
        problem = ("payment_method_unknown", f"Stripe has no saved method {method_id[:40]}.")
    elif method.customer not in (None, customer.id):
        what = f"{payment_methods.label(method)} belongs to another customer."
        problem = ("payment_method_of_another_customer", what)
    elif why is not None:
        what = f"{payment_methods.label(method)} cannot be charged: {why}."
        problem = ("payment_method_not_usable", what)
    else:
        _expiring(method, findings, today)
        return method
    findings.append(_red(*problem, "payment_method"))
    return None


def _expiring(method: PaymentMethod, findings: list[Finding], today: date) -> None:
    if payment_methods.expires_soon(method, today):
        findings.append(
            _amber(
                "expires_soon",
                f"{payment_methods.label(method)} expires {method.exp_month:02d}/{method.exp_year}.",
                "payment_method",
            )
        )


def _debt(
    request: RowRequest,
    customer: Customer,
    method: PaymentMethod | None,
    facts: PreflightFacts,
    findings: list[Finding],
    now: int,
) -> None:
    key = (customer.id, request.reference or "")
    debt = Debt(
        customer.id,
        customer.email,
        key[1],
        request.money,
        method,
        newer=newer_untried(
            method,
            customer.default_payment_method,
            facts.methods.get(customer.id, ()),
            tried=facts.tried.get(key, ()),
            never_again=facts.debts.never_again,
            today=day_of(now, facts.timezone),
        ),
        is_named=request.payment_method is not None,
        in_run=True,
        chosen_beside=request.chosen_beside,
        was_tried=bool(facts.tried.get(key)),
    )
    reasons = admit(debt, facts.debts)
    findings.extend(reasons)
    if any(reason.severity is Severity.RED for reason in reasons):
        return
    tried = facts.tried.get(key, ())
    if not tried or method is None or request.money is None:
        return
    refusal = why_not_again(tried, method.id, now, money=request.money)
    if refusal is not None:
        red = _red(refusal.code, refusal.in_words(facts.timezone), "reference")
        findings.append(replace(red, reason=refusal.reason.value, not_before=refusal.not_before))
    else:
        other = (
            "" if was_tried(tried, method.id) else f"; not yet on {payment_methods.label(method)}"
        )
        earlier = earlier_tries(
            tried, facts.methods.get(customer.id, ()), now, timezone=facts.timezone
        )
        findings.append(
            _amber(
                "another_try",
                f"{earlier}{other}.",
                "reference",
            )
        )


def _amount(
    money: Money, customer: Customer, facts: PreflightFacts, findings: list[Finding]
) -> None:
    count, largest = facts.largest.get((customer.id, money.currency), (0, 0))
    if count >= UNUSUAL_FROM_PAYMENTS and money.amount > UNUSUAL_FACTOR * largest:
        findings.append(
            _amber(
                "amount_unusual",
                f"{money} is {money.amount // largest:,} times the largest of {count} payments so far ({format_money(largest, money.currency)}).",
                "amount",
            )
        )
    similar = facts.similar.get((customer.id, money.currency, money.amount))
    if similar is not None:
        where = "" if similar.is_ours else " outside Onfile"
        if similar.is_by_onfile and not similar.is_ours:
            where = " by another installation of Onfile"
        when = day_in_words(similar.created, facts.timezone)
        findings.append(
            _amber("similar_charge", f"The same amount was charged on {when}{where}.", "amount")
        )


def _red(code: str, message: str, column: str) -> Finding:
    return Finding(code, Severity.RED, message, column)


def _amber(code: str, message: str, column: str) -> Finding:
    return Finding(code, Severity.AMBER, message, column)
