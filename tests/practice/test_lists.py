"""Pages, cursors, expansion: the same for every list."""

from __future__ import annotations

from typing import Any

import pytest

from .account import Account, refused


@pytest.fixture
def ids(account: Account) -> list[str]:
    """Twelve customers, newest first; pairs share a second."""
    made = []
    for number in range(12):
        made.append(account.customer(name=f"Customer {number}").id)
        account.clock.advance(seconds=number % 2)
    return made[::-1]


class TestPages:
    def test_ten_by_default_newest_first(self, account: Account, ids: list[str]) -> None:
        page = account.client.v1.customers.list()
        assert [c.id for c in page.data] == ids[:10]
        assert (page.has_more, page.url) == (True, "/v1/customers")

    def test_cursors(self, account: Account, ids: list[str]) -> None:
        listed = account.client.v1.customers.list
        after = listed({"starting_after": ids[3], "limit": 3})
        assert ([c.id for c in after.data], after.has_more) == (ids[4:7], True)
        last = listed({"starting_after": ids[9]})
        assert ([c.id for c in last.data], last.has_more) == (ids[10:], False)
        before = listed({"ending_before": ids[6], "limit": 3})
        assert ([c.id for c in before.data], before.has_more) == (ids[3:6], True)
        first = listed({"ending_before": ids[2]})
        assert ([c.id for c in first.data], first.has_more) == (ids[:2], False)

    @pytest.mark.parametrize("limit", [1, 5, 12, 100])
    def test_auto_paging_meets_each_once(
        self, account: Account, ids: list[str], limit: int
    ) -> None:
        pages = account.client.v1.customers.list({"limit": limit}).auto_paging_iter()
        assert [c.id for c in pages] == ids

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"limit": 0}, "greater than or equal to 1"),
            ({"limit": 101}, "less than or equal to 100"),
            ({"limit": "ten"}, "Invalid integer"),
            ({"starting_after": "cus_none"}, "No such customer"),
            ({"starting_after": "a", "ending_before": "b"}, "both"),
            ({"created": {"since": 1}}, "unknown parameter: created[since]"),
        ],
    )
    def test_refused(self, account: Account, params: dict[str, Any], message: str) -> None:
        with refused(400, message=message):
            account.client.v1.customers.list(params)

    def test_created(self, account: Account, ids: list[str]) -> None:
        moment = account.client.v1.customers.retrieve(ids[0]).created
        listed = account.client.v1.customers.list
        assert [c.id for c in listed({"created": moment}).data] == ids[:2]
        assert len(listed({"created": {"lt": moment}, "limit": 100}).data) == 10
        assert len(listed({"created": {"gte": moment - 1, "lte": moment}}).data) == 4


class TestGoneCursors:
    """A page cannot start from what never was there, or is no longer shown."""

    @pytest.mark.parametrize("param", ["starting_after", "ending_before"])
    def test_forgotten(self, account: Account, ids: list[str], param: str) -> None:
        account.practice.forget(ids[3])
        with refused(400, "resource_missing", f"No such customer: '{ids[3]}'") as refusal:
            params: Any = {param: ids[3]}
            account.client.v1.customers.list(params)
        assert refusal.value.error.param == param

    def test_of_another_kind(self, account: Account, ids: list[str]) -> None:
        session = account.link().id
        with refused(400, "resource_missing"):
            account.client.v1.customers.list({"starting_after": session})

    def test_an_event_that_is_no_longer_shown(self, account: Account) -> None:
        account.customer()
        [event] = account.client.v1.events.list().data
        assert account.client.v1.events.list({"starting_after": event.id}).data == []
        account.clock.advance(days=31)
        with refused(400, "resource_missing", "No such event"):
            account.client.v1.events.list({"starting_after": event.id})

    def test_one_that_left_the_filter_still_serves(self, account: Account) -> None:
        older, newer = account.link().id, account.link().id
        account.client.v1.checkout.sessions.expire(newer)
        page = account.client.v1.checkout.sessions.list({"status": "open", "starting_after": newer})
        assert [session.id for session in page.data] == [older]


EXPANSIONS: dict[str, str | None] = {
    "/v1/customers": None,
    "/v1/checkout/sessions": "data.setup_intent.payment_method",
    "/v1/setup_intents": "data.payment_method",
    "/v1/payment_intents": "data.latest_charge",
    "/v1/charges": "data.refunds",
    "/v1/refunds": "data.charge",
    "/v1/disputes": "data.charge",
    "/v1/events": None,
}


class TestMirrored:
    """Every list that a mirror walks: by windows of `created`, page by page, expanded."""

    @pytest.fixture
    def shop(self, account: Account) -> Account:
        """Three moments, ten seconds apart, each with two of everything."""
        for _ in range(3):
            for _ in range(2):
                customer = account.customer().id
                for number in ("4242424242424242", "4000000000000259"):
                    paid = account.charge(customer, account.saved(number, customer=customer))
                    if number.startswith("4242"):
                        account.client.v1.refunds.create({"payment_intent": paid.id})
            account.clock.advance(seconds=10)
        return account

    def read(self, account: Account, path: str, **params: Any) -> dict[str, Any]:
        reply = account.practice.handle("GET", path, params, {"Authorization": "Bearer sk_test_1"})
        assert reply.status == 200, reply.body
        return reply.body

    def walk(self, account: Account, path: str, **params: Any) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = []
        while True:
            page = self.read(account, path, limit="3", **params)
            result += page["data"]
            if not page["has_more"]:
                return result
            params["starting_after"] = result[-1]["id"]

    @pytest.mark.parametrize("path", EXPANSIONS)
    def test_windows_page_by_page(self, shop: Account, path: str) -> None:
        whole = self.walk(shop, path)
        assert [item["created"] for item in whole] == sorted(
            (item["created"] for item in whole), reverse=True
        )
        assert len({item["id"] for item in whole}) == len(whole) >= 6
        moments = sorted({item["created"] for item in whole})
        assert len(moments) == 3
        first, second, third = moments
        wanted = {
            (("gte", second),): {second, third},
            (("gt", second),): {third},
            (("lt", second),): {first},
            (("lte", second),): {first, second},
            (("gt", first), ("lt", third)): {second},
            (("gte", first), ("lte", second)): {first, second},
            (("gt", third),): set(),
        }
        for bounds, expected in wanted.items():
            created = {name: str(moment) for name, moment in bounds}
            window = self.walk(shop, path, created=created)
            assert [item["id"] for item in window] == [
                item["id"] for item in whole if item["created"] in expected
            ]

    @pytest.mark.parametrize(("path", "expand"), [item for item in EXPANSIONS.items() if item[1]])
    def test_expanded(self, shop: Account, path: str, expand: str) -> None:
        plain = self.walk(shop, path)
        for item, bare in zip(self.walk(shop, path, expand={"0": expand}), plain, strict=True):
            _, *fields = expand.split(".")
            expanded: Any = item
            for field in fields:
                expanded = expanded[field]
            if expand == "data.refunds":
                assert {refund["charge"] for refund in expanded["data"]} <= {item["id"]}
                continue
            assert expanded["object"] == {"latest_charge": "charge"}.get(fields[-1], fields[-1])
            assert bare[fields[0]] == item[fields[0]]["id"]

    def test_sessions_by_state(self, shop: Account) -> None:
        for _ in range(4):
            shop.link()
        shop.client.v1.checkout.sessions.expire(shop.link().id)
        path = "/v1/checkout/sessions"
        by_state = {
            state: self.walk(shop, path, status=state) for state in ("open", "complete", "expired")
        }
        assert {state: len(result) for state, result in by_state.items()} == {
            "open": 4,
            "complete": 12,
            "expired": 1,
        }
        for state, result in by_state.items():
            assert {session["status"] for session in result} == {state}

    def test_twenty_types_of_events(self, shop: Account) -> None:
        types = ["customer.created", "refund.created", "charge.dispute.created"]
        types += [f"invoice.kind_{number}" for number in range(17)]
        asked = {str(index): type_ for index, type_ in enumerate(types)}
        result = self.walk(shop, "/v1/events", types=asked)
        assert {event["type"] for event in result} == set(types[:3])
        assert len(result) == 18

    @pytest.mark.parametrize("kind", ["refunds", "disputes"])
    def test_one_with_its_charge(self, shop: Account, kind: str) -> None:
        [item, *_] = self.read(shop, f"/v1/{kind}")["data"]
        one = self.read(shop, f"/v1/{kind}/{item['id']}", expand={"0": "charge"})
        assert one["charge"]["id"] == item["charge"]
        charge = self.read(
            shop, f"/v1/charges/{item['charge']}", expand={"0": "payment_intent", "1": "refunds"}
        )
        assert charge["payment_intent"]["latest_charge"] == charge["id"]


class TestExpand:
    def test_ids_unless_asked(self, account: Account) -> None:
        customer = account.customer().id
        session = account.link(customer=customer)
        assert (session.customer, type(session.setup_intent)) == (customer, str)

    def test_nested(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        intent = account.charge(
            customer,
            method,
            expand=["customer", "latest_charge.payment_intent.payment_method"],
        )
        assert intent.customer.email == "alice@example.com"
        assert intent.latest_charge.payment_intent.payment_method.id == method

    def test_in_lists(self, account: Account) -> None:
        customer = account.customer().id
        account.saved(customer=customer)
        listed = account.client.v1.checkout.sessions.list(
            {"expand": ["data.setup_intent.payment_method.customer"]}
        )
        assert listed.data[0].setup_intent.payment_method.customer.id == customer

    def test_deleted_customer_expands_to_a_tombstone(self, account: Account) -> None:
        customer = account.customer().id
        session = account.link(customer=customer)
        account.client.v1.customers.delete(customer)
        result = account.session(session.id, "customer")
        assert result.customer.deleted is True

    def test_null_stays_null(self, account: Account) -> None:
        assert account.session(account.link().id, "customer", "payment_intent").customer is None

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("nothing", "This property cannot be expanded (nothing)."),
            ("metadata", "cannot be expanded"),
            ("data.customer", "cannot be expanded"),
            ("setup_intent.nothing", "cannot be expanded (setup_intent.nothing)"),
            ("setup_intent.latest_attempt.setup_intent.payment_method.customer", "more than 4"),
        ],
    )
    def test_refused(self, account: Account, path: str, message: str) -> None:
        session = account.link()
        with refused(400, message=message):
            account.session(session.id, path)

    def test_lists_need_the_prefix(self, account: Account) -> None:
        with refused(400, message="cannot be expanded"):
            account.client.v1.checkout.sessions.list({"expand": ["customer"]})

    def test_checked_before_anything_is_done(self, account: Account) -> None:
        with refused(400, message="cannot be expanded"):
            account.customer(expand=["nothing"])
        assert account.client.v1.customers.list().data == []
