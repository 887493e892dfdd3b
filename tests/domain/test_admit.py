"""Facts and their severities, one test a line of the table in docs/decisions/008."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.admit import Debt, DebtFacts, PaymentAtStripe, admit
from lib.domain.charges import Attempt, Charge, ChargeState, Outcome
from lib.domain.holds import Hold
from lib.domain.mirror import Decline, PaymentMethod
from lib.domain.never_again import is_never_again
from lib.domain.newer_methods import newer_method
from lib.domain.references import WaitingRun
from lib.money import Money

ME, TWIN, ADDRESS = "cus_me", "cus_twin", "pay@example.com"
CARD = PaymentMethod(
    id="pm_old",
    livemode=False,
    type="card",
    customer=ME,
    brand="visa",
    last4="4242",
    exp_month=12,
    exp_year=2030,
    funding=None,
    country=None,
    fingerprint="fp_1",
    billing_name=None,
    billing_email=None,
    created=100,
)
NEWER = replace(CARD, id="pm_new", fingerprint="fp_2", created=200, last4="4444")
DEBT = Debt(ME, ADDRESS, "INV-1", Money(1_000, "usd"), CARD)
PAID = Charge(
    id="chg_1",
    customer=ME,
    payment_method="pm_old",
    amount=1_000,
    currency="usd",
    reference="INV-1",
    description=None,
    state=ChargeState.SUCCEEDED,
    created_by="alice",
    created_at=1,
    updated_at=1,
)
ATTEMPT = Attempt(
    charge_id="chg_1",
    number=1,
    idempotency_key="k",
    params="{}",
    requested_by="alice",
    requested_at=1,
    outcome=Outcome.SUCCEEDED,
    outcome_at=2,
    evidence=None,
    next_look_at=None,
    looks=0,
    payment_intent="pi_1",
    http_status=200,
    request_id=None,
    decline=Decline(),
    last_look=None,
)
FOREIGN = PaymentAtStripe("pi_9", "succeeded", ME, "INV-1", 777, "usd")
EXACT, TWINS, TWINS_ALIKE = (ME, "INV-1"), (ADDRESS, "INV-1"), (ADDRESS, "inv1")


def found(facts: DebtFacts, debt: Debt = DEBT) -> list[tuple[str, str]]:
    return [(one.code, one.severity.value) for one in admit(debt, facts)]


@pytest.mark.parametrize(
    "facts",
    [
        *(
            DebtFacts(live={EXACT: replace(PAID, state=state, amount=amount)})
            for state in ("succeeded", "processing", "attempting")
            for amount in (1_000, 5)
        ),
        DebtFacts(held={EXACT: ATTEMPT}),
        *(
            DebtFacts(at_stripe={EXACT: replace(FOREIGN, status=status)})
            for status in ("succeeded", "processing", "requires_capture", "requires_action")
        ),
    ],
)
def test_the_exact_reference_is_red_whatever_the_sum(facts: DebtFacts) -> None:
    assert found(facts) == [("already_charged", "red")]


def test_an_unknown_outcome_is_red() -> None:
    unknown = replace(PAID, state=ChargeState.UNKNOWN)
    assert found(DebtFacts(live={EXACT: unknown})) == [("outcome_unknown", "red")]


def test_a_planned_charge_of_the_same_sum_is_tried_again_and_one_of_another_is_red() -> None:
    planned = replace(PAID, state=ChargeState.PLANNED)
    assert found(DebtFacts(live={EXACT: planned})) == []
    other = replace(planned, amount=5)
    assert found(DebtFacts(live={EXACT: other})) == [("reference_planned", "red")]


@pytest.mark.parametrize(("amount", "severity"), [(1_000, "stopped"), (999, "amber")])
@pytest.mark.parametrize("earlier", [PAID, FOREIGN])
def test_a_look_alike_stops_with_the_same_sum(
    earlier: Charge | PaymentAtStripe, amount: int, severity: str
) -> None:
    alike = replace(earlier, reference="inv 01", amount=amount)
    facts = DebtFacts(alike={(ME, "inv1"): [alike]})
    assert found(facts) == [("reference_alike", severity)]


def test_of_several_look_alikes_the_one_of_the_same_sum_counts() -> None:
    several = [replace(PAID, reference="inv 1", amount=5), replace(PAID, reference="inv-01")]
    facts = DebtFacts(alike={(ME, "inv1"): several})
    assert found(facts) == [("reference_alike", "stopped")]


@pytest.mark.parametrize("in_run", [False, True])
def test_a_twin_that_was_charged_stops_in_a_run_as_singly(in_run: bool) -> None:
    debt = replace(DEBT, in_run=in_run)
    for earlier in (PAID, FOREIGN):
        facts = DebtFacts(twins={TWINS_ALIKE: [replace(earlier, customer=TWIN)]})
        assert found(facts, debt) == [("charged_elsewhere", "stopped")]
    assert found(DebtFacts(twins={TWINS_ALIKE: [PAID]}), debt) == []


@pytest.mark.parametrize(("amount", "severity"), [(1_000, "stopped"), (999, "amber")])
@pytest.mark.parametrize("earlier", [PAID, FOREIGN])
def test_a_look_alike_that_a_twin_was_charged_stops_with_the_same_sum(
    earlier: Charge | PaymentAtStripe, amount: int, severity: str
) -> None:
    """Also where somebody chose between the customers before: that says nothing of this reference."""
    alike = replace(earlier, customer=TWIN, reference="inv 01", amount=amount)
    debt = replace(DEBT, in_run=True, chosen_beside=(TWIN,))
    (finding,) = admit(debt, DebtFacts(twins={TWINS_ALIKE: [alike]}))
    assert (finding.code, finding.severity.value) == ("reference_alike", severity)
    assert TWIN in finding.message
    assert "inv 01" in finding.message
    assert finding.about == (f"{TWIN} inv 01",)


@pytest.mark.parametrize("in_run", [False, True])
def test_a_run_that_waits_stops_and_is_named(in_run: bool) -> None:
    debt, run = replace(DEBT, in_run=in_run), WaitingRun("November", TWIN, True)
    twins, own = DebtFacts(twins_in_runs={TWINS: [run]}), DebtFacts(in_runs={EXACT: run})
    assert found(twins, debt) == [("twin_in_another_run", "stopped")]
    assert found(own, debt) == [("in_another_run", "red" if in_run else "stopped")]
    assert "“November”" in admit(debt, twins)[0].message
    draft = replace(run, is_submitted=False)
    assert found(DebtFacts(in_runs={EXACT: draft}), debt) == [
        ("in_another_run", "red" if in_run else "amber")
    ]


@pytest.mark.parametrize("whose", [ME, TWIN])
def test_a_hold_is_red_and_says_whose_it_is(whose: str) -> None:
    hold = Hold("hld_1", whose, "In court", "alice", 1)
    facts = DebtFacts(holds={ME: hold}, never_again=frozenset({"fp_1"}))
    assert found(facts, replace(DEBT, in_run=True)) == [("do_not_charge", "red")]
    message = admit(DEBT, facts)[0].message
    assert "“In court” (alice)" in message
    assert (TWIN in message) == (whose == TWIN)
    assert found(DebtFacts(holds={"cus_other": hold})) == []


def test_a_card_that_a_bank_has_stopped_is_red_under_any_id() -> None:
    facts = DebtFacts(never_again=frozenset({"fp_1"}))
    assert found(facts) == [("card_never_again", "red")]
    assert found(facts, replace(DEBT, method=replace(CARD, id="pm_again"))) == [
        ("card_never_again", "red")
    ]
    assert found(facts, replace(DEBT, method=NEWER)) == []
    assert found(facts, replace(DEBT, method=replace(CARD, fingerprint=None))) == []


def test_a_method_that_cannot_take_the_currency_or_the_sum_is_red() -> None:
    sepa = replace(DEBT, method=replace(CARD, type="sepa_debit"))
    assert found(DebtFacts(), sepa) == [("currency_not_supported", "red")]
    assert found(DebtFacts(), replace(sepa, money=Money(1_000, "eur"))) == []
    assert found(DebtFacts(), replace(sepa, money=Money(10**8, "eur"))) == [
        ("amount_too_large_for_method", "red")
    ]
    assert found(DebtFacts(), replace(sepa, money=None)) == []


def test_a_newer_card_stops_singly_and_is_looked_at_in_a_run() -> None:
    debt = replace(DEBT, newer=NEWER)
    assert found(DebtFacts(), debt) == [("newer_method", "stopped")]
    assert found(DebtFacts(), replace(debt, in_run=True)) == [("newer_method", "amber")]
    for named in (replace(debt, is_named=True), replace(debt, is_named=True, in_run=True)):
        assert found(DebtFacts(), named) == [("older_method_chosen", "amber")]


def test_what_is_newer() -> None:
    same = replace(NEWER, fingerprint="fp_1")
    assert newer_method(CARD, "pm_old", [NEWER, CARD]) == NEWER
    assert newer_method(CARD, "pm_old", [same, CARD]) is None
    assert newer_method(CARD, None, [NEWER, CARD]) is None
    assert newer_method(NEWER, "pm_new", [NEWER, CARD]) is None


@pytest.mark.parametrize(
    ("decline", "expected"),
    [
        (Decline(decline_code="stolen_card"), True),
        (Decline(decline_code="lost_card"), True),
        (Decline(decline_code="generic_decline", advice_code="do_not_try_again"), True),
        (Decline(decline_code="insufficient_funds"), False),
        (Decline(decline_code="currency_not_supported", advice_code="do_not_try_again"), False),
        (Decline(decline_code="stolen_card", outcome_type="blocked"), False),
    ],
)
def test_what_a_bank_says_of_the_card_and_not_of_the_payment(
    decline: Decline, expected: bool
) -> None:
    assert is_never_again(decline, http_status=402) is expected
