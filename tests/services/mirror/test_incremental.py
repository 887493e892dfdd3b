"""Syncs: what changed is read, little is asked, and a lost event is noticed all the same."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench.seed_bulk import seed_sessions
from lib.domain.event_types import EVENT_TYPES, MORE_EVENT_TYPES
from lib.domain.mirror import TYPES as LISTED_TYPES
from lib.errors import InvalidInput
from lib.services.mirror.event_types import family_of
from lib.services.mirror.sync import VERIFY
from tests import stripe_account
from tests.mirror_checks import (
    SESSIONS,
    count,
    cursors,
    customer_elsewhere,
    deny,
    ids,
    incomplete,
    paid_elsewhere,
    rows,
    session_elsewhere,
    watched,
)
from tests.webhook_inbox import event, receive, states
from tests.webhook_route import deliver
from tests.world import ALICE, ALWAYS_DECLINES, World

PAGE = 100
README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
KEY = {"Authorization": "Bearer sk_test_practice"}


def status(world: World, session: str) -> str:
    found = world.services.reports.sessions.find(session)
    assert found is not None
    return str(found["session_status"] if "session_status" in found else found["status"])


class TestWhatChanged:
    def test_asks_little_when_nothing_changed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(3):
            world.save_card(world.customer(f"C{n}"))
        world.services.sync.run()
        world.clock.advance(days=3)
        world.services.sync.run()
        world.clock.advance(minutes=5)
        seen = watched(world, monkeypatch)
        result = world.services.sync.run()
        assert seen.paths == ["/v1/events", SESSIONS]
        assert result.requests == 2
        assert all("created" in params for _, params in seen.asked)

    def test_asks_three_times_at_most_with_five_hundred_open_sessions(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            for _ in range(PAGE):
                session_elsewhere(world)
                world.clock.advance(seconds=1)
            world.clock.advance(minutes=20)
        world.services.sync.run()
        assert count(world, "checkout_sessions", "status = 'open'") == 500
        world.clock.advance(minutes=5)
        world.services.sync.run()
        seen = watched(world, monkeypatch)
        for _ in range(8):
            world.clock.advance(minutes=5)
            before = seen.total()
            world.services.sync.run()
            assert seen.total() - before <= 3

    def test_every_event_that_is_asked_for_means_something_here(self) -> None:
        for types in (EVENT_TYPES, MORE_EVENT_TYPES):
            assert len(types) <= 20, "Stripe takes no more"
            assert [name for name in types if family_of(name, None) is None] == []
        assert not set(EVENT_TYPES) & set(MORE_EVENT_TYPES)

    def test_the_webhook_of_the_readme_brings_whatever_a_sync_asks_for(self) -> None:
        told = set()
        [step] = re.findall(r"webhook endpoint\*\* at.*?Without one", README, re.DOTALL)
        for name in re.findall(r"`([a-z_.]+)`", step):
            if not name.startswith("."):
                beginning = name.rpartition(".")[0]
            told.add(f"{beginning}{name}" if name.startswith(".") else name)
        assert {*EVENT_TYPES, *MORE_EVENT_TYPES} - told == set()
        assert [name for name in told if family_of(name, None) is None] == []

    def test_a_session_completed_twenty_hours_after_it_was_made(self, world: World) -> None:
        customer = customer_elsewhere(world)
        session = session_elsewhere(world, customer)
        world.services.sync.run()
        for _ in range(4):
            world.clock.advance(hours=5)
            world.services.sync.run()
        world.fill(session)
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "checkout_sessions", "status = 'complete'") == 1
        assert count(world, "payment_methods", f"customer = '{customer}'") == 1

    def test_a_session_that_ran_out(self, world: World) -> None:
        session_elsewhere(world, customer_elsewhere(world))
        world.services.sync.run()
        world.clock.advance(hours=24, minutes=10)
        world.services.sync.run()
        assert count(world, "checkout_sessions", "status = 'expired'") == 1

    def test_a_card_attached_elsewhere_to_an_old_customer(self, world: World) -> None:
        """Stripe lists methods per customer only: the event is how it is learnt."""
        customer = world.customer()
        guest = world.save_card(None)
        world.services.sync.run()
        world.clock.advance(days=2)
        stripe_account.post(world, f"/v1/payment_methods/{guest}/attach", customer=customer)
        world.clock.advance(minutes=5)
        result = world.services.sync.run()
        assert result.events >= 1
        assert world.services.payment_methods.get(guest).customer == customer

    def test_a_customer_renamed_elsewhere(self, world: World) -> None:
        customer = world.customer("Before")
        world.services.sync.run()
        world.clock.advance(days=2)
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.services.sync.run()
        assert world.services.customers.get(customer).name == "After"

    def test_a_payment_its_refund_and_its_dispute_made_elsewhere(self, world: World) -> None:
        customer = world.customer()
        good = world.save_card(customer)
        disputed = world.save_card(customer, "4000000000000259")
        world.services.sync.run()
        world.clock.advance(hours=1)
        intent = paid_elsewhere(world, customer, good)
        stripe_account.post(world, "/v1/refunds", payment_intent=intent, amount="500")
        paid_elsewhere(world, customer, disputed)
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "payment_intents", "status = 'succeeded'") == 2
        assert count(world, "stripe_refunds", "amount = 500") == 1
        assert count(world, "disputes", f"customer = '{customer}'") == 1
        assert count(world, "stripe_charges", "amount_refunded = 500") == 1
        assert count(world, "stripe_charges", "is_disputed = 1") == 1

    def test_what_other_programs_began_and_did_not_finish(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        given_up = stripe_account.post(world, "/v1/setup_intents", customer=customer)["id"]
        world.services.sync.run()
        world.clock.advance(hours=1)
        unpaid = {"amount": "100", "currency": "usd", "customer": customer}
        begun = stripe_account.post(world, "/v1/payment_intents", **unpaid)["id"]
        stripe_account.post(world, "/v1/setup_intents", customer=customer)
        stripe_account.post(world, f"/v1/setup_intents/{given_up}/cancel")
        held = paid_elsewhere(world, customer, method, capture_method="manual")
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "setup_intents", "status = 'requires_payment_method'") == 1
        assert count(world, "setup_intents", f"id = '{given_up}' AND status = 'canceled'") == 1
        intents = dict(rows(world, "SELECT id, status FROM payment_intents"))  # type: ignore[arg-type]
        assert intents == {begun: "requires_payment_method", held: "requires_capture"}
        assert count(world, "stripe_charges", f"payment_intent = '{held}'") == 1

    def test_every_charge_that_failed_of_a_payment_that_was_tried_twice(self, world: World) -> None:
        """Asked for later, the PaymentIntent only names the last of them."""
        customer = world.customer()
        bad, good = world.save_card(customer, ALWAYS_DECLINES), world.save_card(customer)
        world.services.sync.run()
        world.clock.advance(hours=1)
        params = {"amount": "100", "currency": "usd", "customer": customer}
        intent = stripe_account.post(world, "/v1/payment_intents", **params)["id"]
        confirm = f"/v1/payment_intents/{intent}/confirm"
        back = {"return_url": "https://example.com"}
        assert (
            world.stripe.handle("POST", confirm, back | {"payment_method": bad}, KEY).status == 402
        )
        stripe_account.post(world, confirm, payment_method=good, **back)
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "stripe_charges", "status = 'failed'") == 1
        assert count(world, "stripe_charges", "status = 'succeeded'") == 1

    def test_a_dispute_that_moves_on(self, world: World) -> None:
        customer = world.customer()
        paid_elsewhere(world, customer, world.save_card(customer, "4000000000000259"))
        world.services.sync.run()
        world.clock.advance(hours=1)
        [(dispute,)] = rows(world, "SELECT id FROM disputes")
        stripe_account.answer_dispute(world, str(dispute))
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "disputes", "status = 'under_review'") == 1

    def test_the_second_list_of_events_is_asked_for_in_turn_with_the_look_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3 * PAGE):
            session_elsewhere(world)
            world.clock.advance(seconds=1)
        world.clock.advance(minutes=20)
        world.services.sync.run()
        seen = watched(world, monkeypatch)
        asked = []
        for _ in range(4):
            world.clock.advance(hours=1)
            before = seen.total()
            world.services.sync.run()
            asked.append(seen.paths[before:])
        both, turn = ["/v1/events", "/v1/events", SESSIONS], ["/v1/events", SESSIONS, SESSIONS]
        assert asked == [both, turn, both, turn]

    def test_that_something_began_which_is_here_already_is_no_news(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As with every link that Onfile makes itself: one request less for each."""
        customer = world.customer()
        world.services.sync.run()
        world.clock.advance(hours=1)
        world.save_card(customer)
        world.services.sync.run()
        world.clock.advance(minutes=1)
        world.services.links.create(form_key="another-form", customer=customer, by=ALICE)
        assert stripe_account.events(world, "setup_intent.created")
        world.clock.advance(minutes=5)
        world.services.sync.run()
        world.clock.advance(minutes=20)
        seen = watched(world, monkeypatch)
        assert world.services.sync.run().events == 1
        assert seen.paths == ["/v1/events", "/v1/events", SESSIONS]

    def test_what_a_backfill_read_is_not_asked_for_again_as_events(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.save_card(world.customer())
        world.clock.advance(days=3)
        world.services.sync.run()
        seen = watched(world, monkeypatch)
        assert world.services.sync.run().events == 0
        assert seen.paths == ["/v1/events", "/v1/events", SESSIONS]

    def test_a_payment_of_nobody_is_not_kept(self, world: World) -> None:
        """Neither when it is met in the list nor when an event tells of it."""
        world.services.sync.run()
        world.clock.advance(minutes=5)
        intent = stripe_account.post(
            world,
            "/v1/payment_intents",
            amount="999",
            currency="usd",
            confirm="true",
            payment_method="pm_card_visa",
            allowed_payment_method_types=["card"],
        )
        assert intent["status"] == "succeeded"
        world.clock.advance(minutes=5)
        assert world.services.sync.run().events >= 1
        world.services.sync.run(full=True)
        assert count(world, "payment_intents") == count(world, "stripe_charges") == 0

    def test_an_event_that_came_by_webhook_is_not_asked_for_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        world.clock.advance(minutes=10)
        world.services.sync.run()
        world.clock.advance(hours=1)
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        [event] = stripe_account.events(world, "customer.updated")
        deliver(world, event)
        world.services.webhooks.process_due()
        seen = watched(world, monkeypatch)
        assert world.services.sync.run().events == 0
        assert seen.paths == ["/v1/events", "/v1/events", SESSIONS]

    def test_an_event_that_waits_in_the_inbox_is_worked_through_by_the_sync(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.clock.advance(minutes=10)
        world.services.sync.run()
        world.clock.advance(hours=1)
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        [event] = stripe_account.events(world, "customer.updated")
        deliver(world, event)
        assert world.services.sync.run().events == 0
        assert world.services.customers.get(customer).name == "After"

    def test_what_comes_while_it_works_keeps_it_from_no_end(self, world: World) -> None:
        """A charge waits for the news as well, and Stripe may send as fast as they are worked through."""
        customers = [world.customer() for _ in range(20)]
        world.clock.advance(minutes=10)
        world.services.sync.run()
        coming = iter(customers)

        def one_more(_: object) -> None:
            if (customer := next(coming, None)) is not None:
                receive(world, event(object_id=customer))

        one_more(None)
        world.services.sync.run(progress=one_more)
        assert next(coming, None) is not None, "the last of them was waited for"
        assert "received" in states(world)
        while world.services.webhooks.process_due():
            pass
        assert set(states(world)) == {"processed"}


class TestNothingIsMissed:
    def test_the_cursor_is_when_reading_began(self, world: World) -> None:
        """What happens while a long sync reads belongs to the next one."""
        world.save_card(world.customer())
        world.services.sync.run()
        world.clock.advance(hours=1)
        began = world.now
        world.services.sync.run(progress=lambda _: world.clock.advance(minutes=1))
        assert world.now > began
        assert cursors(world)["events"] == began

    @pytest.mark.parametrize("full", [False, True])
    def test_nothing_that_happens_during_a_run(self, world: World, full: bool) -> None:
        customer = world.customer()
        old = session_elsewhere(world, customer)
        world.services.sync.run()
        world.clock.advance(hours=12)
        made: list[str] = []

        def meanwhile(state: dict[str, object]) -> None:
            if not made:
                made.append(session_elsewhere(world, customer))
                world.fill(made[0])
                world.fill(old)
            world.clock.advance(minutes=3)

        world.services.sync.run(full=full, progress=meanwhile)
        world.services.sync.run()
        assert {status(world, made[0]), status(world, old)} == {"complete"}

    def test_sessions_made_elsewhere_have_no_event(self, world: World) -> None:
        world.services.sync.run()
        world.clock.advance(minutes=30)
        made = [session_elsewhere(world) for _ in range(PAGE + 30)]
        assert stripe_account.events(world, *EVENT_TYPES) == []
        world.clock.advance(minutes=5)
        result = world.services.sync.run()
        assert result.checkout_sessions >= len(made)
        assert count(world, "checkout_sessions") == len(made)

    def test_new_ones_behind_a_page_of_known_ones(self, world: World) -> None:
        """Our own are known already; what other programs made before them is not."""
        world.services.sync.run()
        world.clock.advance(days=2)
        hidden = session_elsewhere(world)
        world.clock.advance(hours=30)
        for _ in range(2 * PAGE):
            session_elsewhere(world)
        known = stripe_account.listed(world, SESSIONS)
        oldest = known[-1]["id"]
        known += stripe_account.listed(world, SESSIONS, starting_after=oldest)
        for one in known[: 2 * PAGE]:
            if one["id"] != hidden:
                world.services.return_page.refetcher.session(one["id"])
        assert count(world, "checkout_sessions") == 2 * PAGE
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert count(world, "checkout_sessions", f"id = '{hidden}'") == 1

    def test_a_lost_event_is_found_when_its_turn_comes(self, world: World) -> None:
        for _ in range(4):
            for _ in range(PAGE):
                session_elsewhere(world)
            world.clock.advance(minutes=20)
        oldest = stripe_account.listed(world, SESSIONS, created={"lt": str(world.now - 4700)})[-1][
            "id"
        ]
        world.services.sync.run()
        with world.stripe.events_lost():
            world.fill(oldest)
        for _ in range(5):  # a page of a hundred each time
            world.clock.advance(minutes=5)
            world.services.sync.run()
        assert status(world, oldest) == "complete"

    def test_the_turn_passes_a_second_with_more_sessions_than_a_page(self, world: World) -> None:
        oldest = session_elsewhere(world)
        world.clock.advance(minutes=1)
        for _ in range(2 * PAGE + 50):
            session_elsewhere(world)
        world.clock.advance(minutes=20)
        for _ in range(PAGE):
            session_elsewhere(world)
        world.services.sync.run()
        with world.stripe.events_lost():
            world.fill(oldest)
        for _ in range(6):
            world.clock.advance(minutes=5)
            world.services.sync.run()
        assert status(world, oldest) == "complete"

    def test_one_that_is_overdue_is_asked_for(self, world: World) -> None:
        session = session_elsewhere(world)
        world.services.sync.run()
        with world.stripe.events_lost():
            world.clock.advance(days=5)
            # Time passes at Stripe when somebody asks.
            stripe_account.get(world, f"{SESSIONS}/{session}")
        world.services.sync.run()
        assert status(world, session) == "expired"

    def test_one_that_vanished_does_not_stop_every_sync_from_then_on(self, world: World) -> None:
        gone, stays = session_elsewhere(world), session_elsewhere(world)
        world.services.sync.run()
        world.stripe.forget(gone)
        world.clock.advance(days=2)
        world.services.sync.run()
        assert {status(world, gone), status(world, stays)} == {"expired"}


class TestAsleep:
    def gap(self, world: World) -> str:
        """A method detached so long ago that no event tells of it any more."""
        method = world.save_card(world.customer())
        world.clock.advance(days=2)
        world.services.sync.run()
        world.clock.advance(hours=1)
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        return method

    def test_for_longer_than_stripe_keeps_events_reads_everything(self, world: World) -> None:
        method = self.gap(world)
        world.clock.advance(days=31)
        assert world.services.sync.needs_backfill()
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached
        assert not world.services.sync.needs_backfill()

    @pytest.mark.parametrize("only", [["events"], ["customers", "events"], ["customers"]])
    def test_and_asked_for_one_type_only_the_rest_is_still_read_later(
        self, world: World, only: list[str]
    ) -> None:
        """`--only events` must not hide that events were missed for ever."""
        method = self.gap(world)
        world.clock.advance(days=31)
        world.services.sync.run(only=only)
        assert world.services.sync.needs_backfill()
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached

    def test_a_verification_does_not_hide_it_either(self, world: World) -> None:
        self.gap(world)
        assert world.services.sync.request_verification(by=ALICE)
        world.clock.advance(days=31)
        job = world.services.sync.run_waiting(VERIFY)
        assert job is not None
        assert job.state == "done"
        assert world.services.sync.needs_backfill()

    def test_a_backfill_that_was_left_for_so_long_begins_anew(self, world: World) -> None:
        """What it read then has changed since, and no event says what."""
        customer = world.customer("Before")
        world.save_card(customer)
        world.stripe.faults.add("GET", "/v1/disputes", kind="error_500_unsaved", times=100)
        with pytest.raises(Exception, match="Stripe"):
            world.services.sync.run()
        world.stripe.faults.clear()
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        later = customer_elsewhere(world)
        world.clock.advance(days=45)
        world.services.sync.run()
        assert world.services.customers.get(customer).name == "After"
        assert world.services.customers.get(later).name == "Else"

    def test_a_full_read_of_events_alone_loses_none(self, world: World) -> None:
        method = self.gap(world)
        world.clock.advance(minutes=5)
        assert world.services.sync.run(full=True, only=["events"]).events == 1
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached

    @pytest.mark.parametrize("name", ["events", "backfill"])
    def test_a_cursor_in_the_future_says_nothing(self, world: World, name: str) -> None:
        method = self.gap(world)
        with world.services.uow.write() as stores:
            stores.sync.set_cursor(name, world.now + 2 * 365 * 86_400)
        world.clock.advance(days=31)
        assert world.services.sync.needs_backfill()
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached
        assert max(cursors(world).values()) <= world.now

    @pytest.mark.parametrize("name", ["checkout_sessions", "look_back", "customers"])
    def test_other_cursors_in_the_future_hide_nothing(self, world: World, name: str) -> None:
        session = session_elsewhere(world)
        world.services.sync.run()
        with world.services.uow.write() as stores:
            stores.sync.set_cursor(name, world.now + 10**8)
        later = session_elsewhere(world)
        with world.stripe.events_lost():
            world.fill(session)
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert (status(world, session), status(world, later)) == ("complete", "open")


class TestWithoutPermission:
    def test_without_events_lists_are_read_instead(self, world: World) -> None:
        customer = world.customer("Before")
        method = world.save_card(customer)
        world.services.sync.run()
        deny(world, "rak_event_read")
        world.clock.advance(hours=1)
        made = customer_elsewhere(world)
        session = session_elsewhere(world, made)
        world.fill(session)
        paid_elsewhere(world, customer, method)
        world.clock.advance(minutes=5)
        result = incomplete(world.services.sync.run)
        [problem] = result.problems
        assert "rak_event_read" in problem
        assert result.events == 0
        assert world.services.customers.get(made).name == "Else"
        assert status(world, session) == "complete"
        assert count(world, "stripe_charges") == 1

    def test_nor_other_lists_the_rest_is_read(self, world: World) -> None:
        customer = world.customer()
        world.services.sync.run()
        deny(world, "rak_event_read", "rak_customer_read", "rak_refund_read")
        world.clock.advance(hours=1)
        session = session_elsewhere(world, customer)
        paid_elsewhere(world, customer, world.save_card(customer))
        world.clock.advance(minutes=5)
        result = incomplete(world.services.sync.run)
        named = " ".join(result.problems)
        for permission in ("rak_event_read", "rak_customer_read", "rak_refund_read"):
            assert permission in named
        assert len(result.problems) == 3
        assert status(world, session) == "open"
        assert count(world, "stripe_charges") == 1

    def test_without_sessions_events_are_read(self, world: World) -> None:
        customer = world.customer("Before")
        world.services.sync.run()
        deny(world, "rak_checkout_session_read")
        world.clock.advance(hours=1)
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        result = incomplete(world.services.sync.run)
        assert "rak_checkout_session_read" in " ".join(result.problems)
        assert world.services.customers.get(customer).name == "After"
        assert cursors(world)["events"] == world.now

    def test_while_a_backfill_is_unfinished_a_sync_does_not_read_everything_itself(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """News never waits behind what a backfill does better."""
        seed_sessions(world.stripe, 450, now=world.clock(), payments=50)
        world.clock.advance(days=2)
        world.stripe.faults.add("GET", "/v1/customers", kind="error_500_unsaved", times=500)
        with pytest.raises(Exception, match="Stripe"):
            world.services.sync.run()
        world.stripe.faults.clear()
        deny(world, "rak_event_read")
        world.clock.advance(minutes=5)
        seen = watched(world, monkeypatch)
        world.services.sync.jobs.request("sync", by=ALICE)
        incomplete(lambda: world.services.sync.run_waiting("sync"))
        assert seen.total() <= 10
        assert set(seen.values()) == {1}


class TestOnly:
    @pytest.mark.parametrize(
        ("only", "read"),
        [
            (["checkout_sessions"], SESSIONS),
            (["customers"], "/v1/customers"),
            (["payment_intents"], "/v1/payment_intents"),
            (["charges"], "/v1/charges"),
            (["disputes"], "/v1/disputes"),
        ],
    )
    def test_reads_that_type_and_moves_its_cursor(
        self, world: World, monkeypatch: pytest.MonkeyPatch, only: list[str], read: str
    ) -> None:
        world.save_card(world.customer())
        seen = watched(world, monkeypatch)
        world.services.sync.run(only=only)
        assert seen.paths == [read]
        assert set(cursors(world)) == set(only)

    @pytest.mark.parametrize("only", [[name] for name in LISTED_TYPES])
    def test_in_full_says_nothing_about_the_others(self, world: World, only: list[str]) -> None:
        world.save_card(world.customer())
        world.services.sync.run(full=True, only=only)
        assert set(cursors(world)) == set(only)
        assert world.services.sync.needs_backfill()

    def test_payment_methods_alone_are_those_of_every_customer(self, world: World) -> None:
        """Also when a sync ran before: whoever names the type wants it read."""
        customer = world.customer()
        world.services.sync.run()
        guest = world.save_card(None)
        stripe_account.post(world, f"/v1/payment_methods/{guest}/attach", customer=customer)
        world.clock.advance(minutes=5)
        result = world.services.sync.run(only=["payment_methods"])
        assert result.payment_methods == 1
        assert world.services.payment_methods.get(guest).customer == customer

    def test_sessions_without_any_event(self, world: World) -> None:
        """The look back must reach to where an open one was made."""
        session = session_elsewhere(world, customer_elsewhere(world))
        for _ in range(4):
            world.services.sync.run(only=["checkout_sessions"])
            world.clock.advance(hours=5)
        world.fill(session)
        world.clock.advance(minutes=5)
        world.services.sync.run(only=["checkout_sessions"])
        assert count(world, "checkout_sessions", "status = 'complete'") == 1

    @pytest.mark.parametrize("only", [["payouts"], ["events", "nothing"]])
    def test_an_unknown_type(self, world: World, only: Iterable[str]) -> None:
        with pytest.raises(InvalidInput):
            world.services.sync.run(only=only)
        assert cursors(world) == {}


def test_a_death_at_the_beginning_of_a_reading_after_a_long_sleep_forgets_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services.sync.run()
    world.clock.advance(days=31)
    slept_through = customer_elsewhere(world)
    world.clock.advance(days=31)

    def disk_full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("lib.store.sync_state.SyncStore.begin_backfill", disk_full)
        with pytest.raises(sqlite3.OperationalError):
            world.services.sync.run()
    world.services.sync.run()
    assert slept_through in ids(world, "customers")
