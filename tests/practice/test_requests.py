"""Keys, permissions, parameters, headers: what every request passes first."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from lib.practice import PracticeStripe
from lib.practice.parameters import decode_form
from lib.practice.replies import StripeRefusal
from lib.practice.server import PracticeServer

from .account import Account, refused


class TestKeys:
    def test_missing_key(self, practice: PracticeStripe) -> None:
        reply = practice.handle("GET", "/v1/customers", {}, {})
        assert reply.status == 401
        assert "did not provide an API key" in reply.body["error"]["message"]

    @pytest.mark.parametrize("key", ["nonsense", "pk_test_1", "sk_other_1"])
    def test_wrong_key(self, connect: Any, key: str) -> None:
        with refused(401) as refusal:
            connect(key).v1.customers.list()
        assert isinstance(refusal.value, stripe.AuthenticationError)

    def test_basic_authentication(self, server: PracticeServer) -> None:
        answer = requests.get(f"{server.base_url}/v1/customers", auth=("sk_test_1", ""), timeout=5)
        assert answer.status_code == 200

    @pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
    def test_live_key_sees_nothing(self, account: Account, connect: Any, key: str) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        live = connect(key)
        hint = "a similar object exists in test mode, but a live mode key was used"
        with refused(404, "resource_missing", hint):
            live.v1.customers.retrieve(customer)
        with refused(400, "resource_missing", hint):
            live.v1.payment_intents.create(
                {
                    "amount": 100,
                    "currency": "usd",
                    "customer": customer,
                    "payment_method": method,
                    "allowed_payment_method_types": ["card"],
                }
            )
        with refused(404, "resource_missing") as refusal:
            live.v1.customers.retrieve("cus_none")
        assert "similar" not in str(refusal.value)
        assert live.v1.customers.list().data == []
        assert live.v1.events.list().data == []
        with refused(400, message="no live mode"):
            live.v1.customers.create({})


class TestRestrictedKeys:
    def test_denied_permission_is_named(self, account: Account, connect: Any) -> None:
        account.practice.faults.deny("rk_test_1", "rak_checkout_session_write")
        client = connect("rk_test_1")
        with refused(403, message="Having the 'rak_checkout_session_write' permission") as refusal:
            client.v1.checkout.sessions.create({"mode": "setup"})
        assert isinstance(refusal.value, stripe.PermissionError)
        assert client.v1.checkout.sessions.list().data == []

    def test_is_checked_before_existence(self, account: Account, connect: Any) -> None:
        account.practice.faults.deny("rk_test_1", "rak_payment_method_write")
        with refused(403):
            connect("rk_test_1").v1.payment_methods.detach("pm_none")

    def test_expanding_needs_permission_too(self, account: Account, connect: Any) -> None:
        session = account.link()
        account.practice.faults.deny("rk_test_1", "rak_setup_intent_read")
        sessions = connect("rk_test_1").v1.checkout.sessions
        assert sessions.retrieve(session.id).id == session.id
        with refused(403, message="rak_setup_intent_read"):
            sessions.retrieve(session.id, {"expand": ["setup_intent"]})


class TestReplies:
    def test_headers(self, account: Account) -> None:
        made = account.customer()
        headers = made.last_response.headers
        assert headers["request-id"].startswith("req_")
        assert headers["stripe-version"] == "2026-10-28.endive"
        with refused(404) as refusal:
            account.client.v1.customers.retrieve("cus_none")
        error = refusal.value.error
        assert refusal.value.request_id in error.request_log_url
        assert error.doc_url.endswith("resource-missing")
        assert (error.param, error.type) == ("id", "invalid_request_error")

    def test_other_api_version(self, practice: PracticeStripe) -> None:
        headers = {"Authorization": "Bearer sk_test_1", "Stripe-Version": "2024-04-10"}
        reply = practice.handle("GET", "/v1/customers", {}, headers)
        assert reply.status == 400
        assert "2026-10-28.endive only" in reply.body["error"]["message"]

    def test_unknown_path(self, practice: PracticeStripe) -> None:
        headers = {"Authorization": "Bearer sk_test_1"}
        for method, path in (("GET", "/v1/nothing"), ("DELETE", "/v1/events"), ("GET", "/")):
            reply = practice.handle(method, path, {}, headers)
            assert reply.status == 404
            assert f"Unrecognized request URL ({method}: {path})" in reply.body["error"]["message"]

    def test_account_and_webhook_endpoints(self, account: Account) -> None:
        own = account.client.v1.accounts.retrieve_current()
        assert (own.id[:5], own.charges_enabled) == ("acct_", True)
        assert account.client.v1.webhook_endpoints.list().data == []


class TestParameters:
    @pytest.mark.parametrize(
        ("params", "code", "param"),
        [
            ({"foo": "1"}, "parameter_unknown", "foo"),
            ({"address": {"street": "x"}}, "parameter_unknown", "address[street]"),
            ({"balance": "a"}, "parameter_invalid_integer", "balance"),
            ({"name": ""}, "parameter_invalid_empty", "name"),
            ({"name": {"a": "b"}}, None, "name"),
            ({"metadata": "x"}, None, "metadata"),
            ({"shipping": {"name": "x"}}, "parameter_missing", "shipping[address]"),
            ({"preferred_locales": "en"}, None, "preferred_locales"),
            ({"tax_exempt": "perhaps"}, None, "tax_exempt"),
            ({"name": "x" * 5001}, None, "name"),
        ],
    )
    def test_refused(
        self, account: Account, params: dict[str, Any], code: str | None, param: str
    ) -> None:
        with refused(400, code) as refusal:
            account.client.v1.customers.create(params)
        assert refusal.value.param == param

    def test_several_unknown(self, account: Account) -> None:
        with refused(400, message="Received unknown parameters: bar, foo"):
            account.client.v1.customers.create({"bar": "1", "foo": "2"})

    def test_missing_required(self, account: Account) -> None:
        with refused(400, "parameter_missing", "Missing required param: currency."):
            account.client.v1.payment_intents.create({"amount": 100})

    def test_form(self) -> None:
        pairs = [("a[b][0]", "1"), ("a[b][1]", "2"), ("c[]", "3"), ("c[]", "4"), ("d", "")]
        assert decode_form(pairs) == {
            "a": {"b": {"0": "1", "1": "2"}},
            "c": {"0": "3", "1": "4"},
            "d": "",
        }
        for odd in ([("a", "1"), ("a[b]", "2")], [("a[b]", "1"), ("a[b][c]", "2")]):
            with pytest.raises(StripeRefusal):
                decode_form(odd)

    @pytest.mark.parametrize(
        "body", [b"\xff\xfe", b"[=1", b"a[b=1", b"%00=1", b"a[][]=1", b"=", b"]=1&[]=2"]
    )
    def test_strange_bodies_are_refused_calmly(self, server: PracticeServer, body: bytes) -> None:
        answer = requests.post(
            f"{server.base_url}/v1/customers",
            data=body,
            headers={"Authorization": "Bearer sk_test_1"},
            timeout=5,
        )
        assert answer.status_code in (200, 400), answer.text

    def test_text_survives(self, account: Account) -> None:
        name = "Zoë 山田 <b>&=+%5B "
        assert account.customer(name=name).name == name
