"""
Asks the one rule (lib/domain/admit.py) before money moves: at review, and again inside the claim's
transaction, for whatever charges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lib.domain.admit import Debt, DebtFacts, admit, may_be_opened
from lib.domain.charges import COMMITTED_STATES, Charge
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.newer_methods import newer_untried
from lib.domain.runs import Finding, Severity
from lib.domain.typed_codes import unknown_customer
from lib.errors import AlreadyCharged, Blocked, NotAdmitted
from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.store.stores import Stores

# Which say that the very reference is paid, on its way or not settled.
_THE_SAME_DEBT = ("already_charged", "outcome_unknown")


def findings_of(
    stores: Stores, order: ChargeOrder, method: PaymentMethod | None, *, now: int, in_run: bool
) -> tuple[Finding, ...]:
    """
    What may be opened, and what to look at, by what is known now.

    Args:
        method: None where the card is yet to come.
        in_run: an approved run covers it.

    Raises:
        AlreadyCharged: the reference is paid, in flight or unknown, here or at Stripe.
        Blocked: another red fact.
    """
    customer = stores.mirror.customer(order.customer)
    if customer is None:
        raise unknown_customer(order.customer)
    facts = stores.preflight.debts(customer, method, except_run=None if in_run else "")
    debt = Debt(
        customer.id,
        customer.email,
        order.reference,
        order.money,
        method,
        newer=None if in_run or method is None else _newer(stores, order, customer, method, now),
        is_named=order.payment_method is not None,
        in_run=in_run,
        chosen_beside=order.chosen_beside,
        was_tried=bool(stores.charges.tried_for(order.customer, order.reference)),
    )
    findings = admit(debt, facts)
    for finding in findings:
        if finding.severity is Severity.RED:
            raise _refusal(order, finding, facts)
    return findings


def refusals_of(stores: Stores, charges: Sequence[Charge]) -> dict[str, Finding]:
    """
    Why these debts cannot be charged at all, on whatever method: paid meanwhile with another sum, say.
    By charge; what may be charged again is left out.
    """
    if not charges:
        return {}
    facts = stores.preflight.exact_debts({one.customer for one in charges})
    refusals = {one.id: _red_of(one, facts) for one in charges}
    return {charge_id: finding for charge_id, finding in refusals.items() if finding is not None}


def refusal_beside(stores: Stores, charge: Charge) -> Finding | None:
    """Why a try of this charge that waits for its answer cannot be sent again; it does not stand in its own way."""
    facts = stores.preflight.exact_debts([charge.customer])
    return _red_of(charge, replace(facts, live={}, held={}))


def _red_of(charge: Charge, facts: DebtFacts) -> Finding | None:
    money = Money(charge.amount, charge.currency)
    debt = Debt(charge.customer, None, charge.reference, money, method=None)
    return next((one for one in admit(debt, facts) if one.severity is Severity.RED), None)


def must_be_opened(findings: Sequence[Finding], order: ChargeOrder) -> list[Finding]:
    """
    What a person opened, of these findings.

    Raises:
        NotAdmitted: something is stopped, and nobody said why it may be charged all the same.
    """
    stopped = [finding for finding in findings if may_be_opened(finding)]
    shut = [finding for finding in stopped if not order.opens(finding)]
    if shut:
        raise NotAdmitted(shut)
    return stopped


def _newer(
    stores: Stores, order: ChargeOrder, customer: Customer, method: PaymentMethod, now: int
) -> PaymentMethod | None:
    if method.id != customer.default_payment_method:
        return None
    methods = stores.mirror.payment_methods_of(customer.id)
    return newer_untried(
        method,
        customer.default_payment_method,
        methods,
        tried=stores.charges.attempts_for(order.customer, order.reference),
        never_again=stores.preflight.never_again(methods),
        today=stores.meta.today(now),
    )


def _refusal(order: ChargeOrder, finding: Finding, facts: DebtFacts) -> AlreadyCharged | Blocked:
    if finding.code not in _THE_SAME_DEBT:
        return Blocked(finding.message, code=finding.code, reason=finding.reason)
    key = (order.customer, order.reference)
    live, held = facts.live.get(key), facts.held.get(key)
    if live is not None and live.state in COMMITTED_STATES:
        return AlreadyCharged(finding.message, charge_id=live.id)
    return AlreadyCharged(finding.message, charge_id=held.charge_id if held else "")
