"""Everything once: complete, and never read again because something stopped in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.seed_bulk import seed_sessions
from lib import bootstrap
from lib.errors import GatewayError, OutcomeUnknown
from lib.services.mirror import backfill
from lib.services.mirror.jobs import JobInterrupted
from lib.services.mirror.result import SyncResult
from lib.services.mirror.sync import BACKFILL, SYNC, TYPES, VERIFY
from lib.store.jobs import STALE_SECONDS
from lib.store.unit_of_work import Bulk
from lib.stripe_gateway import parallel_reader
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import ListPage
from tests import stripe_account
from tests.mirror_checks import (
    PATHS,
    TABLES,
    assert_complete,
    count,
    cursors,
    customer_elsewhere,
    deny,
    ids,
    incomplete,
    latest,
    listed_ids,
    rows,
    session_elsewhere,
    watched,
)
from tests.world import ALICE, World

ROOT = Path(__file__).resolve().parents[3]


class TestEverything:
    def test_of_every_type_as_many_as_stripe_lists(self, world: World) -> None:
        seed_sessions(world.stripe, 330, now=world.clock(), payments=150)
        customer = world.customer()
        detached = world.save_card(customer)
        stripe_account.post(world, f"/v1/payment_methods/{detached}/detach")
        world.save_card(None)
        stripe_account.delete(world, f"/v1/customers/{customer_elsewhere(world)}")
        result = world.services.sync.run(full=True)
        assert_complete(world)
        for type_, least in {
            "customers": 331,
            "checkout_sessions": 332,
            "setup_intents": 332,
            "payment_intents": 150,
            "charges": 150,
            "refunds": 30,
            "disputes": 15,
        }.items():
            assert getattr(result, type_) == count(world, TABLES[type_]) >= least, type_
        assert result.payment_methods == count(world, "payment_methods") > 250
        assert result.events == 0, "after a full read there is nothing older to learn"
        assert rows(world, "SELECT * FROM sync_windows") == []

    def test_sessions_become_searchable_while_stripe_is_waited_for(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 330, now=world.clock())
        indexed, pages = threading.Event(), []
        index_in, list_page = backfill.index_in, StripeGateway.list_page

        def watched_index(bulk: Bulk) -> int:
            done = index_in(bulk)
            indexed.set()
            return done

        def slow_page(gateway: StripeGateway, type_: str, **asked: Any) -> ListPage[Any]:
            pages.append(type_)
            if len(pages) > 1:
                indexed.wait(30)
            return list_page(gateway, type_, **asked)

        monkeypatch.setattr(backfill, "ROWS", 100)
        monkeypatch.setattr(backfill, "index_in", watched_index)
        monkeypatch.setattr(StripeGateway, "list_page", slow_page)
        world.services.sync.run(full=True, only=["checkout_sessions"])
        assert indexed.is_set()
        assert count(world, "checkout_sessions_search") >= 100
        world.services.search_index.index_all()
        assert count(world, "checkout_sessions_search") == count(world, "checkout_sessions") == 330

    def test_payments_of_nobody_are_not_kept(self, world: World) -> None:
        intent = stripe_account.post(
            world,
            "/v1/payment_intents",
            amount="999",
            currency="usd",
            confirm="true",
            payment_method="pm_card_visa",
            allowed_payment_method_types=["card"],
        )
        stripe_account.post(world, "/v1/refunds", payment_intent=intent["id"])
        world.services.sync.run(full=True)
        for type_ in ("payment_intents", "charges", "refunds", "disputes"):
            assert count(world, TABLES[type_]) == 0
            assert bool(listed_ids(world, type_)) is (type_ != "disputes")

    def test_an_empty_account(self, world: World) -> None:
        result = world.services.sync.run(full=True)
        assert result.as_json() | {"requests": 0, "seconds": 0} == SyncResult().as_json()
        assert set(cursors(world)) == {*TYPES, "backfill"}

    def test_of_one_customer_takes_a_request_a_list(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        seen = watched(world, monkeypatch)
        world.services.sync.run(full=True)
        methods = f"/v1/customers/{customer}/payment_methods"
        stripes_time = "/v1/events"
        assert sorted(seen.paths) == sorted([stripes_time, *PATHS.values(), methods])

    def test_is_what_the_first_sync_does_unasked(self, world: World) -> None:
        session = session_elsewhere(world, customer_elsewhere(world))
        world.clock.advance(days=200)
        assert world.services.sync.needs_backfill()
        world.services.sync.run()
        assert count(world, "checkout_sessions", f"id = '{session}'") == 1
        assert not world.services.sync.needs_backfill()

    def test_again_writes_the_same(self, world: World) -> None:
        world.save_card(world.customer())
        known = {"requests": 0, "seconds": 0}
        first = world.services.sync.run(full=True)
        again = world.services.sync.run(full=True)
        assert first.as_json() | known == again.as_json() | known
        assert_complete(world)

    def test_lost_methods_are_marked_removed(self, world: World) -> None:
        method = world.save_card(world.customer())
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(seconds=1)
        world.services.sync.run(full=True)
        assert world.services.payment_methods.get(method).is_detached

    def test_a_customer_that_was_deleted_does_not_stop_the_others(self, world: World) -> None:
        gone, stays = world.customer("Gone"), world.customer("Stays")
        method = world.save_card(stays)
        stripe_account.delete(world, f"/v1/customers/{gone}")
        world.clock.advance(seconds=1)
        world.services.sync.run(full=True)
        assert count(world, "customers", f"id = '{gone}' AND is_deleted = 1") == 1
        assert not world.services.payment_methods.get(method).is_detached

    def test_what_changes_behind_the_reader_is_learnt_by_the_next_sync(self, world: World) -> None:
        seed_sessions(world.stripe, 40, now=world.clock(), payments=10)
        world.clock.advance(minutes=5)
        customer = sorted(listed_ids(world, "customers"))[0]
        changed: list[str] = []

        def meanwhile(state: dict[str, object]) -> None:
            world.clock.advance(seconds=20)
            if state["doing"] == "payment_intents" and not changed:
                stripe_account.post(world, f"/v1/customers/{customer}", name="Renamed behind")
                changed.append(customer_elsewhere(world))
                changed.append(session_elsewhere(world, changed[0]))
                world.fill(changed[1])

        world.services.sync.run(progress=meanwhile)
        assert changed
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert world.services.customers.get(customer).name == "Renamed behind"
        assert_complete(world)


class Seen:
    """What lists brought, object by object."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: Counter[str] = Counter()
        self.pages = 0
        gateway = world.services.gateway
        list_page, lock = gateway.list_page, threading.Lock()

        def looking(type_: str, **given: Any) -> Any:
            page = list_page(type_, **given)
            with lock:
                self.pages += 1
                self.ids.update(
                    getattr(item, "session", getattr(item, "setup_intent", item)).id
                    for item in page.items
                )
            return page

        monkeypatch.setattr(gateway, "list_page", looking)


class TestStopped:
    @pytest.mark.parametrize("readers", [1, parallel_reader.READERS])
    @pytest.mark.parametrize("after", [1, 4, 9])
    def test_goes_on_where_it_was(
        self, world: World, monkeypatch: pytest.MonkeyPatch, after: int, readers: int
    ) -> None:
        monkeypatch.setattr(parallel_reader, "READERS", readers)
        monkeypatch.setattr(parallel_reader, "PAGES_AHEAD", readers)
        seed_sessions(world.stripe, 1150, now=world.clock())
        world.clock.advance(days=3)
        written: set[object] = set()

        def stop(state: dict[str, object]) -> None:
            written.add(state["checkout_sessions"])
            if len(written - {0}) == after:
                raise JobInterrupted

        seen = Seen(world, monkeypatch)
        with pytest.raises(JobInterrupted):
            world.services.sync.run(full=True, only=["checkout_sessions"], progress=stop)
        kept = count(world, "checkout_sessions")
        first = seen.pages
        assert 0 < kept < 1150
        world.services.sync.run(full=True, only=["checkout_sessions"])
        assert count(world, "checkout_sessions") == 1150
        again = sum(number - 1 for number in seen.ids.values())
        in_flight = 2 * readers
        assert again <= 100 * in_flight, "only what was read and not yet written"
        if readers == 1:
            assert seen.pages - first <= 12 - after + in_flight

    def test_after_every_single_page_of_every_type(self, world: World) -> None:
        """However often it is stopped: each run comes further."""
        seed_sessions(world.stripe, 30, now=world.clock(), payments=16)
        seed_sessions(world.stripe, 90, now=world.clock())
        wanted = {type_: listed_ids(world, type_) for type_ in TABLES}
        runs = 0

        def stop(_: dict[str, object]) -> None:
            raise JobInterrupted

        while True:
            runs += 1
            try:
                world.services.sync.run(progress=stop)
            except JobInterrupted:
                assert runs < 150
                continue
            break
        assert {type_: ids(world, type_) for type_ in TABLES} == wanted

    def test_by_kill_in_the_middle_of_a_page(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows written, transaction open, process gone."""
        seed_sessions(world.stripe, 550, now=world.clock(), payments=20)
        program = f"""
import datetime, os, pathlib, signal
from lib import bootstrap
from lib.settings import load_settings
from lib.store.sync_state import SyncStore
from tests.world import ALICE
pages, advance = [], SyncStore.advance_window
def advance_and_die(self, *given, **more):
    advance(self, *given, **more)
    pages.append(given)
    if len(pages) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
SyncStore.advance_window = advance_and_die
settings = load_settings(pathlib.Path("."), {{
    "ONFILE_DATA_DIR": {str(world.settings.data_dir)!r}, "ONFILE_MAX_RPS": "0"}})
moment = datetime.datetime.fromtimestamp({world.now}, datetime.UTC)
services = bootstrap.build_services(
    settings, clock=lambda: moment, api_base={world.server.base_url!r}, bcrypt_rounds=4)
services.sync.run_now(by=ALICE)
"""
        child = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr
        dead = latest(world, BACKFILL)
        assert dead.state == "running"
        done = sum(row[0] for row in rows(world, "SELECT objects FROM sync_windows"))
        stored = count(world, "customers") + count(world, "checkout_sessions")
        assert done == stored > 0, "rows and position are one transaction"
        assert world.services.sync.run_waiting(BACKFILL) is None, "it may be alive"
        world.clock.advance(seconds=STALE_SECONDS + 1)
        seen = Seen(world, monkeypatch)
        ended = world.services.sync.run_waiting(BACKFILL)
        assert ended is not None
        assert (ended.id, ended.state) == (dead.id, "done")
        assert_complete(world)
        assert sum(seen.ids[id_] for id_ in listed_ids(world, "customers")) < 550

    def test_by_an_error_keeps_what_was_read(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 130, now=world.clock())
        world.stripe.faults.add("GET", "/v1/setup_intents", kind="error_500_unsaved", times=10_000)
        with pytest.raises(OutcomeUnknown):
            world.services.sync.run()
        world.stripe.faults.clear()
        assert count(world, "customers") == count(world, "checkout_sessions") == 130
        assert "backfill" not in cursors(world)
        assert world.services.sync.needs_backfill()
        assert world.services.sync.last_done_at() is None
        world.clock.advance(minutes=1)
        seen = watched(world, monkeypatch)
        world.services.sync.run()
        assert seen[PATHS["customers"]] == seen[PATHS["checkout_sessions"]] == 0
        assert_complete(world)

    def test_two_processes_at_once(self, world: World) -> None:
        seed_sessions(world.stripe, 240, now=world.clock(), payments=40)
        other = bootstrap.build_services(
            world.settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        together = threading.Barrier(2)
        failed: list[BaseException] = []

        def read(sync: Any) -> None:
            try:
                together.wait()
                sync.run(full=True)
            except BaseException as error:  # noqa: BLE001
                failed.append(error)

        both = [threading.Thread(target=read, args=(s.sync,)) for s in (world.services, other)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert failed == []
        assert_complete(world)


class TestOneTypeAlone:
    def test_is_read_beside_an_unfinished_reading_of_everything(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It read that type before, and a row was lost since: 0 synced would be a lie."""
        seed_sessions(world.stripe, 130, now=world.clock())
        world.stripe.faults.add("GET", "/v1/setup_intents", kind="error_500_unsaved", times=100)
        with pytest.raises(GatewayError):
            world.services.sync.run()
        world.stripe.faults.clear()
        with world.shell() as connection:
            connection.execute(
                "DELETE FROM customers WHERE id IN (SELECT id FROM customers LIMIT 50)"
            )
        result = world.services.sync.run(full=True, only=["customers"])
        assert result.customers == len(listed_ids(world, "customers")) == count(world, "customers")
        assert world.services.sync.needs_backfill()
        seen = watched(world, monkeypatch)
        world.services.sync.run()
        assert seen[PATHS["customers"]] == 0, "the other one goes on where it was"
        assert_complete(world)

    def test_goes_on_where_it_was_itself(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 30, now=world.clock())
        world.stripe.faults.add("GET", "/v1/setup_intents", kind="error_500_unsaved", times=100)
        only = ["customers", "setup_intents"]
        with pytest.raises(GatewayError):
            world.services.sync.run(full=True, only=only)
        world.stripe.faults.clear()
        seen = watched(world, monkeypatch)
        world.services.sync.run(full=True, only=only[::-1])
        assert set(seen) == {PATHS["setup_intents"]}
        assert rows(world, "SELECT id FROM backfills WHERE finished_at IS NULL") == []

    def test_takes_nothing_from_what_was_read_before(self, world: World) -> None:
        def health_says_unread() -> bool:
            facts = world.services.reports.health.facts(has_webhooks=False)
            return facts.complete_at is None or facts.reading_since is not None

        seed_sessions(world.stripe, 3, now=world.clock())
        assert health_says_unread()
        world.services.sync.run()
        assert not health_says_unread()
        for types, is_unread in ((["customers"], False), ([], True)):
            world.stripe.faults.add("GET", "/v1/customers", kind="error_500_unsaved", times=100)
            with pytest.raises(GatewayError):
                world.services.sync.run(full=True, only=types)
            world.stripe.faults.clear()
            assert health_says_unread() is is_unread

    def test_left_open_it_ends_when_everything_is_read(self, world: World) -> None:
        session_elsewhere(world, customer_elsewhere(world))
        world.stripe.faults.add("GET", "/v1/customers", kind="error_500_unsaved", times=100)
        with pytest.raises(GatewayError):
            world.services.sync.run(full=True, only=["customers"])
        world.stripe.faults.clear()
        world.services.sync.run()
        assert rows(world, "SELECT id FROM backfills WHERE finished_at IS NULL") == []
        assert rows(world, "SELECT * FROM sync_windows") == []
        assert_complete(world)


class TestCancelled:
    def cancel_in_the_middle(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        seed_sessions(world.stripe, 450, now=world.clock())
        world.services.sync.request(by=ALICE)
        write, read = backfill.record_listed, []

        def cancelling(*given: Any, **more: Any) -> Any:
            read.extend(given[2])
            return write(*given, **more)

        monkeypatch.setattr(backfill, "record_listed", cancelling)
        watch = world.services.sync.jobs.run
        cancelled: list[bool] = []

        def run(job: Any, work: Any, **more: Any) -> Any:
            def cancel(_: dict[str, object]) -> None:
                if len(read) >= 250 and not cancelled:
                    cancelled.append(True)
                    assert world.services.sync.cancel(BACKFILL, by=ALICE)

            return watch(job, work, **more | {"watch": cancel})

        with monkeypatch.context() as patched:
            patched.setattr(world.services.sync.jobs, "run", run)
            world.services.sync.run_waiting(BACKFILL)

    def test_what_was_read_is_kept_and_nothing_goes_on_by_itself(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.cancel_in_the_middle(world, monkeypatch)
        job = latest(world, BACKFILL)
        assert (job.state, job.cancel_requested_by) == ("cancelled", "alice")
        assert 250 <= count(world, "customers") < 450
        assert count(world, "sync_windows") > 0
        for _ in range(3):
            world.clock.advance(hours=1)
            world.services.sync.request_scheduled()
        assert latest(world, BACKFILL).id == job.id
        assert latest(world, SYNC).state == "queued", "news does not wait for it"
        assert world.services.sync.request(by=ALICE)
        assert latest(world, BACKFILL).state == "queued"
        seen = Seen(world, monkeypatch)
        world.services.sync.run_waiting(BACKFILL)
        assert_complete(world)
        assert sum(seen.ids[one] for one in listed_ids(world, "customers")) < 450

    def test_a_failed_one_goes_on_after_ten_minutes(self, world: World) -> None:
        world.save_card(world.customer())
        world.stripe.faults.add("GET", "/v1/refunds", kind="error_500_unsaved", times=10_000)
        world.services.sync.request(by=ALICE)
        with pytest.raises(GatewayError):
            world.services.sync.run_waiting(BACKFILL)
        world.stripe.faults.clear()
        failed = latest(world, BACKFILL)
        assert failed.state == "failed"
        assert failed.error
        world.clock.advance(minutes=9)
        world.services.sync.request_scheduled()
        assert latest(world, BACKFILL).id == failed.id
        world.clock.advance(minutes=1)
        world.services.sync.request_scheduled()
        world.services.sync.run_waiting(BACKFILL)
        assert latest(world, BACKFILL).state == "done"
        assert_complete(world)


class TestWithoutPermission:
    @pytest.mark.parametrize(
        ("type_", "permission"),
        [
            ("customers", "rak_customer_read"),
            ("checkout_sessions", "rak_checkout_session_read"),
            ("setup_intents", "rak_setup_intent_read"),
            ("payment_intents", "rak_payment_intent_read"),
            ("charges", "rak_charge_read"),
            ("refunds", "rak_refund_read"),
            ("disputes", "rak_dispute_read"),
            ("payment_methods", "rak_payment_method_read"),
        ],
    )
    def test_that_type_is_named_and_the_others_are_read(
        self, world: World, type_: str, permission: str
    ) -> None:
        seed_sessions(world.stripe, 60, now=world.clock(), payments=24)
        services = world.services
        deny(world, permission)
        result = incomplete(world.services.sync.run)
        assert any(permission in problem for problem in result.problems)
        assert type_.replace("_", " ") in " ".join(result.problems)
        # Customers bring methods; expansions need what they expand.
        alone = {"customers": {"payment_methods"}}.get(type_, set()) | {type_}
        for other in {*TABLES} - alone:
            if permission not in (
                "rak_charge_read",
                "rak_payment_method_read",
                "rak_setup_intent_read",
            ):
                assert ids(world, other) == listed_ids(world, other), other
        assert world.services.sync.needs_backfill()
        world.services = services
        world.services.sync.run()
        assert_complete(world)

    def test_of_methods_is_asked_for_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 60, now=world.clock())
        deny(world, "rak_payment_method_read")
        seen = watched(world, monkeypatch)
        incomplete(world.services.sync.run)
        assert sum(path.endswith("/payment_methods") for path in seen.paths) == 1

    @pytest.mark.parametrize("permission", ["rak_dispute_read", "rak_payment_method_read"])
    def test_for_a_month_costs_few_reads_and_keeps_no_verification_waiting(
        self, world: World, monkeypatch: pytest.MonkeyPatch, permission: str
    ) -> None:
        """Once every ten minutes for ever, and eight readers each time, were 3.5 allowances."""
        seed_sessions(world.stripe, 30, now=world.clock())
        world.clock.advance(days=1)
        deny(world, permission)
        worker = world.worker
        worker.do_urgent()
        worker.do_long()
        seen, tried = watched(world, monkeypatch), list[int]()
        for hour in range(0, 60):
            for _ in range(6):
                world.clock.advance(minutes=10)
                world.services.sync.request_scheduled()
                if latest(world, BACKFILL).state == "queued":
                    tried.append(hour)
                    worker.do_long()
        assert tried == [0, 1, 7, 31, 55]
        refused = "/v1/disputes" if permission == "rak_dispute_read" else "/payment_methods"
        assert sum(path.endswith(refused) for path in seen.paths) <= 2 * len(tried)
        verification = latest(world, VERIFY)
        assert verification.state == "failed"
        assert permission in (verification.error or "")
        verified = {
            verification.type: verification.error
            for verification in world.services.sync.verifications()
        }
        assert {type_ for type_, error in verified.items() if error} <= {
            "disputes",
            "payment_methods",
            "checkout_sessions",
            "setup_intents",
        }
        assert verified["customers"] is verified["payment_intents"] is None

    def test_a_retry_asks_for_what_was_refused_and_nothing_else(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 130, now=world.clock())
        services = world.services
        deny(world, "rak_dispute_read", "rak_refund_read")
        incomplete(world.services.sync.run)
        seen = watched(world, monkeypatch)
        incomplete(world.services.sync.run)
        assert dict(seen) == {PATHS["disputes"]: 1, PATHS["refunds"]: 1}
        world.services = services
        services.sync.run()
        assert_complete(world)
        assert not services.sync.needs_backfill()

    def test_no_verification_while_something_else_is_unread(self, world: World) -> None:
        seed_sessions(world.stripe, 30, now=world.clock())
        deny(world, "rak_customer_read")
        world.stripe.faults.add("GET", "/v1/disputes", kind="error_500_unsaved", times=100)
        with pytest.raises(GatewayError):
            world.services.sync.run()
        world.services.sync.request_scheduled()
        assert world.services.sync.latest(VERIFY) is None
        world.stripe.faults.clear()
        incomplete(world.services.sync.run)
        world.services.sync.request_scheduled()
        assert latest(world, VERIFY).state == "queued"
