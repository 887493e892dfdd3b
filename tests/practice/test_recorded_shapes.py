"""Keys, types and nullness of what Stripe answers, as recorded; the facts, not the files.

Sources: answers of Stripe's test mode that github.com/zulip/zulip keeps (Session, SetupIntent,
PaymentMethod, Charge, Event), Stripe's public fixtures of July 2026 (PaymentIntent, Refund, Dispute's
evidence), recorded 402 and 400 bodies (errors), and the classes of SDK 16.1 for what is newer.

Each table says what a field holds in one well-known state: a type, or None where Stripe says null.
A field that is not named is held against the SDK's classes by `test_shapes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .account import GOOD, Account

HEADERS = {"Authorization": "Bearer sk_test_1"}
Shape = dict[str, Any]
"""By field: a type, None for null, a nested shape, or a list of the one shape its items have."""

COMMON: Shape = {"id": str, "object": str, "created": int, "livemode": bool}
ADDRESS: Shape = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))

OPEN_SESSION: Shape = COMMON | {
    "after_expiration": None,
    "allow_promotion_codes": None,
    "amount_subtotal": None,
    "amount_total": None,
    "automatic_tax": {"enabled": bool, "liability": None, "status": None},
    "cancel_url": None,
    "client_reference_id": None,
    "client_secret": None,
    "consent": None,
    "consent_collection": None,
    "currency": str,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "customer": str,
    "customer_creation": None,
    "customer_details": {
        "address": None,
        "email": str,
        "name": None,
        "phone": None,
        "tax_exempt": None,
        "tax_ids": None,
    },
    "customer_email": None,
    "expires_at": int,
    "invoice": None,
    "invoice_creation": None,
    "locale": None,
    "managed_payments": {"enabled": bool},
    "metadata": {},
    "mode": str,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_collection": str,
    "payment_method_options": {"card": {"request_three_d_secure": str}},
    "payment_method_types": [str],
    "payment_status": str,
    "phone_number_collection": {"enabled": bool},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": str,
    "shipping_address_collection": None,
    "shipping_options": [],
    "status": str,
    "submit_type": None,
    "subscription": None,
    "success_url": str,
    "total_details": None,
    "ui_mode": str,
    "url": str,
}
COMPLETE_SESSION: Shape = OPEN_SESSION | {
    "customer_details": OPEN_SESSION["customer_details"] | {"name": str, "tax_exempt": str},
    "url": None,
}
SETUP_INTENT: Shape = COMMON | {
    "application": None,
    "automatic_payment_methods": None,
    "cancellation_reason": None,
    "client_secret": str,
    "customer": str,
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "flow_directions": None,
    "last_setup_error": None,
    "latest_attempt": str,
    "managed_payments": {"enabled": bool},
    "mandate": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": str,
    "payment_method_configuration_details": None,
    "payment_method_options": {
        "card": {"mandate_options": None, "network": None, "request_three_d_secure": str}
    },
    "payment_method_types": [str],
    "single_use_mandate": None,
    "status": str,
    "usage": str,
}
PAYMENT_METHOD: Shape = COMMON | {
    "allow_redisplay": str,
    "billing_details": {"address": ADDRESS | {"country": str}, "email": str, "name": str}
    | {"phone": None, "tax_id": None},
    "card": {
        "brand": str,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": str,
        },
        "country": str,
        "display_brand": str,
        "exp_month": int,
        "exp_year": int,
        "fingerprint": str,
        "funding": str,
        "generated_from": None,
        "last4": str,
        "networks": {"available": [str], "preferred": None},
        "three_d_secure_usage": {"supported": bool},
        "wallet": None,
    },
    "customer": str,
    "customer_account": None,
    "metadata": {},
    "type": str,
}
PAYMENT_INTENT: Shape = COMMON | {
    "amount": int,
    "amount_capturable": int,
    "amount_received": int,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": str,
    "client_secret": str,
    "confirmation_method": str,
    "currency": str,
    "customer": str,
    "customer_account": None,
    "description": None,
    "last_payment_error": None,
    "latest_charge": str,
    "managed_payments": {"enabled": bool},
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": str,
    "payment_method_types": [str],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": str,
    "transfer_data": None,
    "transfer_group": None,
}
CHARGE: Shape = COMMON | {
    "amount": int,
    "amount_captured": int,
    "amount_refunded": int,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    # Recorded with the synchronous capture of older versions as an id; null at first since.
    "balance_transaction": None,
    "calculated_statement_descriptor": str,
    "captured": bool,
    "currency": str,
    "customer": str,
    "description": None,
    "disputed": bool,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "metadata": {},
    "on_behalf_of": None,
    "outcome": {
        "network_status": str,
        "reason": None,
        "risk_level": str,
        "seller_message": str,
        "type": str,
    },
    "paid": bool,
    "payment_intent": str,
    "payment_method": str,
    "payment_method_details": {
        "card": {
            "amount_authorized": int,
            "brand": str,
            "country": str,
            "exp_month": int,
            "exp_year": int,
            "extended_authorization": {"status": str},
            "fingerprint": str,
            "funding": str,
            "incremental_authorization": {"status": str},
            "installments": None,
            "last4": str,
            "mandate": None,
            "multicapture": {"status": str},
            "network": str,
            "network_token": {"used": bool},
            "overcapture": {"maximum_amount_capturable": int, "status": str},
            "three_d_secure": None,
            "wallet": None,
        },
        "type": str,
    },
    "receipt_email": None,
    "receipt_number": None,
    "refunded": bool,
    "review": None,
    "shipping": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": str,
    "transfer_data": None,
    "transfer_group": None,
}
REFUND: Shape = {
    "id": str,
    "object": str,
    "created": int,
    "amount": int,
    "balance_transaction": None,
    "charge": str,
    "currency": str,
    "customer": str,
    "customer_account": None,
    "destination_details": {"card": {"type": str}, "type": str},
    "metadata": {},
    "payment_intent": str,
    "payment_method": str,
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": str,
    "transfer_reversal": None,
}
DISPUTE: Shape = COMMON | {
    "amount": int,
    "balance_transactions": [],
    "charge": str,
    "currency": str,
    "evidence": {"access_activity_log": None, "receipt": None, "uncategorized_text": None},
    "evidence_details": {
        "due_by": int,
        "has_evidence": bool,
        "past_due": bool,
        "submission_count": int,
    },
    "is_charge_refundable": bool,
    "metadata": {},
    "payment_intent": str,
    "reason": str,
    "status": str,
}
EVENT: Shape = COMMON | {
    "api_version": str,
    "data": {"object": {}},
    "pending_webhooks": int,
    "request": {"id": str, "idempotency_key": None},
    "type": str,
}
DECLINED: Shape = {
    "advice_code": str,
    "charge": str,
    "code": str,
    "decline_code": str,
    "doc_url": str,
    "message": str,
    "network_decline_code": str,
    "payment_intent": {
        "id": str,
        "last_payment_error": {"charge": str, "code": str, "payment_method": {}},
        "payment_method": None,
        "status": str,
    },
    "payment_method": {"id": str, "object": str},
    "request_log_url": str,
    "type": str,
}
INVALID: Shape = {
    "code": str,
    "doc_url": str,
    "message": str,
    "param": str,
    "request_log_url": str,
    "type": str,
}
KEY_REUSED: Shape = {"message": str, "request_log_url": str, "type": str}


def problems(value: Any, shape: Any, where: str) -> Iterator[str]:
    """What about `value` is not as the shape says."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where} is {value!r}"
            return
        for name, inner in shape.items():
            if name in value:
                yield from problems(value[name], inner, f"{where}.{name}")
            else:
                yield f"{where}.{name} is missing"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is {value!r}"
            return
        for item in value:
            yield from problems(item, shape[0] if shape else None, f"{where}[]")
    elif shape is None:
        if value is not None:
            yield f"{where} is {value!r}, not null"
    elif type(value) is not shape:
        yield f"{where} is {value!r}, not {shape.__name__}"


class TestObjects:
    @pytest.fixture
    def customer(self, account: Account) -> str:
        return account.customer().id

    def read(self, account: Account, path: str) -> dict[str, Any]:
        reply = account.practice.handle("GET", path, {}, HEADERS)
        assert reply.status == 200
        return reply.body

    def check(self, account: Account, path: str, shape: Shape) -> None:
        assert not list(problems(self.read(account, path), shape, path))

    def test_setup(self, account: Account, customer: str) -> None:
        session = account.link(customer=customer)
        path = f"/v1/checkout/sessions/{session.id}"
        self.check(account, path, OPEN_SESSION)
        account.submit(session.id)
        self.check(account, path, COMPLETE_SESSION)
        intent = account.session(session.id, "setup_intent").setup_intent
        self.check(account, f"/v1/setup_intents/{intent.id}", SETUP_INTENT)
        self.check(account, f"/v1/payment_methods/{intent.payment_method}", PAYMENT_METHOD)

    @pytest.mark.parametrize("number", [GOOD, "4000000000000259"])
    def test_payment(self, account: Account, customer: str, number: str) -> None:
        intent = account.charge(customer, account.saved(number, customer=customer))
        self.check(account, f"/v1/payment_intents/{intent.id}", PAYMENT_INTENT)
        self.check(account, f"/v1/charges/{intent.latest_charge}", CHARGE)
        for dispute in account.client.v1.disputes.list().data:
            self.check(account, f"/v1/disputes/{dispute.id}", DISPUTE)
            return
        refund = account.client.v1.refunds.create({"payment_intent": intent.id})
        self.check(account, f"/v1/refunds/{refund.id}", REFUND)

    def test_event(self, account: Account, customer: str) -> None:
        account.practice.handle("POST", "/v1/customers", {"name": "Bob"}, HEADERS)
        [event, *_] = self.read(account, "/v1/events")["data"]
        assert not list(problems(event, EVENT, "event"))
        assert "previous_attributes" not in event["data"]


class TestErrors:
    def refused(self, account: Account, status: int, **given: Any) -> dict[str, Any]:
        headers = dict(HEADERS)
        if "key" in given:
            headers["Idempotency-Key"] = given.pop("key")
        reply = account.practice.handle("POST", "/v1/payment_intents", given, headers)
        assert reply.status == status, reply.body
        assert set(reply.body) == {"error"}
        return dict(reply.body["error"])

    def test_declined(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved("4000000000000341", customer=customer)
        error = self.refused(account, 402, **_charge(customer, method))
        assert not list(problems(error, DECLINED, "error"))
        assert set(error) == set(DECLINED)

    def test_invalid(self, account: Account) -> None:
        error = self.refused(account, 400, **_charge("cus_none", "pm_card_visa"))
        assert not list(problems(error, INVALID, "error"))
        assert set(error) == set(INVALID)

    def test_key_of_another_request(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        headers = HEADERS | {"Idempotency-Key": "once"}
        params = _charge(customer, method)
        assert account.practice.handle("POST", "/v1/payment_intents", params, headers).status == 200
        error = self.refused(account, 400, key="once", **(params | {"amount": "200"}))
        assert not list(problems(error, KEY_REUSED, "error"))
        assert set(error) == set(KEY_REUSED)
        assert error["type"] == "idempotency_error"


class TestTheCheckItself:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ({"a": None, "b": {"c": 1}, "d": ["x"]}, None),
            ({"a": 1, "b": {"c": 1}, "d": []}, "not null"),
            ({"b": {"c": 1}, "d": []}, "missing"),
            ({"a": None, "b": {"c": True}, "d": []}, "not int"),
            ({"a": None, "b": {"c": 1}, "d": [1]}, "not str"),
            ({"a": None, "b": None, "d": []}, "is None"),
        ],
    )
    def test_finds(self, value: dict[str, Any], problem: str | None) -> None:
        result = list(problems(value, {"a": None, "b": {"c": int}, "d": [str]}, "it"))
        assert result == [] if problem is None else problem in result[0]


def _charge(customer: str, method: str) -> dict[str, Any]:
    return {
        "amount": "1099",
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": "true",
        "confirm": "true",
        "allowed_payment_method_types": {"0": "card"},
    }
