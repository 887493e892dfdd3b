"""The account itself, its balance, and what it does not have: mandates."""

from __future__ import annotations

from typing import Any

from lib.practice import account_settings
from lib.practice.replies import missing
from lib.practice.routing import Call, Route

ACCOUNT_ID = "acct_1OnfilePractice0"
BUSINESS_NAME = "Onfile Practice Ltd"


def _retrieve(call: Call) -> dict[str, Any]:
    settings = account_settings.read(call.ledger.connection)
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": None,
            "minority_owned_business_designation": None,
            "name": BUSINESS_NAME,
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "practice@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {"statement_descriptor_prefix": settings.statement_descriptor_prefix},
            "dashboard": {"display_name": BUSINESS_NAME, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": settings.statement_descriptor},
        },
        "type": "standard",
    }


def _balance(call: Call) -> dict[str, Any]:
    """All that moved, without fees or payouts."""
    rows = call.ledger.connection.execute(
        "SELECT currency, sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END) AS amount"
        " FROM money_moved GROUP BY currency ORDER BY currency"
    )
    sums = {row["currency"]: row["amount"] for row in rows if not call.ledger.livemode}
    sums = {"usd": 0} | sums
    return {
        "object": "balance",
        "available": [_funds(currency, amount) for currency, amount in sums.items()],
        "livemode": call.ledger.livemode,
        "pending": [_funds(currency, 0) for currency in sums],
    }


def _funds(currency: str, amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def _mandate(call: Call) -> dict[str, Any]:
    raise missing("mandate", call.ids["mandate"])


ROUTES = [
    Route(
        "GET",
        "/v1/account",
        "AccountRetrieveCurrentParams",
        "rak_account_read",
        "account",
        _retrieve,
    ),
    Route("GET", "/v1/balance", "BalanceRetrieveParams", "rak_balance_read", "balance", _balance),
    Route(
        "GET",
        "/v1/mandates/{mandate}",
        "MandateRetrieveParams",
        "rak_mandate_read",
        "mandate",
        _mandate,
    ),
]
