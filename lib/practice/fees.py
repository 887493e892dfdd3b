"""Fees that Stripe keeps of a payment, by the public prices of a US account (stripe.com/pricing).

The prices are plausible, not authoritative: what matters is that gross, fee and net add up.
"""

from __future__ import annotations

from typing import Any

from lib.practice import currencies

CONVERSION_PER_MILLE = 10
ABROAD_PER_MILLE = 15
_CARD_PER_MILLE = 29
_DEBIT_PER_MILLE, _DEBIT_MOST = 8, 500
_DEBITS = (
    "acss_debit",
    "au_becs_debit",
    "bacs_debit",
    "nz_bank_account",
    "sepa_debit",
    "us_bank_account",
)
_FIXED = {"usd": 30, "eur": 25, "gbp": 20, "cad": 30, "aud": 30, "jpy": 0}
_DISPUTE = {"usd": 1500, "eur": 2000, "gbp": 2000, "jpy": 1500}


def of_charge(charge: dict[str, Any], amount: int, currency: str, *, is_converted: bool) -> int:
    """Minor units of the settled `amount`, rounded half up."""
    details = charge["payment_method_details"]
    if details["type"] in _DEBITS:
        fee = min(_share(amount, _DEBIT_PER_MILLE), _DEBIT_MOST)
    else:
        country = details.get("card", {}).get("country") or "US"
        abroad = 0 if country == "US" else ABROAD_PER_MILLE
        fee = _share(amount, _CARD_PER_MILLE + abroad) + _FIXED.get(currency, 30)
    return fee + (_share(amount, CONVERSION_PER_MILLE) if is_converted else 0)


def of_dispute(currency: str) -> int:
    return _DISPUTE.get(currency, 1500)


def converted(amount: int, currency: str, into: str) -> tuple[int, float | None]:
    """The amount in the settlement currency's minor units, and the rate between major units."""
    if currency == into:
        return amount, None
    rate = round(currencies.UNITS_A_DOLLAR[into] / currencies.UNITS_A_DOLLAR[currency], 6)
    scale = 10.0 ** (currencies.places(into) - currencies.places(currency))
    return round(amount * rate * scale), rate


def _share(amount: int, per_mille: int) -> int:
    return (amount * per_mille + 500) // 1000
