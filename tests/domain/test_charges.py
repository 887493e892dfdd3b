"""Charge states: which news may replace which, and what is owed under which words."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.charges import (
    LIVE_STATES,
    LONGEST_REFERENCE,
    RETRYABLE_STATES,
    STATE_AFTER,
    ChargeState,
    Outcome,
    clean_description,
    clean_reference,
    may_become,
    outcome_of,
)
from lib.domain.idempotency_keys import charge_key
from lib.domain.mirror import Decline, PaymentIntent
from lib.errors import InvalidInput

S, P, D, C, U, N = (
    Outcome.SUCCEEDED,
    Outcome.PROCESSING,
    Outcome.DECLINED,
    Outcome.NEEDS_CUSTOMER,
    Outcome.UNKNOWN,
    Outcome.NOT_EXECUTED,
)
# From a recorded outcome (None: in flight) to what evidence may make of it.
ALLOWED: dict[Outcome | None, set[Outcome]] = {
    None: {S, P, D, C, U, N},
    U: {S, P, D, C, N},
    P: {S, D, C},
    D: {S, P},
    C: {S, P, D},
    N: {S, P},
    S: set(),
}


def intent(status: str, error: Decline | None = None) -> PaymentIntent:
    return PaymentIntent(
        id="pi_1",
        livemode=False,
        status=status,
        customer="cus_1",
        payment_method="pm_1",
        amount=100,
        currency="usd",
        charge_id="chg_1",
        attempt=1,
        latest_charge=None,
        description=None,
        error=error,
        created=0,
    )


class TestTransitions:
    @pytest.mark.parametrize(
        ("before", "after"), list(itertools.product([None, *Outcome], Outcome))
    )
    def test_the_table(self, before: Outcome | None, after: Outcome) -> None:
        assert may_become(before, after) is (after in ALLOWED[before])

    @pytest.mark.parametrize("after", Outcome)
    def test_succeeded_is_final(self, after: Outcome) -> None:
        assert not may_become(S, after)

    @given(st.lists(st.sampled_from(Outcome), max_size=12))
    def test_late_news_never_goes_backwards(self, news: list[Outcome]) -> None:
        """Whatever order news comes in: money that moved stays moved, a failure stays known."""
        recorded: Outcome | None = None
        for item in news:
            before = recorded
            if may_become(recorded, item):
                recorded = item
            if before is S:
                assert recorded is S
            if before in (D, C, N):
                assert recorded not in (U, N, None) or recorded is before
            if before is not None:
                assert recorded is not None
        if S in news:
            assert recorded is S

    def test_every_outcome_has_a_state_and_free_references_are_the_failed_ones(self) -> None:
        assert set(STATE_AFTER) == set(Outcome)
        assert set(ChargeState) - LIVE_STATES == {
            ChargeState.DECLINED,
            ChargeState.NEEDS_CUSTOMER,
            ChargeState.BLOCKED,
            ChargeState.CANCELLED,
        }
        assert ChargeState.UNKNOWN not in RETRYABLE_STATES
        assert ChargeState.PROCESSING not in RETRYABLE_STATES

    def test_keys_are_literal(self) -> None:
        def key(customer: str = "cus_1", reference: str = "INV-1", n: int = 1):
            return charge_key(customer=customer, reference=reference, number=n)

        assert key() == key()
        others = {key("cus_2"), key(reference="INV-2"), key(n=2)}
        assert len(others | {key()}) == 4
        # What is joined is not mistaken for something else.
        assert key(customer="a", reference="b,c") != key(customer="a,b", reference="c")


class TestWhatAnIntentSays:
    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            ("succeeded", S),
            ("processing", P),
            ("requires_action", C),
            ("requires_confirmation", C),
            ("requires_payment_method", D),
            ("canceled", D),
            ("requires_capture", U),
            ("a_status_of_2031", U),
        ],
    )
    def test_by_status(self, status: str, outcome: Outcome) -> None:
        assert outcome_of(intent(status)) is outcome

    @pytest.mark.parametrize("field", ["code", "decline_code"])
    @pytest.mark.parametrize("status", ["requires_payment_method", "canceled"])
    def test_authentication_required_needs_the_customer(self, status: str, field: str) -> None:
        error = Decline(**{field: "authentication_required"})
        assert outcome_of(intent(status, error)) is C

    def test_an_old_error_does_not_undo_a_success(self) -> None:
        assert outcome_of(intent("succeeded", Decline(code="card_declined"))) is S


class TestReferences:
    @pytest.mark.parametrize("text", ["", "  ", "\n\t"])
    def test_one_is_needed(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            clean_reference(text)
        assert refused.value.code == "reference_missing"

    @pytest.mark.parametrize("text", ["A\x00B", "A\nB", "A\u202eB", "\x1b[31mA", "\udcff"])
    def test_characters_nobody_sees_are_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            clean_reference(text)
        assert refused.value.code == "reference_invalid"

    @pytest.mark.parametrize("length", [LONGEST_REFERENCE + 1, 100_000])
    def test_too_long_is_refused(self, length: int) -> None:
        with pytest.raises(InvalidInput):
            clean_reference("x" * length)
        assert clean_reference("x" * LONGEST_REFERENCE)

    def test_the_same_reference_always_compares_equal(self) -> None:
        assert clean_reference(" Cafe\u0301 1 ") == clean_reference("Caf\u00e9 1")

    @given(st.text())
    def test_cleaning_twice_changes_nothing_more(self, text: str) -> None:
        try:
            once = clean_reference(text)
        except InvalidInput:
            return
        assert clean_reference(once) == once
        assert once == once.strip()

    @pytest.mark.parametrize("text", ["x" * 501, "two\nlines", "\x00"])
    def test_a_description_is_one_line_that_stripe_takes(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            clean_description(text)
        assert clean_description("  ") is None
        assert clean_description(None) is None
