"""Each widget of the saved methods page does what it says, and refuses what it must."""

from __future__ import annotations

import pytest

from lib.ui.formats import escape
from tests.ui.collect_pages import LONG, NASTY, choose_row, column, fill, keys, press, words


@pytest.fixture
def opened(open_page):
    return lambda as_="alice", **query: open_page("payment_methods", as_=as_, query=query)


class TestList:
    def test_empty_says_why_and_offers_one_thing(self, opened) -> None:
        at = opened()
        assert "No saved methods yet" in words(at)
        assert [link.label for link in at.main.get("page_link")][-1] == "Make a setup link"

    def test_rows(self, opened, world) -> None:
        world.save_card(world.customer("Acme Ltd"))
        world.clock.advance(seconds=1)
        world.save_card(world.customer("Berta GmbH"))
        row = opened().dataframe[0].value.iloc[0]
        assert row["shown"] == "Berta GmbH"
        assert row["label"] == "Visa ···· 4242"
        assert row["expiry"] == "12 / 2030"
        assert list(row["badge"]) == ["Usable"]
        assert row["same_card"] == "Acme Ltd"

    def test_pills(self, opened, world) -> None:
        usable = world.customer("Usable Ltd")
        world.save_card(usable)
        world.save_card(world.customer("Soon Ltd"), exp_year=2026)
        world.save_card(None)
        at = opened()
        for state, shown in (
            ("expiring", ["Soon Ltd"]),
            ("needs_customer", ["Anna Example"]),
            ("removed", []),
        ):
            at.pills(key="payment_methods_state").set_value(state).run()
            assert column(at, "shown") == shown
            assert at.query_params["payment_methods_state"] == state
        labels = [option.content for option in at.pills(key="payment_methods_state").proto.options]
        assert "No customer yet · 1" in labels

    def test_search(self, opened, world) -> None:
        world.save_card(world.customer("Acme Ltd"))
        world.save_card(world.customer("Berta GmbH"), "5555555555554444")
        at = fill(opened(), payment_methods_search="4444")
        assert column(at, "shown") == ["Berta GmbH"]
        assert "No method matches" in words(fill(at, payment_methods_search="nothing"))

    def test_paging(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        for _ in range(51):
            world.save_card(customer)
            world.clock.advance(seconds=1)
        at = opened()
        assert len(column(at, "shown")) == 50
        press(at, "payment_methods_pager_older")
        assert len(column(at, "shown")) == 1

    @pytest.mark.parametrize("unknown", ["pm_nowhere", LONG, "a\x00b", "<b>", "%"])
    def test_an_unknown_method_is_a_plain_sentence(self, unknown, opened, world) -> None:
        world.save_card(world.customer("Acme Ltd"))
        assert "no such saved method here" in opened(method=unknown).info[0].value


class TestPanel:
    def test_a_chosen_row_opens(self, opened, world) -> None:
        method = world.save_card(world.customer(NASTY))
        at = choose_row(opened(), "payment_methods_rows", 0)
        assert at.query_params["method"] == method
        assert NASTY in [text.value for text in at.text]
        assert any(escape(NASTY) in part.value for part in at.markdown)

    def test_the_browsers_back_button_closes_it(self, opened, world) -> None:
        world.save_card(world.customer("Acme Ltd"))
        at = choose_row(opened(), "payment_methods_rows", 0)
        del at.query_params["method"]
        assert not at.run().get("dialog")
        assert "method" not in at.query_params

    def test_charge_goes_on_with_customer_and_method(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        method = world.save_card(customer)
        at = opened(method=method)
        at.button(key="payment_methods_charge").click().run()
        assert at.query_params["customer"] == customer
        assert at.query_params["method"] == method

    def test_new_link_goes_on_with_the_customer(self, opened, world) -> None:
        method = world.save_card(world.customer("Acme Ltd"))
        at = opened(method=method)
        press(at, "payment_methods_link")
        assert at.title[0].value == "Setup links"
        assert "setup_links_new_submit" in keys(at)
        assert "Acme Ltd" in words(at)

    def test_without_a_customer_nothing_is_offered_but_the_session(self, opened, world) -> None:
        at = opened(method=world.save_card(None))
        assert not {key for key in keys(at) if key.startswith("payment_methods_")} - {
            "payment_methods_export"
        }
        assert "saved without a customer" in at.warning[0].value


class TestRemove:
    @pytest.mark.parametrize("typed", ["", "4241", "remove", LONG])
    def test_other_digits_are_refused(self, typed, opened, world) -> None:
        method = world.save_card(world.customer("Acme Ltd"))
        at = opened(method=method)
        at.text_input(key="payment_methods_detach_word").set_value(typed)
        press(at, "payment_methods_detach_submit")
        assert "last four digits" in at.error[0].value
        assert not world.services.payment_methods.get(method).is_detached

    def test_the_last_four_digits_remove_it_at_stripe(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        method = world.save_card(customer)
        at = opened(method=method)
        at.text_input(key="payment_methods_detach_word").set_value(" 42\u206042 ")
        press(at, "payment_methods_detach_submit")
        assert world.services.payment_methods.refresh(method).is_detached
        assert [list(badge) for badge in column(at, "badge")] == [["Removed"]]
        assert not {"payment_methods_charge", "payment_methods_detach_submit"} & keys(at)

    def test_a_viewer_can_look_only(self, opened, world) -> None:
        at = opened("vera", method=world.save_card(world.customer("Acme Ltd")))
        assert "Acme Ltd" in words(at)
        offered = {
            "payment_methods_charge",
            "payment_methods_link",
            "payment_methods_detach_submit",
        }
        assert not offered & keys(at)
