"""The customers page finds people and shows one in full."""

from __future__ import annotations

import pytest

from lib.ui import navigation
from lib.ui.formats import escape
from tests.ui.collect_pages import LONG, NASTY, choose_row, column, fill, keys, press, words
from tests.world import ALICE


@pytest.fixture
def opened(open_page):
    return lambda as_="alice", **query: open_page("customers", as_=as_, query=query)


def tables(at) -> list[list[str]]:
    return [list(table.value.columns) for table in at.dataframe]


class TestList:
    def test_empty_says_why_and_offers_one_thing(self, opened) -> None:
        at = opened()
        assert "No customers yet" in words(at)
        assert [link.label for link in at.get("page_link")][-1] == "Make a setup link"

    def test_rows(self, opened, world) -> None:
        customer = world.customer("Acme Ltd", "acme@example.com")
        world.save_card(customer)
        world.charge(customer)
        row = opened().dataframe[0].value.iloc[0]
        assert (row["shown"], row["email"], row["methods"]) == ("Acme Ltd", "acme@example.com", 1)
        assert row["last_charge_at"].timestamp() == world.now
        assert row["created"].timestamp() == world.now

    def test_search(self, opened, world) -> None:
        world.customer("Acme Ltd")
        world.clock.advance(seconds=1)
        world.customer("Berta GmbH")
        at = fill(opened(), customers_search="BERTA")
        assert column(at, "shown") == ["Berta GmbH"]
        assert "No customer matches" in words(fill(at, customers_search="nobody"))
        assert column(fill(at, customers_search=""), "shown") == ["Berta GmbH", "Acme Ltd"]

    def test_paging(self, opened, world) -> None:
        for number in range(51):
            world.customer(f"Customer {number:02}")
            world.clock.advance(seconds=1)
        at = opened()
        assert column(at, "shown")[0] == "Customer 50"
        press(at, "customers_pager_older")
        assert column(at, "shown") == ["Customer 00"]

    def test_a_chosen_row_opens_and_the_way_back_leads_back(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        at = choose_row(opened(), "customers_rows", 0)
        assert at.query_params["customer"] == customer
        assert at.title[0].value == "Acme Ltd"
        press(at, "customers_back")
        assert at.title[0].value == "Customers"
        assert "customer" not in at.query_params

    def test_the_browsers_back_button_leads_back(self, opened, world) -> None:
        world.customer("Acme Ltd")
        at = choose_row(opened(), "customers_rows", 0)
        # The address goes back; the table's choice stays in the session.
        del at.query_params["customer"]
        assert at.run().title[0].value == "Customers"


class TestOne:
    def test_everything_of_this_customer_and_nothing_of_others(self, opened, world) -> None:
        customer, other = world.customer("Acme Ltd"), world.customer("Other Ltd")
        for each in (customer, other):
            world.save_card(each)
            world.charge(each, reference=f"INV-{each}")
        at = opened(customer=customer)
        methods, links, charges = (table.value for table in at.dataframe)
        assert list(methods["label"]) == ["Visa ···· 4242"]
        assert list(methods["same_card"]) == ["Other Ltd"]
        assert [list(state) for state in links["state"]] == [["Completed"]]
        assert list(charges["reference"]) == [f"INV-{customer}"]
        assert list(charges["amount"]) == ["$12.34"]

    def test_without_anything_it_says_so(self, opened, world) -> None:
        at = opened(customer=world.customer("Acme Ltd"))
        assert "No saved method" in words(at)
        assert "Nothing was charged yet" in words(at)
        assert "customers_new_charge" not in keys(at)

    @pytest.mark.parametrize("unknown", ["cus_nowhere", LONG, "a\x00b", "<b>"])
    def test_an_unknown_customer_is_a_plain_sentence(self, unknown, opened) -> None:
        at = opened(customer=unknown)
        assert "No such customer here" in words(at)
        assert "customers_new_link" not in keys(at)

    def test_names_are_inert(self, opened, world) -> None:
        at = opened(customer=world.customer(NASTY))
        assert at.title[0].value == escape(NASTY)

    def test_an_address_does_not_become_a_link(self) -> None:
        assert "e@e" not in escape("anne@example.com").replace("\\", "")

    def test_new_link_goes_on_with_the_customer(self, opened, world) -> None:
        at = opened(customer=world.customer("Acme Ltd"))
        press(at, "customers_new_link")
        assert at.title[0].value == "Setup links"
        assert "Acme Ltd" in words(at)
        assert "setup_links_new_submit" in keys(at)

    def test_new_charge_goes_on_with_the_customer(self, opened, world) -> None:
        if navigation.find("new_charge") is None:
            pytest.skip("the page is not there yet")
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        at = opened(customer=customer)
        at.button(key="customers_new_charge").click().run()
        assert at.query_params["customer"] == customer

    def test_a_method_opens_on_its_page(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        method = world.save_card(customer)
        at = choose_row(opened(customer=customer), "customers_methods", 0)
        assert at.title[0].value == "Saved methods"
        assert at.query_params["method"] == method

    def test_a_link_opens_on_its_page(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        made = world.services.links.create(form_key="f", customer=customer, by=ALICE)
        at = choose_row(opened(customer=customer), "customers_links", 0)
        assert at.title[0].value == "Setup links"
        assert at.query_params["link"] == made.link.id

    def test_a_viewer_starts_nothing(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        at = opened("vera", customer=customer)
        assert not {"customers_new_link", "customers_new_charge"} & keys(at)
