"""The account itself, and what it does not have: mandates."""

from __future__ import annotations

from typing import Any

from lib.practice import account_settings
from lib.practice.replies import missing
from lib.practice.routing import Call, Route


def _retrieve(call: Call) -> dict[str, Any]:
    settings = account_settings.read(call.ledger.connection)
    return {
        "id": settings.account_id,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": None,
            "minority_owned_business_designation": None,
            "name": settings.business_name,
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
        "default_currency": settings.settlement_currencies[0],
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
            "dashboard": {"display_name": "Practice", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": settings.statement_descriptor},
        },
        "type": "standard",
    }


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
    Route(
        "GET",
        "/v1/mandates/{mandate}",
        "MandateRetrieveParams",
        "rak_mandate_read",
        "mandate",
        _mandate,
    ),
]
