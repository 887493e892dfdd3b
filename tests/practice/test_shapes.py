"""Every kind of reply, held against the SDK's own types and Stripe's published shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import jsonschema
import pytest
import stripe

from lib.practice import PracticeStripe

from .account import Account, card_form

SHARED = Path(__file__).parents[3] / "shared" / "stripe"
OPENAPI = SHARED / "openapi-subset.json"
FIXTURES = SHARED / "fixtures-subset.json"
HEADERS = {"Authorization": "Bearer sk_test_1"}

CLASSES: dict[str, type] = {
    "account": stripe.Account,
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "payout": stripe.Payout,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "list": stripe.ListObject,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
    "search_result": stripe.SearchResultObject,
    "setup_attempt": stripe.SetupAttempt,
    "setup_intent": stripe.SetupIntent,
}

# Keys of Stripe's fixtures that a reply of the double lacks, and why.
ABSENT = {
    # The double has one small account of its own.
    "account": {
        "created",
        "external_accounts",
        "future_requirements",
        "requirements",
        "tos_acceptance",
    },
    "balance": {"connect_reserved"},
    "charge": {"refunds", "source"},  # Included when expanded; sources are history.
    "checkout.session": {"presentment_details"},
    "event": set(),
    "payment_method": {"card"},  # A bank account has none.
}


@pytest.fixture
def replies(account: Account) -> list[dict[str, Any]]:
    """One reply of each kind at least, most of them in several states."""
    return list(_scenario(account, account.practice))


def _scenario(account: Account, practice: PracticeStripe) -> Iterator[dict[str, Any]]:
    address = {"line1": "1 Road", "city": "Town", "country": "US", "postal_code": "1"}
    customer = account.customer(
        address=address,
        shipping={"name": "Alice", "address": address},
        metadata={"a": "b"},
    ).id
    account.link(
        customer=customer,
        custom_text={"submit": {"message": "Yes"}},
        consent_collection={"terms_of_service": "none"},
        wallet_options={"link": {"display": "never"}},
        locale="de",
        cancel_url="https://app.example.com/back",
    )
    account.client.v1.checkout.sessions.expire(account.link().id)
    account.link(allowed_payment_method_types=["card"], currency=None)
    pending = account.link()
    for number in ("4000000000000002", "4000002760003184"):
        practice.submit_card(pending.id, card_form(number))
    account.saved()
    good = account.saved(customer=customer)
    account.charge(
        customer, good, statement_descriptor_suffix="CLUB", receipt_email="a@example.com"
    )
    account.charge(customer, good, capture_method="manual")
    account.charge(
        customer,
        good,
        allowed_payment_method_types=None,
        automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
        shipping={"name": "Alice", "address": address},
    )
    for number in ("4000000000000341", "4100000000000019", "4000002760003184"):
        bad = account.saved(number, customer=customer)
        with pytest.raises(stripe.CardError):
            account.charge(customer, bad)
    asks = account.saved("4000002500003155", customer=customer)
    account.charge(customer, asks, off_session=None)
    bank = account.saved("DE89370400440532013000", customer=customer, currency="eur")
    for succeed in (True, False, None):
        debit = account.charge(
            customer, bank, currency="eur", allowed_payment_method_types=["sepa_debit"]
        )
        if succeed is not None:
            practice.settle_processing(debit.id, succeed=succeed)
    account.charge(customer, account.saved("4000900000000292", customer=customer))
    account.charge(customer, account.saved("4000000000000259", customer=customer))
    for number in ("4242424242424242", "4000000000007726", "4000000000005126"):
        paid = account.charge(customer, account.saved(number, customer=customer))
        account.client.v1.refunds.create({"payment_intent": paid.id, "amount": 100})
    account.clock.advance(minutes=2)
    account.client.v1.customers.delete(account.customer(name="Bob").id)

    paths = {
        "/v1/customers": ["data.invoice_settings.default_payment_method"],
        "/v1/checkout/sessions": ["data.customer", "data.setup_intent.payment_method"],
        "/v1/setup_intents": ["data.latest_attempt", "data.customer"],
        "/v1/payment_methods": ["data.customer"],
        "/v1/payment_intents": ["data.latest_charge", "data.payment_method", "data.customer"],
        "/v1/charges": ["data.refunds", "data.payment_intent", "data.customer"],
        "/v1/refunds": ["data.charge.payment_intent"],
        "/v1/disputes": ["data.charge"],
        "/v1/events": [],
    }
    for path, expand in paths.items():
        yield _get(practice, path, limit=100)
        yield _get(practice, path, limit=100, expand=expand)
    account.clock.advance(days=4)
    yield _get(practice, "/v1/payouts", limit=100, expand=["data.balance_transaction"])
    yield _get(practice, "/v1/balance_transactions", limit=100)
    yield _get(practice, "/v1/charges", limit=100, expand=["data.balance_transaction"])
    yield _get(practice, "/v1/account")
    yield _get(practice, "/v1/balance")
    yield _get(practice, "/v1/customers/search", query='name:"Alice"')
    for session in _get(practice, "/v1/checkout/sessions", limit=100)["data"]:
        intent = session["setup_intent"]
        yield _get(
            practice, "/v1/setup_attempts", setup_intent=intent, expand=["data.payment_method"]
        )


def _get(practice: PracticeStripe, path: str, **params: Any) -> dict[str, Any]:
    reply = practice.handle("GET", path, params, HEADERS)
    assert reply.status == 200, reply.body
    return reply.body


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All that carry the name of their kind, however deep."""
    if isinstance(value, dict):
        kind = value.get("object")
        if isinstance(kind, str) and kind in CLASSES and not value.get("deleted"):
            yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def test_every_kind_is_met(replies: list[dict[str, Any]]) -> None:
    assert {result["object"] for result in _objects(replies)} == set(CLASSES)


def test_sdk_types(replies: list[dict[str, Any]]) -> None:
    problems = {
        problem
        for result in _objects(replies)
        for problem in _sdk_problems(result, CLASSES[result["object"]], result["object"])
    }
    assert problems == set()


def _sdk_problems(value: dict[str, Any], class_: type, path: str) -> Iterator[str]:
    hints = _hints(class_)
    for key in value.keys() - hints.keys():
        yield f"{path}.{key}: the SDK does not know it"
    for key, hint in hints.items():
        if key not in value:
            if not _is_optional(hint):
                yield f"{path}.{key}: missing"
        elif value[key] is None:
            if not _is_optional(hint):
                yield f"{path}.{key}: null"
        else:
            yield from _value_problems(value[key], hint, f"{path}.{key}")


def _value_problems(value: Any, hint: Any, path: str) -> Iterator[str]:
    options = [option for option in _options(hint) if option is not type(None)]
    for option in options:
        origin = get_origin(option)
        if isinstance(value, list) and origin is list:
            for item in value:
                yield from _value_problems(item, get_args(option)[0], f"{path}[]")
            return
        is_own = isinstance(option, type) and issubclass(option, stripe.StripeObject)
        if isinstance(value, dict) and is_own and option.__module__ != "stripe._stripe_object":
            yield from _sdk_problems(value, option, path)
            return
    scalars = {option for option in options if option in (int, str, bool)}
    if scalars and len(scalars) == len(options) and type(value) not in scalars:
        yield f"{path}: {value!r} is not {scalars}"


@cache
def _hints(class_: type) -> dict[str, Any]:
    own = dict(class_.__annotations__)
    own.pop("OBJECT_NAME", None)
    own.pop("deleted", None)
    if class_ in (stripe.ListObject, stripe.SearchResultObject):
        own = dict.fromkeys(own | {"object": "", "url": ""}, Any)
        own["next_page"] = str | None
    return {name: hint for name, hint in own.items() if not name.startswith("_")}


def _is_optional(hint: Any) -> bool:
    return type(None) in _options(hint)


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


@pytest.mark.skipif(not OPENAPI.exists(), reason="Stripe's shapes are not on this machine")
def test_openapi(replies: list[dict[str, Any]]) -> None:
    document = _strict(json.loads(OPENAPI.read_text()))
    problems = set()
    for kind, result in ((result["object"], result) for result in _objects(replies)):
        if kind not in document["components"]["schemas"]:
            continue
        schema = {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
        validator = jsonschema.Draft202012Validator(schema)
        for error in validator.iter_errors(result):
            deepest = jsonschema.exceptions.best_match([error])
            problems.add(f"{kind} {deepest.json_path}: {deepest.message[:200]}")
    assert problems == set()


def _strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` spelled out, open enums dropped."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: _strict(value) for key, value in schema.items()}
    if converted.pop("x-openEnum", False):
        converted.pop("enum", None)
    if converted.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, converted]}
    return converted


@pytest.mark.skipif(not FIXTURES.exists(), reason="Stripe's fixtures are not on this machine")
def test_fixtures(replies: list[dict[str, Any]]) -> None:
    fixtures = json.loads(FIXTURES.read_text())["resources"]
    problems = {
        f"{found['object']}.{key}"
        for found in _objects(replies)
        for key in fixtures.get(found["object"], {}).keys() - found.keys()
        if key not in ABSENT.get(found["object"], set())
    }
    assert problems == set()
