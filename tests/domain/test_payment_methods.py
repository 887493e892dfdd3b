"""When a saved method may be charged: to the last day of its month, and never once removed."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import stripe
from stripe.params.checkout import SessionCreateParams

from lib.domain.method_types import CHARGEABLE_TYPES, METHOD_TYPES, NOT_OFFERED, OFFERED
from lib.domain.mirror import PaymentMethod
from lib.domain.payment_methods import (
    cannot_take,
    expires_soon,
    is_expired,
    label,
    why_not_usable,
)
from lib.money import Money

CARD = PaymentMethod(
    id="pm_1",
    livemode=False,
    type="card",
    customer="cus_1",
    brand="visa",
    last4="4242",
    exp_month=11,
    exp_year=2026,
    funding="credit",
    country="US",
    fingerprint="f",
    billing_name=None,
    billing_email=None,
    created=0,
)


def why_not(method: PaymentMethod, money: Money) -> tuple[str, str]:
    finding = cannot_take(method, money)
    assert finding is not None
    return finding.code, finding.message


class TestExpiry:
    @pytest.mark.parametrize(
        ("today", "expired", "soon"),
        [
            (date(2026, 8, 31), False, False),
            (date(2026, 9, 30), False, False),
            (date(2026, 10, 1), False, True),
            (date(2026, 11, 1), False, True),
            (date(2026, 11, 30), False, True),
            (date(2026, 12, 1), True, False),
            (date(2027, 1, 1), True, False),
            (date(2025, 12, 31), False, False),
        ],
    )
    def test_a_card_is_good_to_the_last_day_of_its_month(
        self, today: date, expired: bool, soon: bool
    ) -> None:
        assert is_expired(CARD, today) is expired
        assert expires_soon(CARD, today) is soon
        assert (why_not_usable(CARD, today) == "expired") is expired

    def test_across_the_turn_of_the_year(self) -> None:
        january = replace(CARD, exp_month=1, exp_year=2027)
        assert expires_soon(january, date(2026, 12, 31))
        assert not is_expired(january, date(2027, 1, 31))
        assert is_expired(january, date(2027, 2, 1))

    def test_a_leap_day_is_a_last_day(self) -> None:
        assert not is_expired(replace(CARD, exp_month=2, exp_year=2028), date(2028, 2, 29))

    def test_a_bank_debit_has_no_expiry(self) -> None:
        debit = replace(CARD, type="sepa_debit", exp_month=None, exp_year=None)
        assert why_not_usable(debit, date(2099, 1, 1)) is None
        assert not expires_soon(debit, date(2099, 1, 1))


def sdk(module: str) -> str:
    return (Path(stripe.__file__).parent / module).read_text("utf-8")


def snake(words: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", words).lower()


def listed(parameter: str, text: str) -> set[str]:
    """The values that the SDK names for a list of types."""
    values = text.partition(f"{parameter}: NotRequired[")[2].partition('"""')[0]
    return set(re.findall(r'"([a-z0-9_]+)"', values))


class TestWhatIsOffered:
    """The SDK's types say what can be saved for later; each of them is decided in one table."""

    @pytest.fixture
    def savable(self) -> set[str]:
        """By type, from `setup_future_usage` of Sessions and PaymentIntents."""
        found = set()
        for module in ("checkout/_session_create_params.py", "_payment_intent_create_params.py"):
            for part in sdk(f"params/{module}").split("\nclass ")[1:]:
                name, _, body = part.partition("(")
                use = re.search(r"setup_future_usage: NotRequired\[(.*?)\]\n", body, re.DOTALL)
                if "PaymentMethodOptions" in name and use and "off_session" in use[1]:
                    found.add(snake(name.split("PaymentMethodOptions")[1]))
        # Stripe's own for demonstrations: no request can exclude it.
        return found - {"demo_pay"}

    def test_every_type_that_can_be_saved_is_decided(self, savable: set[str]) -> None:
        assert len(savable) == 27
        assert savable == METHOD_TYPES.keys()

    def test_every_type_with_a_mandate_is_decided(self) -> None:
        """A mandate is what Stripe keeps for use without the customer."""
        mandate = re.findall(r"\n        class ([A-Za-z0-9]+)\(", sdk("_mandate.py"))
        kinds = {snake(words) for words in mandate} - {"offline", "online"}
        assert len(kinds) > 20
        assert kinds <= METHOD_TYPES.keys()

    def test_the_sdk_lets_each_of_them_be_excluded(self) -> None:
        text = inspect.getsource(SessionCreateParams)
        known = listed("excluded_payment_method_types", text)
        assert "card" in known
        assert NOT_OFFERED.keys() <= known

    def test_the_sdk_lets_each_charge_name_its_type(self) -> None:
        text = sdk("params/_payment_intent_create_params.py")
        assert listed("allowed_payment_method_types", text) >= CHARGEABLE_TYPES

    def test_what_is_offered_can_be_charged(self) -> None:
        assert OFFERED.keys() == CHARGEABLE_TYPES - {"acss_debit"}
        assert not OFFERED.keys() & NOT_OFFERED.keys()

    def test_each_names_the_page_of_stripes_that_decides(self) -> None:
        for kind, method in METHOD_TYPES.items():
            assert re.fullmatch(
                r"https://docs\.stripe\.com/payments/[a-z0-9-]+(/[a-z0-9-]+)?", method.url
            ), kind
            assert not (method.why_not_offered or "").endswith("."), "staff read it in a list"

    def test_every_bank_debit_that_can_be_charged_says_how_long_it_takes(self) -> None:
        named = {kind for kind in CHARGEABLE_TYPES if kind.endswith(("_debit", "_account"))}
        debits = {kind: it.debit for kind, it in METHOD_TYPES.items() if it.debit is not None}
        assert named == debits.keys()
        assert all("business days" in terms.sentence for terms in debits.values())

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("acss_debit", ["up to 5", "90 days", "10 business days", "sporadic"]),
            ("au_becs_debit", ["up to 3", "7 years"]),
            ("bacs_debit", ["4 business days, the first time 7", "without a limit in time"]),
            ("nz_bank_account", ["up to 2", "9 months", "120 days"]),
            ("sepa_debit", ["about 6", "8 weeks", "13 months", "€10,000"]),
            ("us_bank_account", ["up to 4", "60 days", "2 business days", "saved again"]),
        ],
    )
    def test_terms_of_a_debit_are_those_of_its_page(self, kind: str, told: list[str]) -> None:
        """docs.stripe.com/payments/…, May 2026: timing, disputes, notices."""
        terms = METHOD_TYPES[kind].debit
        assert terms is not None
        assert all(words in terms.sentence for words in told)
        assert ("not each debit" in terms.sentence) is (kind == "us_bank_account")
        # The page says so of these four.
        late = kind in ("acss_debit", "bacs_debit", "sepa_debit", "us_bank_account")
        assert ("a failure that the bank reports late" in terms.sentence) is late
        assert ("cannot be contested" in terms.sentence) is (kind != "nz_bank_account")


class TestUsability:
    TODAY = date(2026, 11, 23)

    @pytest.mark.parametrize("kind", sorted(CHARGEABLE_TYPES))
    def test_these_can_be_charged_later(self, kind: str) -> None:
        assert why_not_usable(replace(CARD, type=kind), self.TODAY) is None

    @pytest.mark.parametrize("kind", ["ideal", "klarna", "a_type_of_2031"])
    def test_others_are_shown_and_not_charged(self, kind: str) -> None:
        assert "cannot be charged" in (why_not_usable(replace(CARD, type=kind), self.TODAY) or "")

    def test_without_a_customer(self) -> None:
        assert why_not_usable(replace(CARD, customer=None), self.TODAY) == "needs a customer"

    def test_removed_says_removed_and_not_that_it_needs_a_customer(self) -> None:
        gone = replace(CARD, customer=None, is_detached=True)
        assert why_not_usable(gone, self.TODAY) == "removed"
        assert why_not_usable(replace(CARD, is_detached=True), self.TODAY) == "removed"

    @pytest.mark.parametrize(
        ("changes", "shown"),
        [
            ({}, "Visa ···· 4242"),
            ({"brand": "amex"}, "American Express ···· 4242"),
            ({"brand": None, "last4": None}, "Card"),
            ({"type": "sepa_debit", "brand": "Deutsche Bank"}, "SEPA debit ···· 4242"),
            ({"type": "link", "brand": None, "last4": None}, "Link"),
            ({"type": "kr_card", "brand": "kookmin"}, "Korean card ···· 4242"),
            ({"type": "a_type_of_2031", "brand": None}, "A type of 2031 ···· 4242"),
        ],
    )
    def test_has_a_name_people_know(self, changes: dict[str, str | None], shown: str) -> None:
        assert label(replace(CARD, **changes)) == shown


class TestLargest:
    """docs.stripe.com/currencies: twelve digits by card, nine by Amex, eight without a card."""

    @pytest.mark.parametrize(
        ("type_", "brand", "currency", "digits"),
        [
            ("card", "visa", "usd", 12),
            ("card", "amex", "usd", 9),
            ("sepa_debit", None, "eur", 8),
            ("link", None, "inr", 9),
            ("link", None, "cop", 10),
            ("link", None, "idr", 12),
        ],
    )
    def test_last_sum_that_is_taken(
        self, type_: str, brand: str | None, currency: str, digits: int
    ) -> None:
        method = replace(CARD, type=type_, brand=brand)
        money, most = Money(10**digits, currency), Money(10**digits - 1, currency)
        assert cannot_take(method, most) is None
        code, message = why_not(method, money)
        assert code == "amount_too_large_for_method"
        assert "takes at most" in message

    def test_a_page_of_stripes_may_set_less(self) -> None:
        """docs.stripe.com/payments/twint: at most 5000.00 CHF."""
        twint = replace(CARD, type="twint", brand=None)
        assert cannot_take(twint, Money(500_000, "chf")) is None
        _, message = why_not(twint, Money(500_001, "chf"))
        assert re.match(r"TWINT ···· 4242 takes at most CHF.5,000\.00", message)


@pytest.mark.parametrize(
    ("kind", "currency"),
    [
        ("sepa_debit", "eur"),
        ("bacs_debit", "gbp"),
        ("au_becs_debit", "aud"),
        ("us_bank_account", "usd"),
        ("nz_bank_account", "nzd"),
        ("twint", "chf"),
    ],
)
def test_a_scheme_takes_its_own_currency_alone(kind: str, currency: str) -> None:
    method = replace(CARD, type=kind, brand=None)
    assert cannot_take(method, Money(5_000, currency)) is None
    code, message = why_not(method, Money(5_000, "jpy"))
    assert code == "currency_not_supported"
    assert f"takes {currency.upper()} only, and this is in JPY" in message
    assert cannot_take(CARD, Money(5_000, currency)) is None
