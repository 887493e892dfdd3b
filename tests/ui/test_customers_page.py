"""The customers page finds people and shows one in full."""

from __future__ import annotations

import pytest

from lib.domain.holds import METADATA_KEY
from lib.ui.formats import escape
from tests.charge_runs import draft
from tests.stripe_account import post
from tests.ui.collect_pages import LONG, NASTY, choose_row, column, fill, keys, press, words
from tests.world import ALICE, ALWAYS_DECLINES


@pytest.fixture
def opened(open_page):
    return lambda as_="alice", **query: open_page("customers", as_=as_, query=query)


def tables(at) -> list[list[str]]:
    return [list(table.value.columns) for table in at.dataframe]


class TestList:
    def test_empty_says_why_and_offers_one_thing(self, opened) -> None:
        at = opened()
        assert "No customers yet" in words(at)
        assert "Make a setup link" in [link.label for link in at.get("page_link")]

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
        charges, methods, links = (table.value for table in at.dataframe)
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


def submit(at, button: str, **values: str):
    """A form's values count with its button."""
    for key, value in values.items():
        at.text_input(key=key).set_value(value)
    return press(at, button)


class TestOpenPayments:
    def test_one_that_was_begun_elsewhere_is_cancelled_with_a_reason(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        assert "was begun outside" not in words(opened(customer=customer))
        begun = post(
            world,
            "/v1/payment_intents",
            amount="9900",
            currency="usd",
            customer=customer,
            metadata={"onfile_reference": "INV-1"},
        )["id"]
        world.services.sync.run_now(by=ALICE)
        key = f"customers_cancel_payment_{begun}"
        seen = opened("vera", customer=customer)
        assert escape(f"{begun} was begun outside Onfile") in words(seen)
        assert key not in keys(seen)
        at = opened(customer=customer)
        assert escape("$99.00") in words(at)
        assert "Say why" in words(press(at, key))
        at.text_input(key=f"{key}_reason").set_value("Begun by mistake")
        at = press(at, key)
        assert "was begun outside" not in words(at)
        assert world.charge(customer).charge.state.value == "succeeded"


class TestDoNotCharge:
    def test_is_set_with_a_reason_and_lifted_by_another_person(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        at = opened(customer=customer)
        assert "Do not charge." not in words(at)
        submit(at, "customers_hold_submit", customers_hold_reason="  ")
        assert "Write down why" in words(at)
        submit(at, "customers_hold_submit", customers_hold_reason="In court")
        page_text = words(at).replace("\\", "")
        assert "Do not charge." in page_text
        assert "In court" in page_text
        assert "Stopped by Alice Operator, 23 Nov 2026, 12:00 UTC" in page_text
        assert not {"customers_release_submit", "customers_new_charge"} & keys(at)
        assert "somebody else has to lift" in page_text
        assert "customers_release_submit" not in keys(opened("vera", customer=customer))
        at = opened("bob", customer=customer)
        submit(at, "customers_release_submit", customers_release_reason="Settled out of court")
        assert "Do not charge." not in words(at)

    def test_what_was_set_at_stripe_says_so(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        post(world, f"/v1/customers/{customer}", metadata={METADATA_KEY: "see file 7"})
        world.services.customers.refresh(customer)
        page_text = words(opened(customer=customer))
        assert "see file 7" in page_text
        assert "Stopped by written at Stripe by hand" not in page_text

    def test_a_twin_names_the_other_one(self, opened, world) -> None:
        one, twin = world.customer("One", "a@x.example"), world.customer("Two", "A@x.example")
        world.services.holds.set(one, reason="In court", by=ALICE)
        at = opened(customer=twin)
        assert "another customer with the same e-mail address" in words(at)
        assert one in [link.label for link in at.get("page_link")]

    def test_that_stripe_was_not_told_yet_is_said(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.stripe.faults.add("POST", f"/v1/customers/{customer}", kind="rate_limited", times=9)
        world.services.holds.set(customer, reason="In court", by=ALICE)
        assert "Stripe could not be told yet" in words(opened(customer=customer))


class TestTheStory:
    def test_charges_are_paged(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        for number in range(21):
            world.charge(customer, reference=f"INV-{number:02}")
            world.clock.advance(seconds=1)
        at = opened(customer=customer)
        assert next(iter(at.dataframe[0].value["reference"])) == "INV-20"
        assert "1–20 of 21 charges" in words(at)
        press(at, "customers_charges_pager_older")
        assert list(at.dataframe[0].value["reference"]) == ["INV-00"]
        assert "21–21 of 21 charges" in words(at)

    def test_how_a_method_was_saved_refunds_and_disputes(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        payment = world.charge(customer, reference="INV-7").attempts[0].payment_intent
        post(world, "/v1/refunds", payment_intent=payment, amount="300", reason="duplicate")
        world.services.sync.run()
        at = opened(customer=customer)
        _, methods, refunds, _ = (table.value for table in at.dataframe)
        assert list(methods["how"]) == ["by link"]
        assert list(refunds["reference"]) == ["INV-7"]
        assert list(refunds["amount"]) == ["$3.00"]
        assert list(refunds["why"]) == ["Charged twice"]
        assert "Disputes" not in [one.value for one in at.subheader]

    def test_what_is_open_goes_to_a_run_with_one_click(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer, reference="INV-7")
        assert "customers_open_run" not in keys(opened("vera", customer=customer))
        at = opened(customer=customer)
        assert "1 charge · $12.34" in words(at)
        press(at, "customers_open_run")
        assert "Open: Acme Ltd" in at.title[0].value.replace("\\", "")

    def test_a_note_is_added_and_the_field_is_empty_again(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        assert "customers_note_submit" not in keys(opened("vera", customer=customer))
        at = opened(customer=customer)
        assert "Nobody wrote anything down yet." in words(at)
        at.text_area(key="customers_note_text").set_value(f"Called.\n{NASTY}")
        press(at, "customers_note_submit")
        assert f"Called.\n{NASTY}" in [one.value for one in at.text]
        assert [one.value for one in at.text_area] == [""]

    def test_the_record_is_fetched_by_our_own_route(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        press(opened("vera", customer=customer), "customers_print")
        [row] = world.rows("SELECT subject FROM audit_log WHERE action = 'download'")
        assert row["subject"] == f"customer-{customer}.html"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("customers", "shown"),
        ("charges", "name"),
        ("failures", "name"),
        ("payment_methods", "shown"),
        ("setup_links", "shown"),
        ("sessions", "shown"),
    ],
)
def test_every_list_names_whoever_must_not_be_charged(open_page, world, page, shown) -> None:
    held, free = world.customer("Held Ltd"), world.customer("Free Ltd")
    for customer in (held, free):
        world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer)
    world.services.holds.set(held, reason="In court", by=ALICE)
    names = set(column(open_page(page, as_="vera"), shown))
    assert {"Do not charge · Held Ltd", "Free Ltd"} <= names


def test_rows_of_a_run_name_them_too(world) -> None:
    people = [world.customer(name) for name in ("Held Ltd", "Free Ltd")]
    rows = [(one, world.save_card(one), 1_000, f"R-{at}") for at, one in enumerate(people)]
    run = draft(world, rows)
    world.services.holds.set(people[0], reason="In court", by=ALICE)
    frame, _ = world.services.reports.runs.rows(run)
    assert list(frame["do_not_charge"]) == [True, False]


def test_the_choice_of_a_customer_says_it_too(world) -> None:
    held, free = world.customer("Held Ltd"), world.customer("Free Ltd")
    world.services.holds.set(held, reason="In court", by=ALICE)
    said = world.services.customers.details([held, free])
    assert said[held].startswith("do not charge, ")
    assert not said[free].startswith("do not charge")
