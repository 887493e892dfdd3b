"""Each widget of the sessions page does what it says, and refuses what it must."""

from __future__ import annotations

import contextlib

import pytest

from lib.ui.formats import escape
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
from tests.world import ALICE, WANTS_AUTHENTICATION, World


@pytest.fixture
def opened(open_page):
    return lambda as_="alice", **query: open_page("sessions", as_=as_, query=query)


def link(world: World, **how: object):
    number = len(world.services.links.listing())
    made = world.services.links.create(form_key=f"f{number}", by=ALICE, **({"guest": True} | how))
    world.clock.advance(seconds=1)
    return made


@pytest.fixture
def orphan(world: World) -> tuple[str, str]:
    """A session completed without a customer, and the method saved in it."""
    session = link(world, reference="GUEST-1").session_id
    return session, world.finish(session)


class TestList:
    def test_empty_says_why_and_offers_one_thing(self, opened) -> None:
        at = opened()
        assert "No sessions yet" in words(at)
        assert [link.label for link in at.main.get("page_link")][-1] == "Make a setup link"
        assert not at.dataframe

    def test_rows(self, opened, world, orphan) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        world.clock.advance(seconds=1)
        link(world)
        table = opened().dataframe[0].value
        assert list(table["shown"]) == ["Nobody yet", "Acme Ltd", "Anna Example"]
        assert list(table["label"]) == ["", "Visa ···· 4242", "Visa ···· 4242"]
        assert [list(state) for state in table["shown_state"]] == [
            ["Open"],
            ["Completed"],
            ["No customer yet"],
        ]

    def test_a_card_that_was_not_saved_is_not_named_as_saved(self, opened, world) -> None:
        session = link(world).session_id
        world.stripe.submit_card(session, _card(WANTS_AUTHENTICATION))
        world.stripe.answer_authentication(session, approve=False)
        world.services.return_page.finish(session)
        assert column(opened(), "label") == [""]

    @pytest.mark.parametrize(
        ("state", "shown"),
        [
            ("complete", ["Acme Ltd", "Anna Example"]),
            ("needs_customer", ["Anna Example"]),
            ("open", ["Nobody yet"]),
            ("expired", []),
        ],
    )
    def test_pills(self, state, shown, opened, world, orphan) -> None:
        world.save_card(world.customer("Acme Ltd"))
        link(world)
        at = opened()
        at.pills(key="sessions_state").set_value(state).run()
        assert column(at, "shown") == shown
        assert at.query_params["sessions_state"] == state

    def test_period(self, opened, world, orphan) -> None:
        world.clock.advance(days=3)
        link(world)
        at = opened()
        at.selectbox(key="sessions_period").set_value("today").run()
        assert column(at, "shown") == ["Nobody yet"]
        at.selectbox(key="sessions_period").set_value("week").run()
        assert len(column(at, "shown")) == 2
        assert at.query_params["sessions_period"] == "week"

    def test_search(self, opened, world, orphan) -> None:
        link(world, reference="OTHER")
        at = fill(opened(), sessions_search="guest-1")
        assert column(at, "reference") == ["GUEST-1"]
        assert "No session matches" in words(fill(at, sessions_search="nothing"))

    def test_paging(self, opened, world) -> None:
        for _ in range(51):
            link(world)
        at = opened()
        assert len(column(at, "shown")) == 50
        press(at, "sessions_pager_older")
        assert len(column(at, "shown")) == 1

    @pytest.mark.parametrize("unknown", ["cs_nowhere", LONG, "a\x00b", "<b>"])
    def test_an_unknown_session_is_a_plain_sentence(self, unknown, opened) -> None:
        assert "no such session here" in opened(session=unknown).info[0].value


class TestAttach:
    def test_nothing_else_is_offered_before(self, opened, orphan) -> None:
        at = choose_row(opened(), "sessions_rows", 0)
        assert at.query_params["session"] == orphan[0]
        assert at.button(key="sessions_attach_submit").disabled
        assert not any("charge" in key for key in keys(at))

    def test_an_existing_customer(self, opened, world, orphan) -> None:
        session, method = orphan
        wanted = world.customer("Acme Ltd")
        at = fill(opened(session=session), sessions_attach_customer_search="acme")
        at.radio(key="sessions_attach_customer_matches").set_value(wanted).run()
        press(at, "sessions_attach_submit")
        assert world.services.payment_methods.get(method).customer == wanted
        assert "sessions_attach_submit" not in keys(at)
        assert column(at, "shown_state") == [["Completed"]]

    def test_a_new_customer_is_prefilled_from_the_session(self, opened, world, orphan) -> None:
        session, method = orphan
        at = opened(session=session)
        at.get_by_key("sessions_attach_who").set_value("New customer").run()
        assert at.text_input(key="sessions_attach_email").value == "anna@example.com"
        fill(at, sessions_attach_name="Anna & Co")
        press(at, "sessions_attach_create")
        owner = world.services.payment_methods.get(method).customer
        found = world.services.reports.customers.find(owner)
        assert (found["name"], found["email"]) == ("Anna & Co", "anna@example.com")

    def test_a_twin_is_offered_and_used(self, opened, world, orphan) -> None:
        session, method = orphan
        known = world.customer("Anna", "anna@example.com")
        at = opened(session=session)
        at.get_by_key("sessions_attach_who").set_value("New customer").run()
        press(at, "sessions_attach_create")
        assert world.services.payment_methods.get(method).customer is None
        press(at, f"sessions_attach_twin_{known}")
        assert world.services.payment_methods.get(method).customer == known

    def test_an_existing_customer_with_a_twin_is_asked_for(self, opened, world, orphan) -> None:
        session, method = orphan
        wanted = world.customer("Acme Ltd", "pay@acme.example")
        other = world.customer("Acme Branch", "PAY@acme.example")
        at = fill(opened(session=session), sessions_attach_customer_search="acme ltd")
        at.radio(key="sessions_attach_customer_matches").set_value(wanted).run()
        press(at, "sessions_attach_submit")
        assert world.services.payment_methods.get(method).customer is None
        assert "Which one is meant?" in words(at)
        assert "sessions_attach_twin_anyway" not in keys(at)
        press(at, f"sessions_attach_twin_{other}")
        assert world.services.payment_methods.get(method).customer == other
        [row] = world.rows("SELECT detail FROM audit_log WHERE action = 'payment_method.attach'")
        assert f"Chosen on the page beside {wanted}" in row["detail"]

    def test_a_twin_is_made_when_asked_for(self, opened, world, orphan) -> None:
        session, method = orphan
        known = world.customer("Anna", "anna@example.com")
        at = opened(session=session)
        at.get_by_key("sessions_attach_who").set_value("New customer").run()
        press(at, "sessions_attach_create")
        press(at, "sessions_attach_twin_anyway")
        assert world.services.payment_methods.get(method).customer not in (None, known)

    def test_a_second_click_makes_no_second_customer(self, opened, world, orphan) -> None:
        session, _ = orphan
        pages = [opened(session=session) for _ in range(2)]
        for at in pages:
            at.get_by_key("sessions_attach_who").set_value("New customer").run()
        for at in pages:
            at.session_state["sessions_attach_twins"] = None
            press(at, "sessions_attach_create")
        assert len(world.services.customers.with_email("anna@example.com")) == 1

    def test_bad_input_is_one_sentence(self, opened, world, orphan) -> None:
        at = opened(session=orphan[0])
        at.get_by_key("sessions_attach_who").set_value("New customer").run()
        press(fill(at, sessions_attach_email=LONG), "sessions_attach_create")
        assert "mail address" in at.error[0].value
        press(fill(at, sessions_attach_email=""), "sessions_attach_create")
        assert "Enter the customer" in at.error[0].value

    def test_somebody_else_was_faster(self, opened, world, orphan) -> None:
        session, method = orphan
        mine, theirs = world.customer("Mine"), world.customer("Theirs")
        at = fill(opened(session=session), sessions_attach_customer_search="mine")
        at.radio(key="sessions_attach_customer_matches").set_value(mine).run()
        world.services.payment_methods.attach(method, customer_id=theirs, by=ALICE)
        at.run()
        assert "sessions_attach_submit" not in keys(at)
        assert world.services.payment_methods.get(method).customer == theirs

    def test_a_viewer_cannot(self, opened, orphan) -> None:
        at = opened("vera", session=orphan[0])
        assert "An operator can choose the customer" in words(at)
        assert not {"sessions_attach_submit", "sessions_pull", "sync_status_request"} & keys(at)


class TestPanel:
    def test_names_are_inert(self, opened, world) -> None:
        session = link(world, guest=False, customer=world.customer(NASTY)).session_id
        at = opened(session=session)
        assert NASTY in [text.value for text in at.text]
        assert drawer_title(at) == escape(NASTY)

    def test_pull_from_stripe(self, opened, world) -> None:
        session = link(world).session_id
        world.fill(session)
        at = opened(session=session)
        assert world.services.reports.sessions.find(session)["status"] == "open"
        press(at, "sessions_pull")
        assert world.services.reports.sessions.find(session)["status"] == "complete"
        assert "sessions_attach_submit" in keys(at)

    def test_pull_says_when_stripe_is_busy(self, opened, world) -> None:
        session = link(world).session_id
        at = opened(session=session)
        world.server.stop()
        press(at, "sessions_pull")
        assert at.warning or at.error


class TestSync:
    def test_it_is_queued_watched_and_done_by_the_worker(self, opened, world) -> None:
        at = opened()
        assert "Never synced" in words(at)
        press(at, "sync_status_request")
        job = world.services.sync.latest("backfill")
        assert (job.state, job.requested_by) == ("queued", "alice")
        assert "sync begins in a moment" in words(at)
        assert at.button(key="sync_status_request").disabled
        world.services.sync.run_waiting("backfill")
        at.run()
        assert "Synced just now" in words(at)
        assert not at.button(key="sync_status_request").disabled

    def test_a_stopped_sync_says_so(self, opened, world) -> None:
        world.services.sync.request(by=ALICE)
        world.server.stop()
        # What becomes of the error is the worker's matter.
        with contextlib.suppress(Exception):
            world.services.sync.run_waiting("backfill")
        assert "stopped" in words(opened())


def _card(number: str):
    from lib.practice.steps import CardForm

    return CardForm(
        number=number,
        exp_month=12,
        exp_year=2030,
        cvc="123",
        name="Anna Example",
        email="anna@example.com",
        country="US",
    )


class TestWhileTheBankConfirms:
    def test_a_state_of_its_own_everywhere_and_no_second_link(self, open_page, world) -> None:
        customer = world.customer("Acme Ltd")
        made = world.services.links.create(
            form_key="f", customer=customer, currency="usd", by=ALICE
        )
        world.fill(made.session_id, "000123456780")
        world.services.return_page.finish(made.session_id)
        looks = {
            "sessions": {"session": made.session_id},
            "setup_links": {"link": made.link.id},
            "customers": {"customer": customer},
            "new_charge": {"customer": customer},
        }
        pages = {name: open_page(name, as_="alice", query=query) for name, query in looks.items()}
        assert "Bank is confirming" in words(pages["setup_links"])
        for name in pages:
            page_text = words(pages[name])
            assert "still confirming" in page_text, name
            assert "no second link" in page_text, name
            assert "Send a setup link" not in page_text, name
        at = open_page("sessions", as_="alice", query={"sessions_state": "confirming"})
        assert [list(state) for state in column(at, "shown_state")] == [["Bank is confirming"]]
        assert column(at, "label") == [""]
        at = open_page("setup_links", as_="alice", query={"customer": customer})
        assert "still confirming" in words(at)


def test_what_was_attached_may_be_charged_at_once(opened, world, orphan) -> None:
    session, method = orphan
    customer = world.customer("Acme Ltd")
    assert "sessions_charge" not in keys(opened(session=session))
    world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)
    at = opened(session=session)
    button = at.button(key="sessions_charge")
    assert button.proto.type == "primary"
    button.click().run()
    assert not at.exception
    assert at.title[0].value == "New charge"
    assert at.query_params["customer"] == customer
    assert at.query_params["method"] == method
    assert "sessions_charge" not in keys(opened("vera", session=session))
