"""Deliveries that were given up, put back by a person, and the report that lists all."""

from __future__ import annotations

import sqlite3

import pytest

from lib.domain.mirror import Event
from lib.errors import Blocked, NotFound, NotPermitted
from lib.reports.webhooks import CONDITIONS, DELIVERIES
from tests import stripe_account
from tests.webhook_inbox import answers, bad, event, inbox, receive, states
from tests.world import ADA, ALICE, BOB, VERA, World


class TestReplay:
    @pytest.fixture
    def given_up(self, world: World) -> str:
        receive(world, event("customer.updated", bad(world)))
        while world.services.webhooks.process_due():
            world.clock.advance(days=1)
        assert world.services.reports.webhooks.counts().by_state["given_up"] == 1
        return str(inbox(world)[0]["event_id"])

    def test_what_was_given_up_is_tried_from_the_beginning(
        self, world: World, given_up: str
    ) -> None:
        world.services.webhooks.replay(given_up, by=ALICE)
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["error"]) == ("received", 0, None)
        assert world.services.webhooks.process_due() == 1
        assert inbox(world)[0]["tries"] == 1

    def test_is_written_down(self, world: World, given_up: str) -> None:
        world.services.webhooks.replay(given_up, by=BOB)
        [entry] = world.services.reports.audit.page(actions=["webhook."]).frame.to_dict("records")
        assert (entry["actor"], entry["action"], entry["subject"]) == (
            "bob",
            "webhook.replay",
            given_up,
        )
        assert world.services.audit.verify().ok

    def test_a_processed_one_may_be(self, world: World) -> None:
        customer = world.customer("Before")
        receive(world, event(object_id=customer, id="evt_1"))
        world.services.webhooks.process_due()
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        world.services.webhooks.replay("evt_1", by=ALICE)
        world.services.webhooks.process_due()
        assert world.services.customers.get(customer).name == "After"

    def test_an_ignored_one_is_refused(self, world: World) -> None:
        receive(world, event("invoice.paid", id="evt_1"))
        with pytest.raises(Blocked, match="does not need"):
            world.services.webhooks.replay("evt_1", by=ALICE)
        assert answers(world) == [("ignored", "type_not_needed")]

    @pytest.mark.parametrize("event_id", ["evt_nowhere", "", "'; --"])
    def test_an_unknown_one(self, world: World, event_id: str) -> None:
        with pytest.raises(NotFound):
            world.services.webhooks.replay(event_id, by=ALICE)

    def test_needs_the_right_to_sync(self, world: World, given_up: str) -> None:
        with pytest.raises(NotPermitted):
            world.services.webhooks.replay(given_up, by=VERA)
        with pytest.raises(NotPermitted):
            world.services.webhooks.replay_all(by=VERA)
        assert states(world) == ["failed"]

    def test_all_that_were_given_up_and_no_other(self, world: World, given_up: str) -> None:
        receive(world, event("customer.updated", "cus_bad_2"))
        receive(world, event("invoice.paid"))
        world.services.webhooks.process_due()
        assert world.services.webhooks.replay_all(by=ADA) == 1
        assert states(world) == ["received", "failed", "ignored"]
        assert world.services.webhooks.replay_all(by=ADA) == 0
        assert len(world.services.reports.audit.page(actions=["webhook."]).frame) == 1


class TestReport:
    def test_how_quiet_it_is(self, world: World) -> None:
        quiet = world.services.reports.webhooks.quiet
        assert (quiet().last_webhook_at, quiet().missed) == (None, 0)
        at = world.now
        ages = {"evt_new": 60, "evt_late": 16 * 60, "evt_old": 25 * 3600, "evt_came": 16 * 60}
        world.services.webhooks.take_listed(
            [
                Event(id_, "customer.updated", False, None, at - age, "cus_1", "customer", None)
                for id_, age in ages.items()
            ]
        )
        receive(world, event(id="evt_came", created=at - 16 * 60))
        assert (quiet().last_webhook_at, quiet().missed, quiet().last_missed) == (at, 1, at - 960)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("evt_A1", ["evt_A1"]),
            ("cus_9xyz012345678", ["evt_A2"]),
            ("evt_A", ["evt_A2", "evt_A1"]),
            ("cus_9x", ["evt_A2"]),
            ("customer.del", ["evt_A2"]),
            ("CUSTOMER", ["evt_A2", "evt_A1"]),
            ("%", []),
            ("evt_B9", []),
            ("'", []),
            ("x" * 5000, []),
        ],
        ids=lambda value: str(value)[:12],
    )
    def test_search(self, world: World, search: str, found: list[str]) -> None:
        receive(world, event("customer.updated", "cus_1", id="evt_A1"))
        receive(world, event("customer.deleted", "cus_9xyz0123456789", id="evt_A2"))
        page = world.services.reports.webhooks.page(search=search)
        assert ([] if page.frame.empty else list(page.frame["id"])) == found

    def test_paging_newest_first(self, world: World) -> None:
        for number in range(5):
            receive(world, event(object_id=f"cus_{number}", id=f"evt_{number}"))
        report = world.services.reports.webhooks
        first = report.page(rows=2, state="waiting")
        assert list(first.frame["id"]) == ["evt_4", "evt_3"]
        second = report.page(rows=2, state="waiting", cursor=first.older)
        assert list(second.frame["id"]) == ["evt_2", "evt_1"]
        assert list(report.page(rows=2, cursor=second.newer).frame["id"]) == ["evt_4", "evt_3"]

    def test_every_page_and_count_walks_an_index(self, world: World) -> None:
        """With a million rows a scan or a sort would be felt on every click."""
        connection = sqlite3.connect(world.settings.database)
        for condition in ("1", *CONDITIONS.values()):
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {DELIVERIES.select} WHERE {condition} AND d.rowid < 9 "
                "ORDER BY d.rowid DESC LIMIT 51"
            ).fetchall()
            assert not [row for row in plan if "TEMP B-TREE" in row[3]], condition
        connection.close()
