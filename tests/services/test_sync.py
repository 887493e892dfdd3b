"""Polling: all of it or what changed, stoppable anywhere, and right without any webhook."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import pytest

from lib.errors import GatewayError, InvalidInput, NotPermitted, OutcomeUnknown
from lib.practice.seed import seed_sessions
from lib.services.sync import TYPES, SyncResult
from lib.store.jobs import STALE_SECONDS
from tests import at_stripe
from tests.world import ALICE, BOB, VERA, World

SESSIONS = "/v1/checkout/sessions"


def count(world: World, table: str, where: str = "1") -> int:
    connection = sqlite3.connect(world.settings.database)
    found = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]
    connection.close()
    return int(found)


def cursors(world: World) -> dict[str, int]:
    connection = sqlite3.connect(world.settings.database)
    found = dict(connection.execute("SELECT name, value FROM sync_cursors"))
    connection.close()
    return found


def session_elsewhere(world: World, customer: str) -> str:
    """A setup session that some other program made."""
    made = at_stripe.post(
        world, SESSIONS, mode="setup", currency="usd", customer=customer,
        success_url="https://example.com",
    )  # fmt: skip
    return str(made["id"])


def customer_elsewhere(world: World) -> str:
    return str(at_stripe.post(world, "/v1/customers", email="e@example.com", name="Else")["id"])


def requested(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths asked of Stripe from now on."""
    seen: list[str] = []
    gateway = world.services.sync._gateway
    call = gateway._call

    def looking(method, path, params, key):
        seen.append(f"{method} {path} {sorted(params)}")
        return call(method, path, params, key)

    monkeypatch.setattr(gateway, "_call", looking)
    return seen


class TestFull:
    def test_reads_everything_page_by_page(self, world: World) -> None:
        seed_sessions(world.stripe, 230, now=world.clock())
        at_stripe_total = 0
        after: dict[str, str] = {}
        while True:
            page = at_stripe.get(world, SESSIONS, limit="100", **after)
            at_stripe_total += len(page["data"])
            if not page["has_more"]:
                break
            after = {"starting_after": page["data"][-1]["id"]}
        result = world.services.sync.run(full=True)
        assert at_stripe_total == 230
        assert result.checkout_sessions == count(world, "checkout_sessions") == 230
        assert result.setup_intents == count(world, "setup_intents") > 100
        assert result.customers == count(world, "customers") > 100
        assert count(world, "payment_methods", "customer IS NOT NULL") > 100
        assert result.events == 0, "after a full read there is nothing older to learn"
        assert result.requests >= 3 + 2 + result.customers

    def test_an_empty_account(self, world: World) -> None:
        result = world.services.sync.run(full=True)
        assert result.as_json() | {"requests": 0, "seconds": 0} == SyncResult().as_json()
        assert set(cursors(world)) == set(TYPES)

    def test_is_what_the_first_sync_does_unasked(self, world: World) -> None:
        session = session_elsewhere(world, customer_elsewhere(world))
        world.clock.advance(days=200)
        world.services.sync.run()
        assert count(world, "checkout_sessions", f"id = '{session}'") == 1

    def test_again_writes_the_same(self, world: World) -> None:
        world.save_card(world.customer())
        first = world.services.sync.run(full=True)
        again = world.services.sync.run(full=True)
        assert first.as_json() == again.as_json()

    def test_lost_methods_are_marked_removed(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        at_stripe.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(seconds=1)
        world.services.sync.run(full=True)
        assert world.services.payment_methods.get(method).is_detached


class TestIncremental:
    def test_asks_little_when_nothing_changed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(3):
            world.save_card(world.customer(f"C{n}"))
        world.services.sync.run()
        world.clock.advance(days=3)
        world.services.sync.run()
        world.clock.advance(minutes=5)
        seen = requested(world, monkeypatch)
        result = world.services.sync.run()
        assert result.requests == len(seen) == 4
        assert all("created" in request for request in seen)

    def test_finds_a_session_completed_twenty_hours_after_it_was_made(self, world: World) -> None:
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

    def test_also_without_any_event(self, world: World) -> None:
        """Sessions alone are read: the look back must reach to where an open one was made."""
        session = session_elsewhere(world, customer_elsewhere(world))
        for _ in range(4):
            world.services.sync.run(only=["checkout_sessions"])
            world.clock.advance(hours=5)
        world.fill(session)
        world.clock.advance(minutes=5)
        world.services.sync.run(only=["checkout_sessions"])
        assert count(world, "checkout_sessions", "status = 'complete'") == 1

    def test_a_session_that_ran_out_is_seen_to_have_expired(self, world: World) -> None:
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
        at_stripe.post(world, f"/v1/payment_methods/{guest}/attach", customer=customer)
        world.clock.advance(minutes=5)
        result = world.services.sync.run()
        assert result.events >= 1
        assert world.services.payment_methods.get(guest).customer == customer

    def test_a_customer_renamed_elsewhere(self, world: World) -> None:
        customer = world.customer("Before")
        world.services.sync.run()
        world.clock.advance(days=2)
        at_stripe.post(world, f"/v1/customers/{customer}", name="After")
        world.services.sync.run()
        assert world.services.customers.get(customer).name == "After"

    def test_the_cursor_is_when_reading_began(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What happens while a long sync reads belongs to the next one."""
        began = world.now
        world.services.sync.run(progress=lambda _: world.clock.advance(minutes=1))
        assert world.now > began
        assert set(cursors(world).values()) == {began}

    def test_nothing_that_happens_during_a_sync_is_missed(self, world: World) -> None:
        customer = world.customer()
        world.services.sync.run()
        world.clock.advance(days=1)
        made: list[str] = []

        def meanwhile(state: dict[str, object]) -> None:
            if not made and state["doing"] == "payment_intents":
                made.append(session_elsewhere(world, customer))
                world.fill(made[0])
            world.clock.advance(minutes=3)

        world.services.sync.run(progress=meanwhile)
        world.services.sync.run()
        assert count(world, "checkout_sessions", f"id = '{made[0]}' AND status = 'complete'") == 1

    def test_asleep_for_longer_than_stripe_keeps_events_reads_everything(
        self, world: World
    ) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.clock.advance(days=2)
        world.services.sync.run()
        world.clock.advance(hours=1)
        at_stripe.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(days=31)
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached

    def test_asleep_and_asked_for_one_type_only_the_rest_is_still_read_in_full_later(
        self, world: World
    ) -> None:
        """`--only events` must not hide that events were missed for ever."""
        customer = world.customer()
        method = world.save_card(customer)
        world.clock.advance(days=2)
        world.services.sync.run()
        world.clock.advance(hours=1)
        at_stripe.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(days=31)
        world.services.sync.run(only=["events"])
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached

    def test_a_full_read_of_events_alone_loses_none(self, world: World) -> None:
        """`--full --only events` reads nothing else, so it may not skip events as known."""
        customer = world.customer()
        method = world.save_card(customer)
        world.clock.advance(days=2)
        world.services.sync.run()
        world.clock.advance(hours=1)
        at_stripe.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(minutes=5)
        world.services.sync.run(full=True, only=["events"])
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached


class TestOnly:
    @pytest.mark.parametrize(
        ("only", "read"),
        [
            (["checkout_sessions"], "/v1/checkout/sessions"),
            (["customers"], "/v1/customers"),
            (["payment_intents"], "/v1/payment_intents"),
        ],
    )
    def test_reads_that_type_and_moves_its_cursor(
        self, world: World, monkeypatch: pytest.MonkeyPatch, only: list[str], read: str
    ) -> None:
        world.save_card(world.customer())
        seen = requested(world, monkeypatch)
        world.services.sync.run(only=only)
        assert [request.split()[1] for request in seen] == [read]
        assert set(cursors(world)) == set(only)

    def test_payment_methods_alone_are_those_of_every_customer(self, world: World) -> None:
        """Also when a sync ran before: whoever names the type wants it read."""
        customer = world.customer()
        world.services.sync.run()
        guest = world.save_card(None)
        at_stripe.post(world, f"/v1/payment_methods/{guest}/attach", customer=customer)
        world.clock.advance(minutes=5)
        result = world.services.sync.run(only=["payment_methods"])
        assert result.payment_methods == 1
        assert world.services.payment_methods.get(guest).customer == customer

    @pytest.mark.parametrize("only", [["charges"], ["events", "nothing"]])
    def test_an_unknown_type(self, world: World, only: Iterable[str]) -> None:
        with pytest.raises(InvalidInput):
            world.services.sync.run(only=only)
        assert cursors(world) == {}


class TestFaults:
    def test_half_way_keeps_what_was_read_and_the_next_run_completes(self, world: World) -> None:
        seed_sessions(world.stripe, 130, now=world.clock())
        world.stripe.faults.add("GET", "/v1/customers", kind="error_500_unsaved", times=5)
        with pytest.raises(OutcomeUnknown):
            world.services.sync.run()
        assert count(world, "checkout_sessions") == 130
        assert count(world, "customers") == 0
        assert set(cursors(world)) == {"checkout_sessions"}
        world.clock.advance(minutes=1)
        world.services.sync.run()
        assert count(world, "customers") > 50
        assert set(cursors(world)) == set(TYPES)

    @pytest.mark.parametrize(
        "kind", ["rate_limited", "lost_reply", "lost_request", "truncated_json", "lock_timeout"]
    )
    def test_passing_ones_are_not_noticed(self, world: World, kind: str) -> None:
        world.save_card(world.customer())
        world.stripe.faults.add("GET", "/v1/", kind=kind, times=4)
        world.services.sync.run()
        assert set(cursors(world)) == set(TYPES)

    def test_a_missing_permission_is_named(self, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/customers", kind="missing_permission")
        with pytest.raises(GatewayError, match="rak_"):
            world.services.sync.run()

    def test_an_empty_page_that_promises_more_ends(self, world: World) -> None:
        world.stripe.faults.add("GET", SESSIONS, kind="empty_page_has_more")
        world.services.sync.run()
        assert set(cursors(world)) == set(TYPES)

    def test_a_customer_that_vanishes_meanwhile_does_not_stop_the_others(
        self, world: World
    ) -> None:
        gone, stays = world.customer("Gone"), world.customer("Stays")
        method = world.save_card(stays)
        at_stripe.delete(world, f"/v1/customers/{gone}")
        world.clock.advance(seconds=1)
        world.services.sync.run(full=True)
        assert count(world, "customers", f"id = '{gone}' AND is_deleted = 1") == 1
        assert not world.services.payment_methods.get(method).is_detached


class TestJobs:
    def test_from_request_to_done(self, world: World) -> None:
        world.save_card(world.customer())
        assert world.services.sync.request(by=ALICE)
        assert not world.services.sync.request(by=BOB), "one waits already"
        waiting = world.services.sync.latest()
        assert waiting is not None
        assert (waiting.state, waiting.requested_by) == ("queued", "alice")
        world.clock.advance(seconds=2)
        world.services.worker.run_once()
        done = world.services.sync.latest()
        assert done is not None
        assert done.id == waiting.id
        assert done.state == "done"
        assert (done.result or {})["checkout_sessions"] == 1
        assert done.progress["doing"] in TYPES
        assert world.services.sync.last_done_at() == world.now
        assert world.services.sync.run_waiting() is None

    def test_progress_is_seen_from_outside_while_it_runs(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.save_card(world.customer())
        world.services.sync.request(by=ALICE)
        seen: list[object] = []
        listing = world.services.sync._gateway.list_payment_intents

        def looking(**given):
            found = world.services.sync.latest()
            assert found is not None
            seen.append((found.state, found.progress.get("checkout_sessions")))
            return listing(**given)

        monkeypatch.setattr(world.services.sync._gateway, "list_payment_intents", looking)
        world.services.sync.run_waiting()
        assert seen == [("running", 1)]

    def test_a_failure_is_kept_and_the_next_one_may_be_asked_for(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=5)
        with pytest.raises(GatewayError):
            world.services.sync.run_waiting()
        failed = world.services.sync.latest()
        assert failed is not None
        assert (failed.state, failed.finished_at) == ("failed", world.now)
        assert failed.error
        assert world.services.sync.last_done_at() is None
        assert world.services.sync.request(by=ALICE)

    def test_a_failing_sync_never_stops_the_worker(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=5)
        world.services.worker.run_once()
        world.clock.advance(minutes=90)
        world.services.worker.run_once()
        latest = world.services.sync.latest()
        assert latest is not None
        assert latest.state == "done"

    def test_a_job_whose_process_died_is_taken_over(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        with world.services.sync._uow.write() as stores:
            dead = stores.jobs.claim(now=world.now, kind="sync")
        assert dead is not None
        assert world.services.sync.run_waiting() is None
        world.clock.advance(seconds=STALE_SECONDS + 1)
        done = world.services.sync.run_waiting()
        assert done is not None
        assert (done.id, done.state) == (dead.id, "done")

    def test_the_worker_asks_for_one_by_itself_when_it_is_time(self, world: World) -> None:
        world.services.worker.run_once()
        first = world.services.sync.latest()
        assert first is not None
        assert (first.state, first.requested_by) == ("done", "system")
        world.clock.advance(minutes=59)
        world.services.worker.run_once()
        assert world.services.sync.latest() == first
        world.clock.advance(minutes=1)
        world.services.worker.run_once()
        second = world.services.sync.latest()
        assert second is not None
        assert second.id != first.id

    def test_a_run_on_the_command_line_leaves_the_same_record(self, world: World) -> None:
        result = world.services.sync.run_now(by=BOB)
        latest = world.services.sync.latest()
        assert latest is not None
        assert (latest.state, latest.requested_by) == ("done", "bob")
        assert latest.result == result.as_json()

    def test_a_viewer_may_not(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.sync.request(by=VERA)
        with pytest.raises(NotPermitted):
            world.services.sync.run_now(by=VERA)
