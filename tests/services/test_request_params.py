"""Every request of a whole business day is one that the SDK's own types allow, and no secret stays."""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import re
import sqlite3
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from stripe._request_options import RequestOptions

from lib.domain.charges import ChargeState
from lib.domain.links import SETUP_SESSION
from lib.domain.runs import RowRequest, RunState
from lib.errors import Declined
from lib.money import Money
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from tests import stripe_account
from tests.webhook_route import client_of, deliver
from tests.world import (
    ADA,
    ALICE,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    BOB,
    GOOD,
    NO_MONEY,
    WANTS_AUTHENTICATION,
    World,
    new_world,
)

# What Onfile asks, and the class in stripe.params that types it. Each line must occur in the day.
TYPES = {
    "post /v1/customers": "_customer_create_params.CustomerCreateParams",
    "get /v1/customers": "_customer_list_params.CustomerListParams",
    "get /v1/customers/{id}": "_customer_retrieve_params.CustomerRetrieveParams",
    "get /v1/customers/{id}/payment_methods": (
        "_customer_list_payment_methods_params.CustomerListPaymentMethodsParams"
    ),
    "post /v1/checkout/sessions": "checkout._session_create_params.SessionCreateParams",
    "get /v1/checkout/sessions": "checkout._session_list_params.SessionListParams",
    "get /v1/checkout/sessions/{id}": "checkout._session_retrieve_params.SessionRetrieveParams",
    "post /v1/checkout/sessions/{id}/expire": (
        "checkout._session_expire_params.SessionExpireParams"
    ),
    "get /v1/setup_intents": "_setup_intent_list_params.SetupIntentListParams",
    "get /v1/charges": "_charge_list_params.ChargeListParams",
    "get /v1/charges/{id}": "_charge_retrieve_params.ChargeRetrieveParams",
    "get /v1/refunds": "_refund_list_params.RefundListParams",
    "post /v1/refunds": "_refund_create_params.RefundCreateParams",
    "get /v1/account": "_account_retrieve_current_params.AccountRetrieveCurrentParams",
    "get /v1/refunds/{id}": "_refund_retrieve_params.RefundRetrieveParams",
    "get /v1/disputes/{id}": "_dispute_retrieve_params.DisputeRetrieveParams",
    "get /v1/disputes": "_dispute_list_params.DisputeListParams",
    "get /v1/setup_intents/{id}": "_setup_intent_retrieve_params.SetupIntentRetrieveParams",
    "get /v1/payment_methods/{id}": "_payment_method_retrieve_params.PaymentMethodRetrieveParams",
    "post /v1/payment_methods/{id}/attach": "_payment_method_attach_params.PaymentMethodAttachParams",
    "post /v1/payment_methods/{id}/detach": "_payment_method_detach_params.PaymentMethodDetachParams",
    "post /v1/payment_intents": "_payment_intent_create_params.PaymentIntentCreateParams",
    "get /v1/payment_intents": "_payment_intent_list_params.PaymentIntentListParams",
    "get /v1/payment_intents/{id}": "_payment_intent_retrieve_params.PaymentIntentRetrieveParams",
    "post /v1/payment_intents/{id}/cancel": (
        "_payment_intent_cancel_params.PaymentIntentCancelParams"
    ),
    "get /v1/events": "_event_list_params.EventListParams",
    "get /v1/payment_intents/search": "_payment_intent_search_params.PaymentIntentSearchParams",
    "get /v1/balance_transactions": (
        "_balance_transaction_list_params.BalanceTransactionListParams"
    ),
    "get /v1/payouts": "_payout_list_params.PayoutListParams",
    "get /v1/webhook_endpoints": "_webhook_endpoint_list_params.WebhookEndpointListParams",
    "get /v2/core/event_destinations": (
        "v2.core._event_destination_list_params.EventDestinationListParams"
    ),
}
OPTIONS = frozenset(RequestOptions.__annotations__)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    params: dict[str, Any]
    idempotency_key: str | None

    @property
    def endpoint(self) -> str:
        # An id has a figure or a capital in it; the names of resources have neither.
        id_ = r"/[a-z]+_(?=[a-z_]*[0-9A-Z])[A-Za-z0-9_]{8,}"
        return f"{self.method} " + re.sub(id_, "/{id}", self.path)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Everything that a whole day sends, which is the same for all who look at it."""
    with (
        new_world(tmp_path_factory.mktemp("day")) as world,
        pytest.MonkeyPatch.context() as patch,
    ):
        seen = recorded(world, patch)
        a_whole_day(world)
        return seen


def recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Everything that goes to the SDK from here on."""
    seen: list[Asked] = []
    client = world.services.gateway.client
    send = client.raw_request

    def looking(method_: str, url_: str, **params: Any) -> Any:
        options = {name: params[name] for name in params if name in OPTIONS}
        assert set(options) <= {"idempotency_key"}
        sent = {name: value for name, value in params.items() if name not in OPTIONS}
        seen.append(Asked(method_, url_, sent, options.get("idempotency_key")))
        return send(method_, url_, **params)

    monkeypatch.setattr(client, "raw_request", looking)
    return seen


def a_whole_day(world: World) -> None:
    """Every use case there is, well and badly ended."""
    services = world.services
    acme = world.customer("Acme", "acme@example.com")
    services.links.create(form_key="twin", email="Acme@example.com", by=ALICE)
    made = services.links.create(
        form_key="full",
        email="new@example.com",
        name="New",
        currency="eur",
        reference="INV-0",
        locale="de",
        by=ALICE,
    )
    world.finish(made.session_id)
    ended = services.links.create(form_key="ended", guest=True, by=ALICE)
    services.links.expire(ended.link.id, by=ALICE)
    left_open = services.links.create(form_key="open", customer=acme, by=ALICE)
    guest = world.save_card(None)
    services.payment_methods.attach(guest, customer_id=acme, by=ALICE)

    assert world.charge(acme, method=guest).charge.state is ChargeState.SUCCEEDED
    for number, reference in (
        (ALWAYS_DECLINES, "D"),
        (WANTS_AUTHENTICATION, "A"),
        (NO_MONEY, "N"),
        (BLOCKED_BY_STRIPE, "B"),
    ):
        card = world.save_card(acme, number)
        failed = world.charge(acme, method=card, reference=reference)
        assert failed.failure is not None
    services.charges.cancel(failed.charge.id, by=ALICE)
    debit = world.save_card(acme, "DE89370400440532013000", currency="eur")
    world.charge(acme, method=debit, currency="eur", reference="P")
    world.lose_reply()
    world.charge(acme, method=guest, reference="LOST")
    world.charge(acme, reference="CHOSEN", currency="jpy", amount="500")
    world.clock.advance(minutes=5)
    services.charge_resolver.reconcile(by=ADA)
    services.charge_resolver.resolve_due()

    for event in stripe_account.events(world):
        assert deliver(world, event) == 204
    while services.webhooks.process_due():
        pass
    client_of(world).get("/setup/return", params={"session_id": made.session_id})
    services.sync.run()
    services.payment_methods.detach(card, by=ALICE)
    refunded_and_suffixed(world, acme, guest)
    world.clock.advance(hours=25)
    client_of(world).get(f"/l/{left_open.link.token}")
    services.sync.run()
    services.sync.run(full=True)
    services.rebuilds.rebuild(by=ADA)
    services.settlement.read()
    # What doctor asks of the endpoint.
    assert services.gateway.webhook_endpoints() == services.gateway.event_destinations() == []


def refunded_and_suffixed(world: World, customer: str, method: str) -> None:
    """A refund of a charge that the bank inquires about, and a run with a statement suffix."""
    services = world.services
    services.users.add_practice_users()
    inquired = world.save_card(customer, "4000000000001976")
    paid = world.charge(customer, method=inquired, reference="ASKED").charge.id
    order = services.refunds.request(
        paid, money=Money(100, "usd"), reason="requested_by_customer", note="Wrong sum", by=ALICE
    )
    services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    row = RowRequest(
        number=2,
        cells=(),
        customer=customer,
        money=Money(1_000, "usd"),
        reference="ROW",
        payment_method=method,
        description=None,
        suffix="MAY 2026",
        findings=(),
    )
    run = services.runs.drafts.create(RunSource(header=(), name="One row"), [row], by=ALICE)
    assert run.state is RunState.DRAFT


@pytest.mark.server
class TestRequests:
    def test_each_is_one_that_the_sdks_types_allow(self, day: list[Asked]) -> None:
        assert {request.endpoint for request in day} == set(TYPES)
        wrong = {
            f"{request.endpoint}: {problem}"
            for request in day
            for problem in problems(request.params, params_type(TYPES[request.endpoint]))
        }
        assert not wrong

    def test_every_write_carries_a_literal_key_of_ours(self, day: list[Asked]) -> None:
        for request in day:
            if request.method == "post":
                key = request.idempotency_key or ""
                assert key.startswith(("onfile:", "test-customer-")), request.endpoint
                assert len(key) <= 255
                assert "@" not in key, "no personal data in keys"
            else:
                assert request.idempotency_key is None

    def test_one_key_never_goes_with_two_requests(self, day: list[Asked]) -> None:
        sent: dict[str, tuple[str, str]] = {}
        for request in day:
            if request.idempotency_key:
                what = (request.path, repr(sorted(request.params.items())))
                assert sent.setdefault(request.idempotency_key, what) == what

    def test_charges_name_everything_that_off_session_needs(self, day: list[Asked]) -> None:
        charges = [request for request in day if request.endpoint == "post /v1/payment_intents"]
        assert len(charges) >= 8
        for request in charges:
            assert set(request.params) == {
                "amount",
                "currency",
                "customer",
                "payment_method",
                "off_session",
                "confirm",
                "allowed_payment_method_types",
                "metadata",
            }
            assert request.params["off_session"] is True
            assert request.params["confirm"] is True
            assert set(request.params["metadata"]) >= {"onfile_charge_id", "onfile_attempt"}

    def test_the_doctors_questions_hold_nothing_to_act_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are sent to be refused: the one for a setup Session lacks every address."""
        asked = recorded(world, monkeypatch)
        world.services.doctor.checks()
        assert len(asked) > 10
        stripes_time = asked.pop()
        assert (stripes_time.endpoint, stripes_time.params) == ("get /v1/events", {"limit": 1})
        for request in asked:
            is_setup = request.endpoint == "post /v1/checkout/sessions"
            assert request.params == (SETUP_SESSION if is_setup else {})
        assert all("onfile0probe" in request.path or request.method == "post" for request in asked)

    def test_none_uses_what_stripe_has_deprecated(self, day: list[Asked]) -> None:
        """The next removal announces itself in the SDK's docstrings, a version or two before."""
        sent = {(TYPES[request.endpoint], name) for request in day for name in names(request)}
        assert not sorted(
            f"{type_}: {name}"
            for type_, name in sent
            if name in deprecated(type_) and (type_, name) not in NEVER_OURS
        )

    def test_every_setup_session_switches_managed_payments_off(self, day: list[Asked]) -> None:
        sessions = [one for one in day if one.endpoint == "post /v1/checkout/sessions"]
        assert len(sessions) >= 8
        assert all(one.params["managed_payments"] == {"enabled": False} for one in sessions)


class TestTheCheckItself:
    CREATE = "_payment_intent_create_params.PaymentIntentCreateParams"

    @pytest.mark.parametrize(
        "changes",
        [
            {"payment_method_types": ["card"]},
            {"amount": "100"},
            {"amount": 1.0},
            {"metadata": {"a": 1}},
            {"payment_method_options": {"card": {"nothing": 1}}},
            {"capture_method": 5},
            {"allowed_payment_method_types": "card"},
            {"confirm": "true"},
            {"currency": None},
            {"capture_method": "someday"},
            {"allowed_payment_method_types": ["cheque"]},
        ],
        ids=str,
    )
    def test_finds_what_the_types_do_not_allow(self, changes: dict[str, Any]) -> None:
        good = {"amount": 100, "currency": "usd", "confirm": True, "metadata": {"a": "1"}}
        hint = params_type(self.CREATE)
        assert not list(problems(good, hint))
        assert list(problems(good | changes, hint))

    def test_finds_what_the_docstrings_call_deprecated(self) -> None:
        """Of the SDK's own: a legacy parameter of Link's, which we never send."""
        assert "persistent_token" in deprecated(self.CREATE)
        assert "amount" not in deprecated(self.CREATE)

    def test_finds_what_is_missing(self) -> None:
        assert list(problems({"amount": 100}, params_type(self.CREATE)))


class TestNothingSecretStays:
    SECRETS = re.compile(
        r"[rs]k_(?:test|live)_|whsec_|_secret_[A-Za-z0-9]|"
        + "|".join(
            (GOOD, ALWAYS_DECLINES, WANTS_AUTHENTICATION, NO_MONEY, "DE89370400440532013000")
        )
    )

    def test_not_in_the_database_and_not_in_the_log(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.services.users.add_practice_users()
        with caplog.at_level(logging.INFO):
            a_whole_day(world)
        connection = sqlite3.connect(world.settings.database)
        dump = "\n".join(connection.iterdump())
        closed = connection.execute(
            "SELECT session_id, url FROM link_sessions WHERE closed_at IS NOT NULL"
        ).fetchall()
        still_open = connection.execute(
            "SELECT url FROM link_sessions WHERE closed_at IS NULL AND url IS NOT NULL"
        ).fetchall()
        connection.close()
        assert "'succeeded'" in dump, "the day was written down"
        assert not self.SECRETS.findall(dump)
        assert len(closed) >= 5
        assert all(url is None for _, url in closed)
        assert [session for session, _ in closed if f"/practice/checkout/{session}" in dump] == []
        assert still_open, "the address of an open page is needed to send the customer there"
        logged = caplog.text
        assert not self.SECRETS.findall(logged)
        assert "/practice/checkout/" not in logged
        assert "acme@example.com" not in logged.lower().replace("%40", "@")

    def test_not_in_what_a_refusal_carries_on(self, world: World) -> None:
        """Stripe's error holds the whole PaymentIntent, with the secret that would confirm it."""
        customer = world.customer()
        card = world.save_card(customer, WANTS_AUTHENTICATION)
        with pytest.raises(Declined) as refused:
            world.services.gateway.create_payment_intent(
                {
                    "amount": 100,
                    "currency": "usd",
                    "customer": customer,
                    "payment_method": card,
                    "off_session": True,
                    "confirm": True,
                    "allowed_payment_method_types": ["card"],
                },
                idempotency_key="test",
            )
        assert refused.value.details["payment_intent"]["id"].startswith("pi_")
        assert not self.SECRETS.findall(repr(refused.value.details))


# Checking a value against a type of the SDK's.

NEVER_OURS: frozenset[tuple[str, str]] = frozenset()
"""Deprecated names that another field of the same request shares."""


def names(request: Asked) -> set[str]:
    """Every parameter of a request, as deep as it lies, by its last name; metadata are ours."""
    found: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                found.add(name)
                if name != "metadata":
                    walk(one)

    walk(request.params)
    return found


@cache
def deprecated(type_: str) -> frozenset[str]:
    """Fields whose docstring in the SDK says that they are deprecated."""
    module = importlib.import_module(f"stripe.params.{type_.rpartition('.')[0]}")
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in pairwise(node.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and "deprecated" in str(text.value.value).lower()
            ):
                found.add(field.target.id)
    return frozenset(found)


def params_type(name: str) -> Any:
    module, _, class_name = name.rpartition(".")
    return getattr(importlib.import_module(f"stripe.params.{module}"), class_name)


def fields_of(hint: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Fields with their types, and which of them are required; the SDK's own options left out."""
    # The options' types are imported for type checkers only, and concern no request of ours.
    module = vars(importlib.import_module(hint.__module__)) | {
        "StripeContext": object,
        "Mapping": dict,
    }
    found = typing.get_type_hints(hint, globalns=module, include_extras=True)
    needed, fields = set(), {}
    for field, kind in found.items():
        if field in OPTIONS:
            continue
        if typing.get_origin(kind) is typing.NotRequired or str(typing.get_origin(kind)).endswith(
            "NotRequired"
        ):
            [fields[field]] = typing.get_args(kind)
        else:
            fields[field] = kind
            needed.add(field)
    return fields, frozenset(needed)


def problems(value: Any, hint: Any, where: str = "") -> Iterator[str]:
    """What about `value` the type does not allow."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object:
        return
    if origin in (typing.Union, types.UnionType):
        if any(typing.get_origin(one) is typing.Literal for one in inner):
            # `Literal[...] | str` leaves the type open; the API refuses what is not named.
            inner = tuple(one for one in inner if one is not str)
        tried = [list(problems(value, one, where)) for one in inner]
        if all(tried):
            yield from min(tried, key=len)
    elif origin is typing.Literal:
        if value not in inner:
            yield f"{where} is {value!r}"
    elif hasattr(hint, "__required_keys__"):
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        fields, needed = fields_of(hint)
        yield from (f"{where}.{name} is missing" for name in needed - set(value))
        for name, one in value.items():
            if name in fields:
                yield from problems(one, fields[name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
    elif origin in (list, typing.List):  # noqa: UP006 - the SDK's older types say List
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for one in value:
            yield from problems(one, inner[0], f"{where}[]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        for one in value.values():
            yield from problems(one, inner[1], f"{where}.*")
    elif hint is type(None):
        if value is not None:
            yield f"{where} is not None"
    elif isinstance(hint, type):
        if type(value) is not hint:
            yield f"{where} is {type(value).__name__}, not {hint.__name__}"
    else:
        yield f"{where}: the check does not know {hint!r}"
