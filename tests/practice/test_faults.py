"""Faults that practice Stripe can be asked for: lost connections, refusals, slow lists."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from lib.practice import PracticeStripe
from lib.practice.faults import LIMIT_REASONS
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


class TestShownLate:
    """A payment that Stripe made and does not list yet."""

    @pytest.fixture
    def late(self, account: Account) -> stripe.PaymentIntent:
        customer = account.customer().id
        method = account.saved(customer=customer)
        account.practice.faults.add("POST", "/v1/payment_intents", kind="shown_late", detail="7200")
        return account.charge(customer, method, key="late", metadata={"ours": "yes"})

    def lists(self, account: Account, late: stripe.PaymentIntent) -> list[bool]:
        v1 = account.client.v1
        result = [
            v1.payment_intents.list({"customer": str(late.customer)}),
            v1.payment_intents.search({"query": "metadata['ours']:'yes'"}),
            v1.charges.list({"payment_intent": late.id}),
            v1.events.list({"type": "payment_intent.succeeded"}),
        ]
        return [bool(page.data) for page in result]

    def test_no_list_and_no_search_shows_it_before_its_time(
        self, account: Account, late: stripe.PaymentIntent
    ) -> None:
        account.clock.advance(seconds=7199)
        assert self.lists(account, late) == [False] * 4
        account.clock.advance(seconds=1)
        assert self.lists(account, late) == [True] * 4

    def test_it_was_made_all_the_same(self, account: Account, late: stripe.PaymentIntent) -> None:
        assert len(account.practice.money_moved()) == 1
        assert account.client.v1.payment_intents.retrieve(late.id).status == "succeeded"
        again = account.charge(
            str(late.customer), str(late.payment_method), key="late", metadata={"ours": "yes"}
        )
        assert again.id == late.id

    def test_the_next_payment_is_shown_at_once_and_a_read_uses_nothing_up(
        self, account: Account, late: stripe.PaymentIntent
    ) -> None:
        account.practice.faults.add("*", "/v1/payment_intents", kind="shown_late", detail="7200")
        assert account.client.v1.payment_intents.list().data == []
        assert len(account.practice.faults.waiting()) == 1
        account.practice.faults.clear()
        made = account.charge(str(late.customer), str(late.payment_method))
        assert [one.id for one in account.client.v1.payment_intents.list().data] == [made.id]
        account.practice.show_everything()
        assert len(account.client.v1.payment_intents.list().data) == 2

    def test_how_late_must_be_said(self, account: Account) -> None:
        with pytest.raises(ValueError, match="how many seconds"):
            account.practice.faults.add("POST", "/v1/payment_intents", kind="shown_late")


class TestReads:
    """Every list and every retrieve can go wrong as a write can."""

    @pytest.fixture(params=["list", "retrieve"])
    def read(self, account: Account, request: pytest.FixtureRequest) -> Any:
        made = account.customer().id
        if request.param == "list":
            return lambda: account.client.v1.customers.list().data[0].id
        return lambda: account.client.v1.customers.retrieve(made).id

    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
    def test_no_answer(self, account: Account, read: Any, kind: str) -> None:
        account.practice.faults.add("GET", "/v1/customers", kind=kind)
        with pytest.raises(stripe.APIConnectionError):
            read()
        assert read()

    def test_half_an_answer(self, account: Account, read: Any) -> None:
        account.practice.faults.add("GET", "/v1/customers", kind="truncated_json")
        with pytest.raises(stripe.APIError, match="Invalid response body"):
            read()
        assert read()

    @pytest.mark.parametrize(
        ("kind", "detail", "status", "code"),
        [
            *(("rate_limited", reason, 429, "rate_limit") for reason in LIMIT_REASONS),
            ("rate_limited", None, 429, "rate_limit"),
            ("lock_timeout", None, 429, "lock_timeout"),
            ("conflict_409", None, 409, "idempotency_key_in_use"),
            ("error_500_saved", None, 500, None),
            ("error_500_unsaved", None, 500, None),
        ],
    )
    def test_refused_once(
        self,
        account: Account,
        read: Any,
        kind: str,
        detail: str | None,
        status: int,
        code: str | None,
    ) -> None:
        account.practice.faults.add("GET", "/v1/customers", kind=kind, detail=detail)
        with refused(status, code) as refusal:
            read()
        assert refusal.value.headers.get("stripe-rate-limited-reason") == detail
        assert ("stripe-should-retry" in refusal.value.headers) == (kind == "lock_timeout")
        assert read()

    def test_permission_by_its_name(self, account: Account, read: Any) -> None:
        account.practice.faults.add(
            "GET", "/v1/customers", kind="missing_permission", detail="rak_bucket_customers_read"
        )
        with refused(403, message="'rak_bucket_customers_read'"):
            read()

    def test_slow(self, account: Account, read: Any) -> None:
        account.practice.faults.add("GET", "/v1/customers", kind="slow", detail="0.05")
        started = time.monotonic()
        assert read()
        assert time.monotonic() - started >= 0.05


class TestVanish:
    @pytest.mark.parametrize("status", [None, "400", "404"])
    @pytest.mark.parametrize("param", ["starting_after", "ending_before"])
    def test_the_object_that_a_page_starts_from(
        self, account: Account, param: str, status: str | None
    ) -> None:
        made = account.customer().id
        account.practice.faults.add("GET", "/v1/customers$", kind="vanish", detail=status)
        assert len(account.client.v1.customers.list().data) == 1
        params: Any = {param: made}
        with refused(int(status or 400), "resource_missing", f"No such customer: '{made}'") as gone:
            account.client.v1.customers.list(params)
        assert gone.value.error.param == param
        assert account.client.v1.customers.list(params).data == []

    def test_counts_only_what_it_can_strike(self, account: Account) -> None:
        made = account.customer().id
        account.practice.faults.add("*", "/v1/customers", kind="vanish", after=1)
        account.client.v1.customers.list()
        account.client.v1.customers.list({"starting_after": made})
        account.client.v1.customers.update(made, {"name": "Bob"})
        account.client.v1.customers.list()
        with refused(400, "resource_missing"):
            account.client.v1.customers.list({"starting_after": made})

    def test_the_owner_of_a_list(self, account: Account) -> None:
        made = account.customer().id
        account.practice.faults.add("GET", "/v1/customers/", kind="vanish")
        with refused(404, "resource_missing", f"No such customer: '{made}'"):
            account.client.v1.customers.payment_methods.list(made)

    def test_an_empty_page_waits_for_a_list(self, account: Account) -> None:
        made = account.customer().id
        account.practice.faults.add("GET", "/v1/customers", kind="empty_page_has_more")
        assert account.client.v1.customers.retrieve(made).id == made
        assert account.client.v1.customers.list().data == []
        assert account.client.v1.customers.list().data[0].id == made


class TestWhich:
    def test_the_third_page(self, account: Account) -> None:
        for _ in range(5):
            account.customer()
        account.practice.faults.add(
            "GET", "/v1/customers$", kind="error_500_unsaved", after=2, times=1
        )
        seen = []
        with refused(500):
            for customer in account.client.v1.customers.list({"limit": 1}).auto_paging_iter():
                seen.append(customer.id)
        assert len(seen) == 2
        assert len(list(account.client.v1.customers.list({"limit": 1}).auto_paging_iter())) == 5

    def test_whole_path(self, account: Account) -> None:
        made = account.customer().id
        account.practice.faults.add("GET", "/v1/customers$", kind="rate_limited")
        account.client.v1.customers.retrieve(made)
        account.client.v1.customers.payment_methods.list(made)
        [waiting] = account.practice.faults.waiting()
        assert waiting == {
            "method": "GET",
            "path": "/v1/customers$",
            "kind": "rate_limited",
            "times": 1,
            "detail": None,
            "after": 0,
        }
        with refused(429):
            account.client.v1.customers.list()

    def test_each_of_a_kind_counts_for_itself(self, account: Account) -> None:
        add = account.practice.faults.add
        add("GET", "/v1/events", kind="conflict_409", after=2)
        add("GET", "/v1/events", kind="conflict_409")
        add("GET", "/v1/events", kind="rate_limited", after=1)
        statuses = []
        for _ in range(4):
            reply = account.practice.handle(
                "GET", "/v1/events", {}, {"Authorization": "Bearer sk_test_1"}
            )
            statuses.append(reply.status)
        assert statuses == [409, 429, 409, 200]
        assert account.practice.faults.waiting() == []


class TestPermissions:
    def test_given_back(self, account: Account, connect: Any) -> None:
        key, faults = "rk_test_1", account.practice.faults
        client = connect(key)
        faults.deny(key, "rak_refund_read", "rak_dispute_read")
        for read in (client.v1.refunds.list, client.v1.disputes.list):
            with refused(403):
                read()
        faults.allow(key, "rak_refund_read")
        client.v1.refunds.list()
        with refused(403, message="'rak_dispute_read'"):
            client.v1.disputes.retrieve("du_none")
        faults.allow(key)
        client.v1.disputes.list()

    @pytest.mark.parametrize(
        ("path", "expand", "permission"),
        [
            ("/v1/checkout/sessions", "data.setup_intent", "rak_setup_intent_read"),
            (
                "/v1/checkout/sessions",
                "data.setup_intent.payment_method",
                "rak_payment_method_read",
            ),
            ("/v1/setup_intents", "data.payment_method", "rak_payment_method_read"),
            ("/v1/payment_intents", "data.latest_charge", "rak_charge_read"),
            ("/v1/charges", "data.refunds", "rak_refund_read"),
            ("/v1/refunds", "data.charge", "rak_charge_read"),
            ("/v1/disputes", "data.charge", "rak_charge_read"),
            ("/v1/disputes/du_none", "charge", "rak_charge_read"),
        ],
    )
    def test_expanding_needs_its_own(
        self, account: Account, path: str, expand: str, permission: str
    ) -> None:
        account.practice.faults.deny("rk_test_1", permission)
        headers = {"Authorization": "Bearer rk_test_1"}
        handle = account.practice.handle
        assert handle("GET", path, {}, headers).status in (200, 404)
        reply = handle("GET", path, {"expand": {"0": expand}}, headers)
        assert reply.status == 403
        assert f"'{permission}'" in reply.body["error"]["message"]


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
        with pytest.raises(ValueError, match="global-rate"):
            account.practice.faults.add("GET", "/", kind="rate_limited", detail="too fast")
        with pytest.raises(ValueError, match="400, 404"):
            account.practice.faults.add("GET", "/", kind="vanish", detail="410")
        with pytest.raises(ValueError, match="positive"):
            account.practice.faults.add("GET", "/", kind="lost_reply", times=0)
        assert account.practice.faults.waiting() == []

    def test_a_database_from_before_is_brought_up_to_date(
        self, tmp_path: Path, clock: FakeClock
    ) -> None:
        path = tmp_path / "old.db"
        PracticeStripe(path, clock=clock).database.close()
        connection = sqlite3.connect(path)
        connection.executescript(
            "DROP TABLE waiting_faults; DROP TABLE lost_events; PRAGMA user_version = 1;"
            "CREATE TABLE faults (id INTEGER PRIMARY KEY, method TEXT, path_prefix TEXT);"
        )
        connection.close()
        later = PracticeStripe(path, clock=clock)
        later.faults.add("GET", "/v1/customers", kind="lost_reply", after=1)
        with later.events_lost():
            assert len(later.faults.waiting()) == 1

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
        third = {"method": "GET", "path": "/v1/customers$", "kind": "vanish", "after": 2}
        third |= {"times": 3, "detail": "404"}
        assert requests.post(url, json=third, timeout=5).status_code == 200
        assert requests.get(url, timeout=5).json() == {"data": [third]}
        assert requests.post(url, json=third | {"after": -1}, timeout=5).status_code == 400
        assert requests.post(url, data="nonsense", timeout=5).status_code == 400

    def test_money_over_http(self, account: Account, server: PracticeServer) -> None:
        customer = account.customer().id
        intent = account.charge(customer, account.saved(customer=customer))
        [moved] = requests.get(f"{server.base_url}/_practice/money", timeout=5).json()["data"]
        assert (moved["payment_intent"], moved["amount"]) == (intent.id, 1099)
