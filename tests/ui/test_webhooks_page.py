"""The webhook inbox on its page: what it says, what it finds, and replaying."""

from __future__ import annotations

import json

import pytest

from lib.ui import webhook_words
from tests.ui.collect_pages import LONG, NASTY, choose_row, column, drawer_title, fill, keys, press
from tests.ui.collect_pages import words as raw_words
from tests.webhook_route import signed
from tests.world import World


@pytest.fixture
def opened(open_page):
    return lambda as_="alice", **query: open_page("webhooks", as_=as_, query=query)


def words(at) -> str:
    return raw_words(at).replace("\\", "")


def receive(world: World, type_: str, object_id: str, **more: object) -> str:
    given = {
        "id": f"evt_{type_}_{object_id}",
        "object": "event",
        "type": type_,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "created": world.now - 5,
        "request": None,
        "data": {"object": {"id": object_id, "object": type_.rpartition(".")[0]}},
    } | more
    body = json.dumps(given).encode()
    header = signed(body, world.settings.webhook_secrets[0], at=world.now)
    world.services.webhooks.receive(body, header).result()
    return str(given["id"])


@pytest.fixture
def customer(world: World) -> str:
    return world.customer("Acme Ltd")


@pytest.fixture
def given_up(world: World) -> str:
    path = "/v1/customers/cus_bad"
    world.stripe.faults.add("GET", path, kind="error_500_unsaved", times=1_000)
    event_id = receive(world, "customer.updated", "cus_bad")
    while world.services.webhooks.process_due():
        world.clock.advance(days=1)
    return event_id


class TestList:
    def test_empty_says_why(self, opened) -> None:
        at = opened()
        assert "Nothing has arrived yet" in words(at)
        assert "not set up" not in words(at)
        assert not at.dataframe

    def test_rows_in_plain_words(self, opened, world, customer) -> None:
        receive(world, "customer.updated", customer)
        world.clock.advance(seconds=3)
        world.services.webhooks.process_due()
        receive(world, "invoice.paid", "in_1")
        receive(world, "customer.created", customer)
        at = opened()
        assert column(at, "what") == ["Customer made", "Invoice paid", "Customer changed"]
        assert column(at, "about") == ["Acme Ltd", "in_1", "Acme Ltd"]
        assert [list(state) for state in column(at, "state")] == [
            ["Waiting"],
            ["Not needed"],
            ["Processed"],
        ]
        assert column(at, "took") == ["under 1 s so far", "", "3 s"]

    @pytest.mark.parametrize(
        ("state", "shown"),
        [("waiting", 1), ("ignored", 1), ("given_up", 1), ("processed", 0), ("retrying", 0)],
    )
    def test_pills(self, state, shown, opened, world, given_up) -> None:
        receive(world, "invoice.paid", "in_1")
        receive(world, "customer.created", "cus_1")
        at = opened()
        at.pills(key="webhooks_state").set_value(state).run()
        assert len(column(at, "what")) == shown
        assert at.query_params["webhooks_state"] == state

    @pytest.mark.parametrize(
        ("text", "found"),
        [("card saved", 1), ("setup_intent", 1), ("invoice", 1), ("nothing", 0), (NASTY, 0)],
    )
    def test_search_by_words_or_type(self, text, found, opened, world) -> None:
        receive(world, "invoice.paid", "in_1")
        receive(world, "setup_intent.succeeded", "seti_1")
        at = fill(opened(), webhooks_search=text)
        assert len(column(at, "what")) == found
        assert ("No delivery matches" in words(at)) == (found == 0)

    def test_counts_follow_the_search(self, opened, world) -> None:
        for number in range(2):
            receive(world, "invoice.paid", f"in_{number}")
        receive(world, "customer.created", "cus_1")
        at = opened()
        assert at.pills(key="webhooks_state").options[:3:2] == ["Waiting · 1", "Not needed · 2"]
        assert "3 deliveries" in words(at)
        fill(at, webhooks_search="customer")
        assert at.pills(key="webhooks_state").options[:3:2] == ["Waiting · 1", "Not needed · 0"]
        assert "1 delivery" in words(at)

    def test_paging(self, opened, world) -> None:
        for number in range(51):
            receive(world, "invoice.paid", f"in_{number}")
        at = opened()
        assert len(column(at, "what")) == 50
        assert "1–50 of 51 deliveries" in words(at)
        press(at, "webhooks_pager_older")
        assert column(at, "about") == ["in_0"]
        assert "51–51 of 51 deliveries" in words(at)


class TestNotSetUp:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"STRIPE_SECRET_KEY": "rk_test_onfile"}

    def test_says_how(self, opened) -> None:
        at = opened()
        assert "Webhooks are not set up" in words(at)
        assert "STRIPE_WEBHOOK_SECRET" in words(at)
        assert any("/webhooks/stripe" in code.value for code in at.code)


class TestDrawer:
    def test_why_it_was_given_up_and_what_to_do(self, opened, given_up) -> None:
        at = choose_row(opened(), "webhooks_rows", 0)
        assert at.query_params["delivery"] == given_up
        assert drawer_title(at) == "Customer changed"
        page_text = words(at)
        assert "Given up" in page_text
        assert "Onfile tried 7 times and stopped" in page_text
        assert "It did not work: 7 tries" in page_text
        assert "Traceback" not in page_text
        assert column(at, "took") == [""]

    def test_why_it_was_not_needed(self, opened, world) -> None:
        event_id = receive(world, "customer.updated", "cus_1", livemode=True)
        at = opened(delivery=event_id)
        assert "other mode" in words(at)
        assert not {key for key in keys(at) if key.startswith("webhooks_replay")}

    def test_the_way_it_came(self, opened, world, customer) -> None:
        event_id = receive(world, "customer.updated", customer)
        receive(world, "customer.updated", customer)
        world.services.webhooks.process_due()
        page_text = words(opened(delivery=event_id))
        for line in ("It happened at Stripe", "It arrived by webhook", "1 more time", "Processed"):
            assert line in page_text

    @pytest.mark.parametrize("unknown", ["evt_nowhere", LONG, "a\x00b", "<b>"])
    def test_an_unknown_one_is_a_plain_sentence(self, unknown, opened, given_up) -> None:
        assert "no such delivery here" in opened(delivery=unknown).info[0].value


class TestReplay:
    def test_one(self, opened, world, given_up) -> None:
        at = opened(delivery=given_up)
        [key] = [key for key in keys(at) if key.startswith("webhooks_replay_7")]
        press(at, key)
        assert world.services.reports.webhooks.find(given_up)["state"] == "waiting"

    def test_all(self, opened, world, given_up) -> None:
        press(opened(), "webhooks_replay_all")
        assert world.services.reports.webhooks.counts().by_state["waiting"] == 1
        assert "webhooks_replay_all" not in keys(opened())

    def test_a_viewer_cannot(self, opened, given_up) -> None:
        at = opened("vera", delivery=given_up)
        assert not {key for key in keys(at) if key.startswith("webhooks_replay")}
        assert "An operator can replay it" in words(at)


@pytest.mark.parametrize("error", [None, "Busy: x", "Weird: y", "no colon", ""])
def test_every_reason_has_words(error) -> None:
    happened, to_do = webhook_words.reason(error)
    assert happened.endswith(".")
    assert to_do.endswith(".")
