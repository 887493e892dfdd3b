"""Each widget of the setup links page does what it says, and refuses what it must."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from lib.domain.links import LinkStatus, SetupLink
from lib.errors import Refused
from lib.ui import new_link
from lib.ui.formats import escape
from tests.ui.charge_pages import exported
from tests.ui.collect_pages import (
    LONG,
    NASTY,
    choose_row,
    column,
    drawer_title,
    fill,
    keys,
    press,
    words,
)
from tests.world import ALICE, World


@pytest.fixture
def opened(open_page):
    """`opened("alice", link=…)`: the page with that address."""
    return lambda as_="alice", **query: open_page("setup_links", as_=as_, query=query)


@pytest.fixture
def form(opened):
    """The form, for one of "Existing customer", "New customer", "Nobody yet"."""

    def shown(who: str, **query: str):
        at = opened(**query)
        if not query:
            press(at, "setup_links_open")
        at.get_by_key("setup_links_new_who").set_value(who).run()
        return at

    return shown


def links(world: World) -> list[SetupLink]:
    return [listed.link for listed in world.services.links.listing()]


def make(world: World, count: int = 1, **how: object) -> SetupLink:
    for _ in range(count):
        number = len(links(world))
        made = world.services.links.create(
            form_key=f"f{number}", by=ALICE, **({"guest": True} | how)
        )
        world.clock.advance(seconds=1)
    return made.link


class TestList:
    def test_empty_says_why_and_offers_one_thing(self, opened) -> None:
        at = opened()
        assert "No links yet" in words(at)
        assert not at.dataframe
        press(at, "setup_links_open_first")
        assert "setup_links_new_submit" in keys(at)

    def test_a_viewer_sees_rows_and_makes_nothing(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        make(world, customer=customer, guest=False)
        at = opened("vera", customer=customer)
        assert column(at, "shown") == ["Acme Ltd"]
        assert not keys(at) & {"setup_links_open", "setup_links_new_submit"}

    def test_a_row_shows_who_state_and_maker(self, opened, world) -> None:
        make(world, reference="INV-7")
        row = opened().dataframe[0].value.iloc[0]
        assert row["shown"] == "Nobody yet"
        assert row["reference"] == "INV-7"
        assert row["state"] == ["Open"]
        assert row["left"] == "29 d 23 h left"
        assert row["maker"] == "Alice Operator"

    def test_no_address_reaches_the_table_or_the_export(self, opened, world) -> None:
        link = make(world)
        at = opened("vera")
        assert link.token not in at.dataframe[0].value.to_csv()
        written = exported(at, world.services, "setup_links_export", "csv").content.decode(
            "utf-8-sig"
        )
        header, *lines = csv.reader(io.StringIO(written))
        assert header[:2] == ["Made (UTC)", "Customer"]
        assert link.id in written
        assert link.token not in written
        assert "checkout" not in written
        assert [line[header.index("State")] for line in lines] == ["Open"]

    def test_pills_count_and_filter_and_stand_in_the_address(self, opened, world) -> None:
        ended = make(world, reference="ended")
        world.services.links.expire(ended.id, by=ALICE)
        make(world, reference="alive")
        at = opened()
        at.pills(key="setup_links_state").set_value("revoked").run()
        assert column(at, "reference") == ["ended"]
        assert at.query_params["setup_links_state"] == "revoked"
        labels = [option.content for option in at.pills(key="setup_links_state").proto.options]
        assert labels == ["Open · 1", "Completed · 0", "Expired · 0", "Revoked · 1"]
        at.pills(key="setup_links_state").set_value(None).run()
        assert len(column(at, "reference")) == 2

    def test_rare_states_have_a_pill_while_there_are_some(self, opened, world) -> None:
        waits = make(world, customer=world.customer("Acme Ltd"), guest=False, currency="usd")
        world.fill(world.services.links.show(waits.id)[1].session_id, "000123456780")
        world.services.return_page.finish(world.services.links.show(waits.id)[1].session_id)
        world.stripe.configure({"payment_method_types": ["link"]})
        with pytest.raises(Refused):
            make(world, reference="REFUSED")
        at = opened()
        pills = [option.content for option in at.pills(key="setup_links_state").proto.options]
        assert pills[:3] == ["Open · 1", "Stripe makes no page · 1", "Bank is confirming · 1"]
        shown = [list(states) for states in at.dataframe[0].value["state"]]
        assert sorted(shown) == [["Bank is confirming"], ["Open", "Stripe makes no page"]]
        at.pills(key="setup_links_state").set_value("refused").run()
        assert column(at, "reference") == ["REFUSED"]
        at.pills(key="setup_links_state").set_value("confirming").run()
        assert column(at, "shown") == ["Acme Ltd"]
        [said] = [info.value for info in opened(link=waits.id).info]
        last_day = world.clock() + timedelta(days=10)
        assert f"still confirming (until {last_day.day} {last_day:%b %Y})" in said

    def test_a_rare_state_that_the_address_names_is_kept(self, opened) -> None:
        at = opened(setup_links_state="refused")
        assert at.pills(key="setup_links_state").value == "refused"

    def test_a_state_survives_a_changed_count(self, opened, world) -> None:
        make(world)
        at = opened(setup_links_state="open")
        make(world)
        assert len(column(at.run(), "state")) == 2
        assert at.pills(key="setup_links_state").value == "open"

    def test_search(self, opened, world) -> None:
        make(world, reference="INV-1")
        make(world, reference="INV-2")
        at = fill(opened(), setup_links_search="inv-2")
        assert column(at, "reference") == ["INV-2"]
        assert "No link matches" in words(fill(at, setup_links_search="nothing"))

    def test_paging_by_key(self, opened, world) -> None:
        make(world, 51)
        at = opened()
        assert len(column(at, "shown")) == 50
        press(at, "setup_links_pager_older")
        assert len(column(at, "shown")) == 1
        press(at, "setup_links_pager_newer")
        assert len(column(at, "shown")) == 50

    @pytest.mark.parametrize("value", ["nonsense", LONG, "a\x00b", "older.1.x", "<b>"])
    def test_a_mangled_address_is_harmless(self, value, opened, world) -> None:
        make(world)
        at = opened(
            setup_links_state=value, setup_links_older=value, setup_links_search=value[:200]
        )
        assert not at.exception
        at = opened(link=value)
        assert "There is no such link" in words(at)


class TestMake:
    def test_for_an_existing_customer_found_by_search(self, form, world) -> None:
        world.customer("Acme Ltd")
        wanted = world.customer("Berta GmbH", "berta@example.com")
        at = fill(form("Existing customer"), setup_links_new_customer_search="BERTA@")
        assert len(at.radio(key="setup_links_new_customer_matches").options) == 1
        at.radio(key="setup_links_new_customer_matches").set_value(wanted).run()
        at.selectbox(key="setup_links_new_methods").set_value("eur")
        at.text_input(key="setup_links_new_reference").set_value(" INV-9 ")
        at.selectbox(key="setup_links_new_locale").set_value("de")
        press(at, "setup_links_new_submit")
        (link,) = links(world)
        assert (link.customer, link.currency, link.reference, link.locale) == (
            wanted,
            "eur",
            "INV-9",
            "de",
        )

    def test_afterwards_the_link_and_a_message_are_shown(self, form, world) -> None:
        at = press(form("Nobody yet"), "setup_links_new_submit")
        (link,) = links(world)
        url = world.services.links.durable_url(link)
        assert at.code[0].value == url
        assert url in at.code[1].value
        assert "nothing is charged" in at.code[1].value
        assert "23 h 59 min left" in words(at) or "1 d 0 h left" in words(at)
        assert at.query_params["link"] == link.id
        assert "setup_links_new_submit" not in keys(at)

    def test_for_a_new_customer(self, form, world) -> None:
        at = fill(
            form("New customer"),
            setup_links_new_email="new@example.com",
            setup_links_new_name="New Ltd",
        )
        press(at, "setup_links_new_submit")
        (link,) = links(world)
        made = world.services.reports.customers.find(link.customer)
        assert (made["name"], made["email"]) == ("New Ltd", "new@example.com")

    def test_for_nobody_yet(self, form, world) -> None:
        press(form("Nobody yet"), "setup_links_new_submit")
        (link,) = links(world)
        assert (link.customer, link.email) == (None, None)

    def test_says_what_is_offered_and_why_not_more(self, form, world) -> None:
        at = form("Nobody yet")
        assert "Only cards." in words(at)
        at.selectbox(key="setup_links_new_methods").set_value("usd").run()
        page_text = words(at)
        assert "USD" in page_text
        assert "US bank account" in page_text
        assert "TWINT" in page_text
        assert (
            "[Klarna](https://docs.stripe.com/payments/klarna/set-up-future-payments): outside of"
            in page_text
        )
        assert "Only cards." not in page_text

    def test_a_twin_is_offered_first(self, form, world) -> None:
        known = world.customer("Acme Ltd", "acme@example.com")
        at = fill(form("New customer"), setup_links_new_email="acme@example.com")
        press(at, "setup_links_new_submit")
        assert not links(world)
        press(at, f"setup_links_new_twin_{known}")
        assert [link.customer for link in links(world)] == [known]

    def test_a_twin_is_made_when_asked_for(self, form, world) -> None:
        known = world.customer("Acme Ltd", "acme@example.com")
        at = fill(
            form("New customer"),
            setup_links_new_email="acme@example.com",
            setup_links_new_name="Acme Two",
        )
        press(at, "setup_links_new_submit")
        press(at, "setup_links_new_twin_anyway")
        (link,) = links(world)
        assert link.customer not in (None, known)
        assert len(world.services.customers.with_email("acme@example.com")) == 2

    def test_one_of_two_with_an_address_is_chosen_beside_the_other(self, form, world) -> None:
        twins = [world.customer(name, "acme@example.com") for name in ("Acme", "Acme Two")]
        at = form("Existing customer")
        at.session_state["setup_links_new_customer_chosen"] = twins[0]
        press(at.run(), "setup_links_new_submit")
        assert not links(world)
        assert words(at).count("no saved method") == 2
        assert "setup_links_new_twin_anyway" not in keys(at)
        press(at, f"setup_links_new_twin_{twins[1]}")
        assert [link.customer for link in links(world)] == [twins[1]]

    def test_another_e_mail_drops_the_offer(self, form, world) -> None:
        world.customer("Acme Ltd", "acme@example.com")
        at = fill(form("New customer"), setup_links_new_email="acme@example.com")
        press(at, "setup_links_new_submit")
        fill(at, setup_links_new_email="other@example.com")
        assert "setup_links_new_submit" in keys(at)
        assert "setup_links_new_twin_anyway" not in keys(at)

    def test_the_same_form_sent_twice_makes_one_link(self, form, world) -> None:
        first, second = form("Nobody yet"), form("Nobody yet")
        # The second click of a double click: the same open form, before the first has answered.
        second.session_state["setup_links_new_form"] = first.session_state["setup_links_new_form"]
        press(first, "setup_links_new_submit")
        press(second, "setup_links_new_submit")
        assert len(links(world)) == 1

    def test_a_new_form_makes_a_new_link(self, form, world) -> None:
        press(form("Nobody yet"), "setup_links_new_submit")
        press(form("Nobody yet"), "setup_links_new_submit")
        assert len(links(world)) == 2

    def test_after_a_lost_reply_the_same_form_goes_on_with_the_same_link(self, form, world) -> None:
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="error_500_unsaved", times=3)
        at = press(form("Nobody yet"), "setup_links_new_submit")
        assert at.warning or at.error
        press(at, "setup_links_new_submit")
        assert len(links(world)) == 1

    def test_what_stripe_refuses_is_said_with_its_reason_and_no_minute(self, form, world) -> None:
        world.stripe.configure({"payment_method_types": ["link"]})
        at = press(form("Nobody yet"), "setup_links_new_submit")
        said = [error.value for error in at.error]
        assert any("Stripe does not accept this" in text for text in said)
        assert not any("minute" in text for text in said)
        assert "Setup links do not work" in form("Nobody yet").error[0].value

    def test_corrected_contents_are_not_swallowed_by_the_first_try(self, form, world) -> None:
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="error_500_unsaved", times=3)
        at = form("Nobody yet")
        at.text_input(key="setup_links_new_reference").set_value("WRONG").run()
        press(at, "setup_links_new_submit")
        at.text_input(key="setup_links_new_reference").set_value("RIGHT").run()
        press(at, "setup_links_new_submit")
        assert "RIGHT" in {link.reference for link in links(world)}

    def test_another_page_names_the_customer(self, form, world) -> None:
        wanted = world.customer("Acme Ltd")
        at = form("Existing customer", customer=wanted)
        assert "customer" not in at.query_params
        assert "Acme Ltd" in words(at)
        press(at, "setup_links_new_submit")
        assert [link.customer for link in links(world)] == [wanted]

    @pytest.mark.parametrize("unknown", ["cus_unknown", LONG, "<script>", "a\x00b"])
    def test_an_unknown_customer_is_a_plain_sentence(self, unknown, form, world) -> None:
        at = form("Existing customer", customer=unknown)
        assert "not known here" in at.warning[0].value
        press(at, "setup_links_new_submit")
        assert "Choose the customer" in at.error[0].value

    def test_the_chosen_customer_can_be_changed(self, form, world) -> None:
        at = form("Existing customer", customer=world.customer("Acme Ltd"))
        press(at, "setup_links_new_customer_change")
        press(at, "setup_links_new_submit")
        assert not links(world)

    def test_an_id_unknown_here_is_looked_up_at_stripe(self, form, world) -> None:
        at = fill(form("Existing customer"), setup_links_new_customer_search="cus_nowhere")
        press(at, "setup_links_new_customer_fetch")
        assert "Stripe has no customer cus" in at.error[0].value.replace("\\", "")

    @pytest.mark.parametrize(
        "bad",
        [
            {"setup_links_new_email": ""},
            {"setup_links_new_email": "nowhere"},
            {"setup_links_new_email": LONG},
            {"setup_links_new_email": "a\x00@example.com"},
            {"setup_links_new_name": LONG},
            {"setup_links_new_name": "a\x00b"},
            {"setup_links_new_reference": LONG},
            {"setup_links_new_reference": "a\x00b"},
        ],
        ids=lambda bad: str(bad)[:45],
    )
    def test_bad_input_is_one_sentence_and_makes_nothing(self, bad, form, world) -> None:
        good = {"setup_links_new_email": "new@example.com", "setup_links_new_name": "New"}
        at = press(fill(form("New customer"), **(good | bad)), "setup_links_new_submit")
        assert len(at.error) == 1
        assert len(at.error[0].value) < 300
        assert not links(world)

    def test_the_form_key_differs_with_the_contents_only(self) -> None:
        assert new_link.form_key("s", a=1) == new_link.form_key("s", a=1)
        assert new_link.form_key("s", a=1) != new_link.form_key("s", a=2)
        assert new_link.form_key("s", a=1) != new_link.form_key("t", a=1)


class TestPanel:
    def test_a_chosen_row_opens_and_stands_in_the_address(self, opened, world) -> None:
        make(world, reference="old")
        link = make(world, reference="new")
        at = choose_row(opened(), "setup_links_rows", 0)
        assert at.query_params["link"] == link.id
        assert at.code[0].value == world.services.links.durable_url(link)

    def test_what_was_saved_may_be_charged_at_once(self, opened, world) -> None:
        customer = world.customer("Acme Ltd")
        link = make(world, customer=customer, guest=False, reference="INV-7")
        assert "setup_links_charge" not in keys(opened(link=link.id))
        world.fill(world.services.links.show(link.id)[1].session_id)
        world.services.sync.run()
        at = opened(link=link.id)
        assert at.button(key="setup_links_charge").proto.type == "primary"
        press(at, "setup_links_charge")
        assert at.title[0].value == "New charge"
        assert at.query_params["customer"] == customer
        assert at.text_input(key="new_charge_reference").value == "INV-7"
        assert "setup_links_charge" not in keys(opened("vera", link=link.id))

    def test_names_are_inert(self, opened, world) -> None:
        customer = world.customer(NASTY)
        link = make(world, customer=customer, guest=False, reference="=HYPERLINK(1)")
        at = opened(link=link.id)
        assert NASTY in column(at, "shown")
        assert NASTY not in "\n".join(str(part.value) for part in [*at.markdown, *at.caption])
        assert f"Hello {NASTY}," in at.code[1].value
        assert drawer_title(at) == escape(NASTY)

    def test_the_message_is_signed_with_the_company(self, opened, world) -> None:
        world.services.ownership.learn_company()
        at = opened(link=make(world).id)
        assert at.code[1].value.endswith("Kind regards\nOnfile Practice Ltd")

    def test_expire(self, opened, world) -> None:
        link = make(world)
        at = opened(link=link.id)
        press(at, f"setup_links_expire_{link.id}")
        assert links(world)[0].status(world.now) is LinkStatus.REVOKED
        assert f"setup_links_expire_{link.id}" not in keys(at)
        assert world.services.links.durable_url(link) not in [code.value for code in at.code]

    def test_the_customer_was_faster(self, opened, world) -> None:
        link = make(world)
        at = opened(link=link.id)
        world.fill(world.services.links.show(link.id)[1].session_id)
        press(at, f"setup_links_expire_{link.id}")
        assert "finished this link just now" in at.error[0].value

    def test_a_viewer_cannot_expire(self, opened, world) -> None:
        link = make(world)
        at = opened("vera", link=link.id)
        assert at.code
        assert f"setup_links_expire_{link.id}" not in keys(at)
