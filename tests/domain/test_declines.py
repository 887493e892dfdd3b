"""Why a charge failed: every code of Stripe's table, the advice that outranks it, and secrecy."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.declines import (
    EXPLANATIONS,
    REASON_OF_CODE,
    SECRET_CODES,
    Reason,
    explain,
    shown_code,
)
from lib.domain.mirror import Decline

AT = 1_800_000_000
DAY = 86_400

# docs.stripe.com/declines/codes: the next step Stripe gives (as in STRIPE_FACTS 3.4), its codes,
# and the reasons that say the same to staff.
NEXT_STEPS: dict[str, tuple[str, set[Reason]]] = {
    "bring the customer on-session": (
        "authentication_required authentication_not_handled",
        {Reason.NEEDS_AUTHENTICATION},
    ),
    "the customer contacts the issuer": (
        "call_issuer card_velocity_exceeded do_not_honor do_not_try_again generic_decline "
        "new_account_information_available no_action_taken not_permitted pickup_card "
        "restricted_card revocation_of_all_authorizations revocation_of_authorization "
        "security_violation service_not_allowed stop_payment_order transaction_not_allowed",
        # A limit is exceeded, or new details exist: both send the customer to bank or link.
        {
            Reason.BANK_REFUSED,
            Reason.CARD_STOPPED,
            Reason.NOT_ENOUGH_MONEY,
            Reason.CARD_DETAILS,
        },
    ),
    "make sure it works for this purchase": (
        "card_not_supported currency_not_supported invalid_amount",
        {Reason.NOT_SUPPORTED},
    ),
    "make sure the card works at all": ("invalid_account", {Reason.CARD_DETAILS}),
    "use another card": (
        "expired_card insufficient_funds withdrawal_count_limit_exceeded pin_try_exceeded",
        {Reason.CARD_DETAILS, Reason.NOT_ENOUGH_MONEY},
    ),
    "attempt again, then contact the issuer": (
        "approve_with_id issuer_not_available reenter_transaction try_again_later",
        {Reason.TRY_LATER},
    ),
    "attempt again, then later": ("processing_error", {Reason.TRY_LATER}),
    "check for a recent payment": ("duplicate_transaction", {Reason.POSSIBLE_DUPLICATE}),
    "correct the data": (
        "incorrect_address incorrect_cvc incorrect_number incorrect_zip invalid_cvc "
        "invalid_expiry_month invalid_expiry_year invalid_number",
        {Reason.CARD_DETAILS},
    ),
    "never tell why": (
        "fraudulent merchant_blacklist lost_card stolen_card",
        {Reason.CARD_STOPPED},
    ),
    "a test card was used": ("testmode_decline", {Reason.NOT_SUPPORTED}),
    "card present only": (
        "incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required",
        {Reason.CARD_DETAILS},
    ),
    "card present only, by device": (
        "mobile_device_authentication_required",
        {Reason.NEEDS_AUTHENTICATION},
    ),
}
ROWS = [(code, reasons) for codes, reasons in NEXT_STEPS.values() for code in codes.split()]
ALL_CODES = sorted(REASON_OF_CODE)


def declined(decline_code: str | None, **more: str | None) -> Decline:
    return Decline(code="card_declined", decline_code=decline_code, **more)


class TestEveryCode:
    def test_the_table_is_whole(self) -> None:
        assert len({code for code, _ in ROWS}) == 50

    @pytest.mark.parametrize(("code", "reasons"), ROWS, ids=[code for code, _ in ROWS])
    def test_reads_as_stripes_next_step(self, code: str, reasons: set[Reason]) -> None:
        assert code in REASON_OF_CODE, "known, not merely the fallback"
        assert explain(declined(code), http_status=402, at=AT).reason in reasons

    @pytest.mark.parametrize("reason", Reason)
    def test_every_reason_has_words_for_staff_and_an_agreeing_offer(self, reason: Reason) -> None:
        said = EXPLANATIONS[reason]
        assert said.staff.endswith(".")
        assert said.next_step.endswith(".")
        assert said.offers_link is ("page" in (said.customer_message or ""))

    @pytest.mark.parametrize(
        "code",
        [None, "", "a_code_of_2031", "\x00", "x" * 100_000],
        ids=["none", "empty", "new", "control", "100 kB"],
    )
    def test_an_unknown_code_is_honestly_the_bank_refused(self, code: str | None) -> None:
        failure = explain(declined(code), http_status=402, at=AT)
        assert failure.reason is Reason.BANK_REFUSED
        assert failure.retry_not_before == AT + DAY

    def test_the_general_code_speaks_when_there_is_no_decline_code(self) -> None:
        explanation = explain(Decline(code="expired_card"), http_status=402, at=AT)
        assert explanation.reason is Reason.CARD_DETAILS

    def test_a_400_is_our_doing_unless_the_code_says_otherwise(self) -> None:
        ours = explain(Decline(code="parameter_invalid_integer"), http_status=400, at=AT)
        assert (ours.reason, ours.retry_allowed) == (Reason.OUR_DATA, True)
        for code in (
            "currency_not_supported",
            "payment_intent_incompatible_payment_method",
            "payment_method_unsupported_type",
        ):
            foreign = explain(Decline(code=code), http_status=400, at=AT)
            assert foreign.reason is Reason.NOT_SUPPORTED

    @pytest.mark.parametrize("http_status", [400, 404])
    @pytest.mark.parametrize(
        ("code", "message", "reason"),
        [
            (None, "payment_method: It was detached from a Customer.", Reason.CARD_DETAILS),
            (None, "It was previously detached from a Customer.", Reason.CARD_DETAILS),
            ("resource_missing", "payment_method: No such PaymentMethod.", Reason.CARD_DETAILS),
            ("payment_method_unexpected_state", "Not in this state.", Reason.CARD_DETAILS),
            ("resource_missing", "customer: No such customer.", Reason.OUR_DATA),
        ],
    )
    def test_what_is_gone_at_stripe_is_no_word_of_a_bank(
        self, http_status: int, code: str | None, message: str, reason: Reason
    ) -> None:
        decline = Decline(code=code, message=message)
        assert explain(decline, http_status=http_status, at=AT).reason is reason

    @pytest.mark.parametrize(
        ("codes", "reason"),
        [
            ("account_closed branch_does_not_exist invalid_account_number", Reason.CARD_DETAILS),
            ("incorrect_account_holder_name no_account", Reason.CARD_DETAILS),
            ("debit_not_authorized authorization_revoked debit_disputed", Reason.CARD_STOPPED),
            ("debit_authorization_not_match recipient_deceased", Reason.CARD_STOPPED),
            ("bank_account_restricted", Reason.NOT_SUPPORTED),
            ("refer_to_customer generic_could_not_process", Reason.BANK_REFUSED),
            ("insufficient_funds", Reason.NOT_ENOUGH_MONEY),
        ],
    )
    def test_a_debit_that_fails_days_later_says_why(self, codes: str, reason: Reason) -> None:
        """docs.stripe.com/payments/sepa-debit, “Failed payments”: its 13 codes, and one of ACH's."""
        for code in codes.split():
            assert code in REASON_OF_CODE, "known, not merely the fallback"
            assert explain(Decline(code=code), http_status=None, at=AT).reason is reason

    def test_a_mandate_that_ended_wants_another_method_and_not_our_data(self) -> None:
        ended = Decline(code="payment_intent_mandate_invalid")
        assert explain(ended, http_status=400, at=AT).reason is Reason.CARD_STOPPED

    @pytest.mark.parametrize("code", ["amount_too_small", "amount_too_large"])
    def test_an_amount_out_of_bounds_is_our_doing(self, code: str) -> None:
        assert explain(Decline(code=code), http_status=400, at=AT).reason is Reason.OUR_DATA

    def test_a_block_of_stripes_own_outranks_the_code(self) -> None:
        blocked = declined("generic_decline", outcome_type="blocked")
        failure = explain(blocked, http_status=402, at=AT)
        assert failure.reason is Reason.STRIPE_BLOCKED
        assert not failure.retry_allowed
        assert not failure.explanation.offers_link


class TestAdvice:
    @pytest.mark.parametrize("code", [*ALL_CODES, "a_code_of_2031"])
    def test_do_not_try_again_is_never_retried_whatever_the_code(self, code: str) -> None:
        for decline in (
            declined(code, advice_code="do_not_try_again"),
            Decline(code=code, advice_code="do_not_try_again"),
        ):
            failure = explain(decline, http_status=402, at=AT)
            assert not failure.retry_allowed
            assert failure.retry_not_before is None

    @pytest.mark.parametrize("code", ["generic_decline", "insufficient_funds", "processing_error"])
    def test_do_not_try_again_stops_the_card(self, code: str) -> None:
        failure = explain(declined(code, advice_code="do_not_try_again"), http_status=402, at=AT)
        assert failure.reason is Reason.CARD_STOPPED

    @pytest.mark.parametrize(
        "code", ["generic_decline", "do_not_honor", "insufficient_funds", None]
    )
    def test_confirm_card_data_asks_for_the_card_again(self, code: str | None) -> None:
        failure = explain(declined(code, advice_code="confirm_card_data"), http_status=402, at=AT)
        assert failure.reason is Reason.CARD_DETAILS

    @pytest.mark.parametrize("code", ["generic_decline", "do_not_honor", None, "a_code_of_2031"])
    def test_try_again_later_allows_a_retry_later(self, code: str | None) -> None:
        failure = explain(declined(code, advice_code="try_again_later"), http_status=402, at=AT)
        assert failure.retry_allowed
        assert failure.retry_not_before is not None
        assert failure.retry_not_before > AT

    @pytest.mark.parametrize("code", ["lost_card", "expired_card", "authentication_required"])
    def test_try_again_later_does_not_revive_a_dead_card(self, code: str) -> None:
        failure = explain(declined(code, advice_code="try_again_later"), http_status=402, at=AT)
        assert not failure.retry_allowed

    def test_a_card_declined_too_often_rests_for_a_day(self) -> None:
        tired = Decline(code="card_decline_rate_limit_exceeded")
        assert explain(tired, http_status=402, at=AT).retry_not_before == AT + DAY

    @given(
        st.sampled_from([*ALL_CODES, None, "new"]),
        st.sampled_from([None, "do_not_try_again", "try_again_later", "confirm_card_data", "new"]),
        st.sampled_from([None, "blocked", "issuer_declined", "invalid"]),
        st.sampled_from([None, 400, 402]),
    )
    def test_never_promises_a_retry_in_the_past_or_without_leave(
        self, code: str | None, advice: str | None, outcome: str | None, status: int | None
    ) -> None:
        decline = declined(code, advice_code=advice, outcome_type=outcome)
        failure = explain(decline, http_status=status, at=AT)
        if failure.retry_not_before is not None:
            assert failure.retry_allowed
            assert failure.retry_not_before > AT


class TestSecrecy:
    WORDS = ("lost", "stolen", "fraud", "blacklist", "thief", "merchant_")

    @pytest.mark.parametrize(
        ("code", "advice"),
        list(
            itertools.product(
                sorted(SECRET_CODES),
                [None, "do_not_try_again", "try_again_later", "confirm_card_data"],
            )
        ),
    )
    def test_nobody_reads_a_secret_code(self, code: str, advice: str | None) -> None:
        said = explain(declined(code, advice_code=advice), http_status=402, at=AT).explanation
        text = f"{said.staff} {said.next_step} {said.customer_message} {shown_code(code)}".lower()
        assert not [word for word in self.WORDS if word in text]

    def test_no_text_at_all_names_one(self) -> None:
        for reason, said in EXPLANATIONS.items():
            text = f"{reason} {said.staff} {said.next_step} {said.customer_message}".lower()
            assert not [word for word in self.WORDS if word in text]

    def test_the_four_of_stripes_table_are_secret_and_read_as_generic(self) -> None:
        assert {"fraudulent", "merchant_blacklist", "lost_card", "stolen_card"} <= SECRET_CODES
        assert {shown_code(code) for code in SECRET_CODES} == {"generic_decline"}
        assert shown_code("insufficient_funds") == "insufficient_funds"
        assert shown_code(None) is None
