"""Types of payment method: where each is offered, and what its object and its charges show."""

from __future__ import annotations

from typing import Any

from lib.practice.cards import Card

CURRENCIES: dict[str, frozenset[str]] = {
    "acss_debit": frozenset({"cad"}),
    "amazon_pay": frozenset({"usd"}),
    "au_becs_debit": frozenset({"aud"}),
    "bacs_debit": frozenset({"gbp"}),
    "cashapp": frozenset({"usd"}),
    "kakao_pay": frozenset({"krw"}),
    "klarna": frozenset("aud cad chf czk dkk eur gbp nok nzd pln ron sek usd".split()),
    "kr_card": frozenset({"krw"}),
    "naver_pay": frozenset({"krw"}),
    "nz_bank_account": frozenset({"nzd"}),
    "paypal": frozenset("aud cad chf eur gbp usd".split()),
    "revolut_pay": frozenset({"eur", "gbp"}),
    "sepa_debit": frozenset({"eur"}),
    "twint": frozenset({"chf"}),
    "us_bank_account": frozenset({"usd"}),
}
"""Types that are not named take every currency."""

ANYWHERE = ("card", "link")
KNOWN = frozenset({*ANYWHERE, *CURRENCIES})

_BUYER: dict[str, Any] = {"buyer_id": None, "transaction_id": None}
_DEBIT: dict[str, Any] = {"expected_debit_date": None, "mandate": None}
_CHARGED_AS: dict[str, dict[str, Any]] = {
    "acss_debit": _DEBIT,
    "au_becs_debit": _DEBIT,
    "bacs_debit": _DEBIT,
    "kakao_pay": _BUYER,
    "klarna": {"payment_method_category": "pay_later", "preferred_locale": "en-US"},
    "kr_card": _BUYER,
    "naver_pay": _BUYER,
    "nz_bank_account": {"expected_debit_date": None},
    "sepa_debit": _DEBIT,
    "twint": {"mandate": None},
    "us_bank_account": _DEBIT,
}


def eligible(
    switched_on: tuple[str, ...], currency: str | None, allowed: list[str] | None
) -> list[str]:
    """Dynamic payment methods, in Stripe's order. Without a currency no type is left out for it.

    Args:
        allowed: Silently narrows the choice to these.
    """
    return sorted(
        name
        for name in switched_on
        if (not currency or name in ANYWHERE or currency in CURRENCIES[name])
        and (allowed is None or name in allowed)
    )


def details(card: Card, fingerprint: str, email: str | None) -> dict[str, Any]:
    """What the PaymentMethod shows under the name of its type; not of cards."""
    digits = "".join(filter(str.isdigit, card.number))
    shown: dict[str, dict[str, Any]] = {
        "acss_debit": {"bank_name": "STRIPE TEST BANK", "fingerprint": fingerprint}
        | {"institution_number": "000", "last4": card.last4, "transit_number": "11000"},
        "au_becs_debit": {"bsb_number": "000000", "fingerprint": fingerprint, "last4": card.last4},
        "bacs_debit": {"fingerprint": fingerprint, "last4": card.last4, "sort_code": "108800"},
        "cashapp": {"buyer_id": None, "cashtag": None},
        "klarna": {"dob": None},
        "kr_card": {"brand": "kookmin", "last4": card.last4},
        "link": {"email": email},
        "naver_pay": {"buyer_id": fingerprint, "funding": "card"},
        "nz_bank_account": {"account_holder_name": None, "bank_code": "11", "last4": card.last4}
        | {"bank_name": "STRIPE TEST BANK", "branch_code": "0000", "suffix": "010"},
        "paypal": {"country": card.country, "payer_email": email, "payer_id": fingerprint.upper()},
        "sepa_debit": {
            "bank_code": digits[2:10],
            "branch_code": "",
            "country": card.country,
            "fingerprint": fingerprint,
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": card.last4,
        },
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": fingerprint,
            "last4": card.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        },
    }
    return shown.get(card.type, {})


def charge_details(kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    """What a Charge shows of the method; not of cards."""
    left_out = ("dob", "email", "funding", "generated_from", "networks", "status_details")
    kept = {name: value for name, value in shown.items() if name not in left_out}
    kept.pop("financial_connections_account", None)
    return kept | _CHARGED_AS.get(kind, {})
