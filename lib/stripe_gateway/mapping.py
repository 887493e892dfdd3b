"""
Stripe's JSON to Onfile's dataclasses.

Pure functions over plain dictionaries: the SDK's objects are no dictionaries, cost ten times the
time to build, and carry the API key into pickles. A field Stripe always sends and we need raises
KeyError when it is missing; optional ones become None.

Names and addresses lose the letters that nobody sees here, once for all that shows, exports or sends
them (lib/domain/shown_text.py). Nothing of them is written back to Stripe. Ids stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lib.domain.account import Account
from lib.domain.holds import METADATA_KEY
from lib.domain.idempotency_keys import is_charge_key
from lib.domain.identity import visible, without_unseen
from lib.domain.mirror import (
    CheckoutSession,
    Customer,
    Decline,
    Dispute,
    Event,
    PaymentIntent,
    PaymentMethod,
    PaymentMethodBundle,
    Refund,
    SessionBundle,
    SetupIntent,
    SetupIntentBundle,
    StripeCharge,
)
from lib.domain.settlement import BalanceTransaction, Payout
from lib.domain.shown_text import shown_name
from lib.stripe_gateway.soundness import expanded

Json = Mapping[str, Any]
# Metadata can be edited by anybody with access to the Dashboard.
_ATTEMPT = re.compile(r"[0-9]{1,6}\Z", re.ASCII)


def customer(data: Json) -> Customer:
    deleted = bool(data.get("deleted", False))
    return Customer(
        id=data["id"],
        livemode=bool(data.get("livemode", False)),
        name=_name(data.get("name")),
        email=_address(data.get("email")),
        created=data.get("created", 0) if deleted else data["created"],
        is_deleted=deleted,
        default_payment_method=_id(
            (data.get("invoice_settings") or {}).get("default_payment_method")
        ),
        do_not_charge=(data.get("metadata") or {}).get(METADATA_KEY),
        preferred_locales=",".join(data.get("preferred_locales") or ()) or None,
    )


def payment_method(data: Json) -> PaymentMethod:
    kind: str = data["type"]
    inner: Json = data.get(kind) or {}
    billing: Json = data.get("billing_details") or {}
    # With Accounts v2 a method belongs to an Account (`acct_…`) in place of a Customer.
    owner = _id(data.get("customer")) or _id(data.get("customer_account"))
    return PaymentMethod(
        id=data["id"],
        livemode=data["livemode"],
        type=kind,
        customer=owner,
        last_customer=owner,
        brand=inner.get("brand") or inner.get("bank_name") or inner.get("bank_code"),
        last4=inner.get("last4"),
        exp_month=inner.get("exp_month"),
        exp_year=inner.get("exp_year"),
        funding=inner.get("funding"),
        country=inner.get("country"),
        fingerprint=inner.get("fingerprint"),
        billing_name=_name(billing.get("name")),
        billing_email=_address(billing.get("email")),
        created=data["created"],
    )


def payment_method_bundle(data: Json) -> PaymentMethodBundle:
    """A PaymentMethod with its Customer where it was expanded."""
    return PaymentMethodBundle(payment_method(data), expanded(customer, data.get("customer")))


def setup_intent(data: Json) -> SetupIntent:
    error: Json = data.get("last_setup_error") or {}
    return SetupIntent(
        id=data["id"],
        livemode=data["livemode"],
        status=data["status"],
        customer=_id(data.get("customer")),
        payment_method=_id(data.get("payment_method")),
        usage=data.get("usage"),
        last_error_code=error.get("decline_code") or error.get("code"),
        last_error_message=error.get("message"),
        created=data["created"],
    )


def setup_intent_bundle(data: Json) -> SetupIntentBundle:
    """A SetupIntent with its PaymentMethod where it was expanded."""
    method, intent = expanded(payment_method, data.get("payment_method")), setup_intent(data)
    if method is None:
        return SetupIntentBundle(intent, None)
    return SetupIntentBundle(intent, _saved_for(intent.customer, intent, method))


def session_bundle(data: Json) -> SessionBundle:
    """A Session with its SetupIntent and PaymentMethod where they were expanded."""
    intent = data.get("setup_intent")
    along = expanded(setup_intent_bundle, intent)
    details: Json = data.get("customer_details") or {}
    metadata: Json = data.get("metadata") or {}
    method = along.payment_method if along else None
    if along and method:
        method = _saved_for(_id(data.get("customer")), along.setup_intent, method)
    return SessionBundle(
        session=CheckoutSession(
            id=data["id"],
            livemode=data["livemode"],
            mode=data["mode"],
            status=data["status"],
            customer=_id(data.get("customer")),
            customer_email=_address(details.get("email") or data.get("customer_email")),
            customer_name=_name(details.get("name")),
            currency=data.get("currency"),
            setup_intent=_id(intent),
            client_reference_id=data.get("client_reference_id"),
            link_id=metadata.get("onfile_link_id"),
            reference=metadata.get("onfile_reference"),
            url=data.get("url"),
            created=data["created"],
            expires_at=data.get("expires_at"),
            charge_id=metadata.get("onfile_charge_id"),
            installation=metadata.get("onfile_installation"),
            page_params=_page_params(metadata, data.get("custom_text") or {}),
        ),
        setup_intent=along.setup_intent if along else None,
        payment_method=method,
    )


def _page_params(metadata: Json, texts: Json) -> str | None:
    """What the page of a link says, as it was asked for; None where it says nothing."""
    # Stripe fills what was not asked for with nulls.
    given = {name: text for name, text in texts.items() if text}
    if "onfile_link_id" not in metadata or not (given or metadata.get("onfile_agreement")):
        return None
    marks = {name: text for name, text in metadata.items() if name.startswith("onfile_")}
    return json.dumps({"custom_text": given, "metadata": marks}, sort_keys=True)


def _saved_for(customer: str | None, intent: SetupIntent, method: PaymentMethod) -> PaymentMethod:
    """What was saved for a customer was attached: one that has none any more was detached since."""
    if customer is None or method.customer is not None or intent.status != "succeeded":
        return method
    return replace(method, is_detached=True, last_customer=customer)


def payment_intent(data: Json) -> PaymentIntent:
    metadata: Json = data.get("metadata") or {}
    attempt = str(metadata.get("onfile_attempt", ""))
    key = str(metadata.get("onfile_key", ""))
    error, latest = data.get("last_payment_error"), data.get("latest_charge")
    return PaymentIntent(
        id=data["id"],
        livemode=data["livemode"],
        status=data["status"],
        customer=_id(data.get("customer")),
        payment_method=_id(data.get("payment_method")),
        amount=data["amount"],
        currency=data["currency"],
        charge_id=metadata.get("onfile_charge_id"),
        attempt=int(attempt) if _ATTEMPT.match(attempt) else None,
        latest_charge=_id(latest),
        description=_name(data.get("description")),
        error=decline(error, outcome_of=latest) if error else None,
        error_payment_method=_id(error.get("payment_method")) if error else None,
        created=data["created"],
        charge=expanded(charge, latest),
        run_id=metadata.get("onfile_run"),
        amount_received=data.get("amount_received"),
        # Typed by hand in the Dashboard it may have a space that nobody sees.
        reference=visible(metadata.get("onfile_reference") or "") or None,
        installation=metadata.get("onfile_installation"),
        idempotency_key=key if is_charge_key(key) else None,
    )


def charge(data: Json) -> StripeCharge:
    outcome: Json = data.get("outcome") or {}
    return StripeCharge(
        id=data["id"],
        livemode=data["livemode"],
        status=data["status"],
        customer=_id(data.get("customer")),
        payment_intent=_id(data.get("payment_intent")),
        payment_method=_id(data.get("payment_method")),
        amount=data["amount"],
        amount_refunded=data["amount_refunded"],
        currency=data["currency"],
        is_disputed=bool(data.get("disputed")),
        failure_code=data.get("failure_code"),
        outcome_type=outcome.get("type"),
        created=data["created"],
    )


def refund(data: Json) -> Refund:
    metadata: Json = data.get("metadata") or {}
    return Refund(
        id=data["id"],
        status=data.get("status"),
        customer=_customer_of(data.get("charge")),
        charge=_id(data.get("charge")),
        payment_intent=_id(data.get("payment_intent")),
        amount=data["amount"],
        currency=data["currency"],
        reason=data.get("reason"),
        failure_reason=data.get("failure_reason"),
        created=data["created"],
        order_id=metadata.get("onfile_refund_id"),
        of=expanded(charge, data.get("charge")),
        charge_id=metadata.get("onfile_charge_id"),
        installation=metadata.get("onfile_installation"),
    )


def dispute(data: Json) -> Dispute:
    evidence: Json = data.get("evidence_details") or {}
    return Dispute(
        id=data["id"],
        livemode=data["livemode"],
        status=data["status"],
        customer=_customer_of(data.get("charge")),
        charge=_id(data.get("charge")),
        payment_intent=_id(data.get("payment_intent")),
        amount=data["amount"],
        currency=data["currency"],
        reason=data.get("reason"),
        due_by=evidence.get("due_by"),
        created=data["created"],
        is_charge_refundable=bool(data.get("is_charge_refundable")),
        of=expanded(charge, data.get("charge")),
    )


def account(data: Json) -> Account:
    settings: Json = data.get("settings") or {}
    profile: Json = data.get("business_profile") or {}
    cards: Json = settings.get("card_payments") or {}
    return Account(
        id=str(data["id"]),
        business_name=_name(_text(profile.get("name"))) or None,
        statement_prefix=_name(_text(cards.get("statement_descriptor_prefix"))) or None,
    )


def balance_transaction(data: Json) -> BalanceTransaction:
    return BalanceTransaction(
        id=data["id"],
        type=data["type"],
        source=_id(data.get("source")),
        amount=data["amount"],
        fee=data["fee"],
        net=data["net"],
        currency=data["currency"],
        available_on=data["available_on"],
        created=data["created"],
    )


def payout(data: Json) -> Payout:
    return Payout(
        id=data["id"],
        amount=data["amount"],
        currency=data["currency"],
        status=data["status"],
        is_automatic=bool(data["automatic"]),
        arrival_date=data["arrival_date"],
        created=data["created"],
    )


def decline(error: Json, *, outcome_of: object = None) -> Decline:
    """The codes of an `error` object; `outcome_of` is the Charge when it was expanded."""
    outcome: Json = {}
    if isinstance(outcome_of, dict):
        outcome = outcome_of.get("outcome") or {}
    return Decline(
        code=error.get("code"),
        decline_code=error.get("decline_code"),
        advice_code=error.get("advice_code") or outcome.get("advice_code"),
        network_decline_code=error.get("network_decline_code"),
        network_advice_code=error.get("network_advice_code"),
        outcome_type=outcome.get("type"),
        message=error.get("message"),
    )


def event(data: Json) -> Event:
    subject: Json = (data.get("data") or {}).get("object") or {}
    request = data.get("request")
    return Event(
        id=data["id"],
        type=data["type"],
        livemode=bool(data["livemode"]),
        api_version=data.get("api_version"),
        created=data["created"],
        object_id=subject.get("id"),
        object_type=subject.get("object"),
        idempotency_key=request.get("idempotency_key") if isinstance(request, dict) else None,
        account=data.get("account"),
        mode=_text(subject.get("mode")),
        status=_text(subject.get("status")),
        customer=_id(subject.get("customer")),
    )


def _name(value: str | None) -> str | None:
    return shown_name(value) or None if value else value


def _address(value: str | None) -> str | None:
    return without_unseen(value) or None if value else value


def _customer_of(charge: object) -> str | None:
    return _id(charge.get("customer")) if isinstance(charge, dict) else None


def _text(value: object) -> str | None:
    """A field that nothing depends on: of another type, it counts as absent."""
    return value if isinstance(value, str) else None


def _id(value: object) -> str | None:
    """An id, whether the field was expanded or not. Stripe's older payloads say "" for none."""
    if isinstance(value, str):
        return value or None
    return _text(value.get("id")) if isinstance(value, dict) else None
