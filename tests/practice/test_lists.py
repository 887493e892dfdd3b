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
        found = account.session(session.id, "customer")
        assert found.customer.deleted is True

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
