from __future__ import annotations

import time
from typing import Any

import pytest
import requests
import stripe

from lib.practice import PracticeStripe
from lib.practice.server import PracticeServer

from .account import Account, FakeClock, refused


class TestLostConnections:
    def test_lost_reply_has_acted(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        account.practice.faults.add("POST", "/v1/payment_intents", kind="lost_reply")
        started = time.monotonic()
        with pytest.raises(stripe.APIConnectionError):
            account.charge(customer, method, key="attempt-1")
        assert time.monotonic() - started < 2
        assert len(account.practice.money_moved()) == 1
        intent = account.charge(customer, method, key="attempt-1")
        assert intent.last_response.headers["idempotent-replayed"] == "true"
        assert len(account.practice.money_moved()) == 1

    def test_lost_request_has_not(self, account: Account) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind="lost_request", times=2)
        for _ in range(2):
            with pytest.raises(stripe.APIConnectionError):
                account.customer()
        assert account.client.v1.customers.list().data == []
        assert account.customer().id

    def test_refusals_are_lost_too(self, account: Account) -> None:
        account.practice.faults.add("GET", "/v1/customers/", kind="lost_reply")
        with pytest.raises(stripe.APIConnectionError):
            account.client.v1.customers.retrieve("cus_none")

    def test_half_an_answer(self, account: Account) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind="truncated_json")
        with pytest.raises(stripe.APIError, match="Invalid response body"):
            account.customer()
        assert len(account.client.v1.customers.list().data) == 1

    def test_sdk_retries_under_one_key(self, account: Account, connect: Any) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind="lost_reply")
        patient = connect("sk_test_1", max_network_retries=1)
        made = patient.v1.customers.create({})
        assert [c.id for c in account.client.v1.customers.list().data] == [made.id]


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "detail", "status", "code"),
        [
            ("rate_limited", "endpoint-rate", 429, "rate_limit"),
            ("rate_limited", None, 429, "rate_limit"),
            ("lock_timeout", None, 429, "lock_timeout"),
            ("conflict_409", None, 409, "idempotency_key_in_use"),
            ("error_500_saved", None, 500, None),
            ("error_500_unsaved", None, 500, None),
        ],
    )
    def test_nothing_happens(
        self, account: Account, kind: str, detail: str | None, status: int, code: str | None
    ) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind=kind, detail=detail)
        with refused(status, code) as refusal:
            account.customer()
        assert refusal.value.headers.get("stripe-rate-limited-reason") == detail
        assert ("stripe-should-retry" in refusal.value.headers) == (kind == "lock_timeout")
        assert account.client.v1.customers.list().data == []

    def test_missing_permission_names_the_endpoints_own(self, account: Account) -> None:
        account.practice.faults.add("*", "/v1/events", kind="missing_permission")
        with refused(403, message="'rak_event_read'"):
            account.client.v1.events.list()

    def test_vanish(self, account: Account) -> None:
        made = account.customer().id
        account.practice.faults.add("GET", "/v1/customers/", kind="vanish")
        with refused(404, "resource_missing"):
            account.client.v1.customers.retrieve(made)
        assert account.client.v1.customers.retrieve(made).id == made

    def test_empty_page(self, account: Account) -> None:
        account.customer()
        account.practice.faults.add("GET", "/v1/customers", kind="empty_page_has_more")
        page = account.client.v1.customers.list()
        assert (page.data, page.has_more) == ([], True)


class TestKnobs:
    def test_slow(self, account: Account) -> None:
        account.practice.faults.add("GET", "/v1/balance", kind="slow", detail="0.05")
        started = time.monotonic()
        account.client.v1.balance.retrieve()
        assert time.monotonic() - started >= 0.05

    def test_only_that_method_and_path(self, account: Account) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind="lost_request")
        account.client.v1.customers.list()
        account.client.v1.setup_intents.create({})
        assert len(account.practice.faults.waiting()) == 1
        account.practice.faults.clear()
        assert account.practice.faults.waiting() == []

    def test_nonsense(self, account: Account) -> None:
        with pytest.raises(ValueError, match="unknown fault"):
            account.practice.faults.add("GET", "/", kind="nonsense")
        with pytest.raises(ValueError, match="float"):
            account.practice.faults.add("GET", "/", kind="slow")

    def test_set_by_one_engine_met_by_another(self, account: Account, clock: FakeClock) -> None:
        other = PracticeStripe(account.practice.database.path, clock=clock)
        other.faults.add("POST", "/v1/customers", kind="rate_limited")
        with refused(429):
            account.customer()
        assert other.faults.waiting() == []

    def test_over_http(self, account: Account, server: PracticeServer) -> None:
        url = f"{server.base_url}/_practice/faults"
        fault = {"method": "POST", "path": "/v1/customers", "kind": "error_500_unsaved", "times": 2}
        assert requests.post(url, json=fault, timeout=5).status_code == 200
        with refused(500):
            account.customer()
        assert requests.delete(url, timeout=5).status_code == 200
        assert account.customer().id
        assert requests.post(url, json={"kind": "x"}, timeout=5).status_code == 400
        assert requests.post(url, data="nonsense", timeout=5).status_code == 400

    def test_money_over_http(self, account: Account, server: PracticeServer) -> None:
        customer = account.customer().id
        intent = account.charge(customer, account.saved(customer=customer))
        [moved] = requests.get(f"{server.base_url}/_practice/money", timeout=5).json()["data"]
        assert (moved["payment_intent"], moved["amount"]) == (intent.id, 1099)
