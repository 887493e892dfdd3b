"""Networks, Stripe and disks as they are at times: unnoticed when it passes, said when it lasts."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from bench.seed_bulk import seed_sessions
from lib.errors import Missing, OnfileError
from lib.services.mirror import backfill
from lib.services.mirror.sync import BACKFILL, SYNC
from lib.store import connection
from lib.store.jobs import Job
from tests import stripe_account
from tests.mirror_checks import (
    PATHS,
    SESSIONS,
    assert_complete,
    count,
    cursors,
    latest,
    listed_ids,
    paid_elsewhere,
    rows,
    watched,
)
from tests.world import ALICE, World, impatient

REASONS = (
    "global-rate",
    "endpoint-rate",
    "global-concurrency",
    "endpoint-concurrency",
    "resource-specific",
)
FAULTS: dict[str, tuple[str, str | None]] = {
    "lost_reply": ("lost_reply", None),
    "lost_request": ("lost_request", None),
    "error_500_unsaved": ("error_500_unsaved", None),
    "rate_limited": ("rate_limited", None),
    **{f"rate_limited {reason}": ("rate_limited", reason) for reason in REASONS},
    "lock_timeout": ("lock_timeout", None),
    "conflict_409": ("conflict_409", None),
    "truncated_json": ("truncated_json", None),
    "slow": ("slow", "0.05"),
}
LIST_FAULTS = FAULTS | {"empty_page_has_more": ("empty_page_has_more", None)}
# Not one more: methods are asked for customer by customer.
TWO_PAGES = 101
LASTING = sorted(set(LIST_FAULTS) - {"slow"} - {f"rate_limited {reason}" for reason in REASONS[1:]})


def run(world: World, kind: str) -> None:
    """As the worker does: what fails is written down, not raised."""
    world.services.sync.jobs.request(kind, by=ALICE)
    try:
        world.services.sync.run_waiting(kind)
    except OnfileError as error:
        told = str(error)
        assert latest(world, kind).error == told


def assert_done(world: World, kind: str) -> None:
    job = latest(world, kind)
    assert (job.state, job.error) == ("done", None)


def assert_failed(world: World, kind: str) -> None:
    job = latest(world, kind)
    assert job.state == "failed"
    assert (job.error or "").endswith(".")
    assert job.finished_at == world.now


class TestBackfill:
    @pytest.mark.parametrize("type_", ["customers", "checkout_sessions"])
    def test_a_list_meets_every_fault_that_passes(self, world: World, type_: str) -> None:
        """All kinds one after another, each for nearly as many requests as a call is repeated."""
        seed_sessions(world.stripe, TWO_PAGES, now=world.clock())
        path = f"{PATHS[type_]}$"
        for kind, detail in LIST_FAULTS.values():
            world.stripe.faults.clear()
            world.stripe.faults.add("GET", path, kind=kind, detail=detail, times=3, after=1)
            result = world.services.sync.run(full=True, only=[type_])
            assert getattr(result, type_) == count(world, type_) == TWO_PAGES
            assert world.stripe.faults.waiting() == [], kind

    @pytest.mark.parametrize("fault", LASTING)
    def test_one_that_lasts_ends_it_and_the_next_one_goes_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
    ) -> None:
        seed_sessions(world.stripe, TWO_PAGES, now=world.clock(), payments=20)
        kind, detail = LIST_FAULTS[fault]
        world.stripe.faults.add("GET", f"{SESSIONS}$", kind=kind, detail=detail, times=999, after=1)
        run(world, BACKFILL)
        assert_failed(world, BACKFILL)
        assert count(world, "customers") == TWO_PAGES
        assert "backfill" not in cursors(world)
        world.stripe.faults.clear()
        seen = watched(world, monkeypatch)
        run(world, BACKFILL)
        assert_done(world, BACKFILL)
        assert seen["/v1/customers"] == 0
        assert_complete(world)

    @pytest.mark.parametrize("status", ["400", "404"])
    def test_the_object_that_marks_the_place_vanishes(
        self, world: World, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        monkeypatch.setattr("lib.stripe_gateway.parallel_reader.READERS", 1)
        seed_sessions(world.stripe, 430, now=world.clock())
        world.stripe.faults.add("GET", "/v1/customers$", kind="vanish", detail=status, times=3)
        world.services.sync.run(full=True, only=["customers"])
        assert world.stripe.faults.waiting() == []
        assert count(world, "customers") == 430

    def test_it_really_vanishes(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Three customers are deleted, each while it marks the place."""
        monkeypatch.setattr("lib.stripe_gateway.parallel_reader.READERS", 1)
        seed_sessions(world.stripe, 430, now=world.clock())
        seen = watched(world, monkeypatch)
        gone: list[str] = []

        def meanwhile(path: str, params: dict[str, object]) -> None:
            mark = str(params.get("starting_after", ""))
            if path == "/v1/customers" and mark and mark not in gone and len(gone) < 3:
                gone.append(mark)
                stripe_account.delete(world, f"/v1/customers/{mark}")

        seen.before_each = meanwhile
        world.services.sync.run()
        assert len(gone) == 3
        world.clock.advance(minutes=5)
        world.services.sync.run()
        assert_complete(world)


class TestMethodsOfACustomer:
    def test_every_fault_that_passes(self, world: World) -> None:
        methods = {world.save_card(world.customer()) for _ in range(3)}
        for kind, detail in LIST_FAULTS.values():
            world.stripe.faults.clear()
            for customer in listed_ids(world, "customers"):
                path = f"/v1/customers/{customer}/payment_methods"
                times = 1 if kind == "slow" else 4
                world.stripe.faults.add("GET", path, kind=kind, detail=detail, times=times)
            world.services.sync.run(full=True, only=["payment_methods"])
            assert world.stripe.faults.waiting() == [], kind
        kept = rows(world, "SELECT id FROM payment_methods WHERE customer IS NOT NULL")
        assert {row[0] for row in kept} == methods

    @pytest.mark.parametrize("fault", LASTING)
    def test_one_that_lasts_marks_nothing_as_gone(self, world: World, fault: str) -> None:
        customers = [world.customer() for _ in range(2)]
        for customer in customers:
            world.save_card(customer)
        kind, detail = LIST_FAULTS[fault]
        path = f"/v1/customers/{customers[1]}/payment_methods"
        world.stripe.faults.add("GET", path, kind=kind, detail=detail, times=999)
        world.clock.advance(minutes=1)
        run(world, BACKFILL)
        assert_failed(world, BACKFILL)
        assert count(world, "payment_methods", "is_detached = 0") == 2
        world.stripe.faults.clear()
        run(world, BACKFILL)
        assert_done(world, BACKFILL)
        assert_complete(world)

    @pytest.mark.parametrize("status", ["400", "404"])
    def test_a_method_that_vanishes_between_two_pages_is_not_a_customer_that_did(
        self, world: World, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        """A customer with more methods than a page holds."""
        monkeypatch.setattr("lib.stripe_gateway.lists.PAGE", 2)
        customer = world.customer()
        for _ in range(5):
            world.save_card(customer)
        path = f"/v1/customers/{customer}/payment_methods"
        world.stripe.faults.add("GET", path, kind="vanish", detail=status, after=1)
        world.clock.advance(seconds=1)
        world.services.sync.run(full=True, only=["payment_methods"])
        assert world.stripe.faults.waiting() == []
        assert count(world, "customers", "is_deleted = 1") == 0
        assert count(world, "payment_methods", f"customer = '{customer}'") == 5

    def test_a_list_that_changes_all_the_time_ends_in_an_error(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lib.stripe_gateway.lists.PAGE", 2)
        customer = world.customer()
        for _ in range(3):
            world.save_card(customer)
        gateway = world.services.gateway
        listing = gateway.list_payment_methods

        def changing(customer_id: str, *, after: str | None = None) -> object:
            if after is not None:
                raise Missing("gone", param="starting_after")
            return listing(customer_id)

        monkeypatch.setattr(gateway, "list_payment_methods", changing)
        world.clock.advance(seconds=1)
        run(world, BACKFILL)
        assert count(world, "customers", "is_deleted = 1") == 0, "that would be a lie"
        assert_failed(world, BACKFILL)


class TestEvents:
    def changed(self, world: World) -> str:
        """Something that only events tell."""
        customer = world.customer("Before")
        world.services.sync.run()
        world.clock.advance(hours=1)
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(minutes=5)
        return customer

    @pytest.mark.parametrize("path", ["/v1/events", "/v1/customers/"])
    def test_every_fault_that_passes(self, world: World, path: str) -> None:
        """While they are listed, and while what they are about is fetched."""
        customer = self.changed(world)
        faults = LIST_FAULTS if path == "/v1/events" else FAULTS
        for number, (kind, detail) in enumerate(faults.values()):
            world.stripe.faults.clear()
            stripe_account.post(world, f"/v1/customers/{customer}", name=f"Name {number}")
            times = 1 if kind == "slow" else 4
            world.stripe.faults.add("GET", path, kind=kind, detail=detail, times=times)
            run(world, SYNC)
            assert_done(world, SYNC)
            assert world.stripe.faults.waiting() == [], kind
            assert world.services.customers.get(customer).name == f"Name {number}"
            world.clock.advance(minutes=5)

    @pytest.mark.parametrize("fault", LASTING)
    def test_a_list_that_fails_for_long_ends_the_sync_and_moves_no_cursor(
        self, world: World, fault: str
    ) -> None:
        customer = self.changed(world)
        before = cursors(world)
        kind, detail = LIST_FAULTS[fault]
        world.stripe.faults.add("GET", "/v1/events", kind=kind, detail=detail, times=999)
        run(world, SYNC)
        assert_failed(world, SYNC)
        assert cursors(world)["events"] == before["events"]
        world.stripe.faults.clear()
        world.clock.advance(minutes=5)
        run(world, SYNC)
        assert_done(world, SYNC)
        assert world.services.customers.get(customer).name == "After"

    @pytest.mark.parametrize("fault", sorted(set(LASTING) & set(FAULTS)))
    def test_an_object_that_cannot_be_fetched_waits_in_the_inbox(
        self, world: World, fault: str
    ) -> None:
        """The sync itself is done: it is known what changed, and nobody forgets it."""
        customer = self.changed(world)
        kind, detail = FAULTS[fault]
        world.stripe.faults.add("GET", "/v1/customers/", kind=kind, detail=detail, times=999)
        run(world, SYNC)
        assert_done(world, SYNC)
        waiting = rows(world, "SELECT error FROM webhook_deliveries WHERE state = 'failed'")
        assert waiting
        assert all(error for (error,) in waiting)
        world.stripe.faults.clear()
        world.clock.advance(minutes=5)
        world.worker.do_urgent()
        assert world.services.customers.get(customer).name == "After"

    def test_an_object_deleted_between_the_event_and_the_question(self, world: World) -> None:
        customer = self.changed(world)
        world.stripe.forget(customer)
        run(world, SYNC)
        assert_done(world, SYNC)
        assert count(world, "customers", "is_deleted = 1") == 1
        assert count(world, "webhook_deliveries", "state <> 'processed'") == 0

    def test_a_payment_that_vanished_stops_nothing(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.services.sync.run()
        world.clock.advance(minutes=30)
        intent = paid_elsewhere(world, customer, method)
        refund = stripe_account.post(world, "/v1/refunds", payment_intent=intent)
        world.stripe.forget(str(refund["id"]))
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(minutes=5)
        run(world, SYNC)
        assert_done(world, SYNC)
        assert world.services.customers.get(customer).name == "After"
        assert count(world, "stripe_refunds") == 0


class TestDisk:
    def test_an_error_in_the_middle_of_a_page_writes_half_of_nothing(self, world: World) -> None:
        seed_sessions(world.stripe, 230, now=world.clock())
        middle = sorted(listed_ids(world, "customers"))[100]
        with world.shell() as shell:
            shell.execute(
                f"""CREATE TRIGGER breaks BEFORE INSERT ON customers WHEN NEW.id = '{middle}'
                    BEGIN SELECT raise(ABORT, 'disk I/O error'); END"""
            )
        world.services.sync.jobs.request(BACKFILL, by=ALICE)
        with pytest.raises(sqlite3.Error, match="disk I/O error"):
            world.services.sync.run_waiting(BACKFILL)
        job = latest(world, BACKFILL)
        assert (job.state, job.error) == ("failed", "disk I/O error")
        read = rows(world, "SELECT coalesce(sum(objects), 0) FROM sync_windows")[0][0]
        assert count(world, "customers") == read < 230
        with world.shell() as shell:
            shell.execute("DROP TRIGGER breaks")
        run(world, BACKFILL)
        assert_done(world, BACKFILL)
        assert_complete(world)

    def test_a_full_disk(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """A real SQLITE_FULL: the file may not grow any more."""
        seed_sessions(world.stripe, 330, now=world.clock())
        connect, limit = connection.connect, 0

        def small(*given: object, **more: object) -> object:
            built = connect(*given, **more)  # type: ignore[arg-type]
            if limit:
                built.execute(f"PRAGMA max_page_count = {limit}")
            return built

        for module in ("connection_pool", "unit_of_work"):
            monkeypatch.setattr(f"lib.store.{module}.connect", small)
        world.services.close()
        limit = rows(world, "PRAGMA page_count")[0][0] + 12
        world.services.sync.jobs.request(BACKFILL, by=ALICE)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            world.services.sync.run_waiting(BACKFILL)
        stuck = latest(world, BACKFILL)
        assert stuck.state in ("failed", "running"), "its end may not have fitted either"
        assert (stuck.error or "").endswith("full") == (stuck.state == "failed")
        read = rows(world, "SELECT coalesce(sum(objects), 0) FROM sync_windows")[0][0]
        assert count(world, "customers") + count(world, "checkout_sessions") == read
        limit = 1_000_000
        world.services.close()
        world.clock.advance(minutes=10)
        world.worker.do_urgent()
        world.worker.do_long()
        assert_done(world, BACKFILL)
        assert_complete(world)

    def test_a_database_that_is_locked_for_too_long(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 130, now=world.clock())
        impatient(world, monkeypatch)
        holder = sqlite3.connect(
            world.settings.database, isolation_level=None, check_same_thread=False
        )
        write = backfill.record_listed
        pages: list[object] = []
        released = threading.Event()

        def page(*given: object, **more: object) -> object:
            pages.append(given)
            found = write(*given, **more)  # type: ignore[arg-type]
            if len(pages) == 2:
                held.start()
            return found

        def hold() -> None:
            # Its turn comes when the page is committed.
            holder.execute("PRAGMA busy_timeout = 5000")
            holder.execute("BEGIN IMMEDIATE")
            released.wait(5)
            holder.execute("ROLLBACK")

        held = threading.Thread(target=hold)
        monkeypatch.setattr(backfill, "record_listed", page)
        world.services.sync.jobs.request(BACKFILL, by=ALICE)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            world.services.sync.run_waiting(BACKFILL)
        released.set()
        held.join()
        holder.close()
        world.clock.advance(minutes=10)
        world.worker.do_urgent()
        world.worker.do_long()
        assert_done(world, BACKFILL)
        assert_complete(world)

    def test_a_heartbeat_that_cannot_be_written_once_goes_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise a second process would take the job over while the first one works."""
        monkeypatch.setattr("lib.services.mirror.jobs.BEAT_SECONDS", 0.001)
        beats: list[object] = []
        enough = threading.Event()
        alive = type(_jobs(world)).keep_alive

        def failing(self: object, job: Job, *, at: int) -> bool:
            if threading.current_thread().name == "onfile-heartbeat":
                beats.append(job.id)
                if len(beats) == 1:
                    raise sqlite3.OperationalError("database is locked")
                enough.set()
            return alive(self, job, at=at)  # type: ignore[arg-type]

        monkeypatch.setattr(type(_jobs(world)), "keep_alive", failing)
        runner = world.services.sync.jobs
        job = runner.take(SYNC, request_by=ALICE)
        assert job is not None

        def work(_: object) -> dict[str, object]:
            assert enough.wait(10)
            return {}

        ended = runner.run(job, work)
        assert ended is not None
        assert ended.state == "done"


def _jobs(world: World) -> object:
    with world.services.uow.read() as stores:
        return stores.jobs


class TestClock:
    @pytest.mark.parametrize(
        "ahead", [{"minutes": 6}, {"minutes": 59}, {"hours": 2}, {"days": 730}]
    )
    def test_a_row_written_by_a_clock_that_ran_ahead_gives_way(
        self, world: World, ahead: dict[str, float]
    ) -> None:
        customer = world.customer("Before")
        session = rows(world, "SELECT count(*) FROM customers")
        assert session == [(1,)]
        method = world.save_card(customer)
        intent = paid_elsewhere(world, customer, method)
        right = world.clock.now
        world.clock.advance(**ahead)
        world.services.sync.run(full=True)
        world.clock.now = right
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        stripe_account.post(world, "/v1/refunds", payment_intent=intent)
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        world.clock.advance(minutes=5)
        world.services.sync.run(full=True)
        assert world.services.customers.get(customer).name == "After"
        assert world.services.payment_methods.get(method).is_detached
        assert count(world, "stripe_charges", "amount_refunded = 1234") == 1
        latest_ms = rows(world, "SELECT max(synced_at_ms) FROM stripe_charges")[0][0]
        assert latest_ms <= world.now * 1000

    def test_a_question_of_minutes_ago_is_older_news(self, world: World) -> None:
        """An answer that was long on its way."""
        customer = world.customer("Before")
        world.clock.advance(minutes=40)
        stripe_account.post(world, f"/v1/customers/{customer}", name="Newer")
        world.services.return_page.refetcher.customer(customer)
        with world.services.uow.write() as stores:
            row = stores.mirror.customer(customer)
            assert row is not None
            old = type(row)(customer, False, "Older", row.email, row.created)
            stores.mirror.save_customers([old], synced_at_ms=(world.now - 40 * 60) * 1000)
        assert world.services.customers.get(customer).name == "Newer"
