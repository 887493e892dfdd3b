"""Stores: nothing half done, nothing older over newer, one taker of one job."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.jobs import JobState
from lib.domain.list_windows import Window
from lib.domain.mirror import (
    CheckoutSession,
    Customer,
    PaymentIntent,
    PaymentMethod,
    SessionBundle,
    SetupIntent,
)
from lib.store.connection import connect
from lib.store.jobs import STALE_SECONDS, Job
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

CUSTOMER = Customer("cus_1", False, "New", "new@example.com", 10)
METHOD = PaymentMethod(
    id="pm_1",
    livemode=False,
    type="card",
    customer="cus_1",
    brand="visa",
    last4="4242",
    exp_month=12,
    exp_year=2030,
    funding="credit",
    country="US",
    fingerprint="f",
    billing_name=None,
    billing_email=None,
    created=10,
)
SETUP = SetupIntent("seti_1", False, "succeeded", "cus_1", "pm_1", "off_session", None, None, 10)
SESSION = CheckoutSession(
    id="cs_test_1",
    livemode=False,
    mode="setup",
    status="complete",
    customer="cus_1",
    customer_email=None,
    customer_name=None,
    currency=None,
    setup_intent="seti_1",
    client_reference_id=None,
    link_id=None,
    reference=None,
    url=None,
    created=10,
    expires_at=20,
)
INTENT = PaymentIntent(
    id="pi_1",
    livemode=False,
    status="succeeded",
    customer="cus_1",
    payment_method="pm_1",
    amount=100,
    currency="usd",
    charge_id=None,
    attempt=None,
    latest_charge=None,
    description=None,
    error=None,
    created=10,
)


def row(uow: UnitOfWork, table: str, key: str) -> dict[str, Any]:
    connection = sqlite3.connect(uow.pool.path)
    connection.row_factory = sqlite3.Row
    result = connection.execute(f"SELECT * FROM {table} WHERE id = ?", (key,)).fetchone()
    connection.close()
    return dict(result)


class TestUnitOfWork:
    @pytest.mark.parametrize("stopped_by", [KeyError, SystemExit, KeyboardInterrupt])
    def test_whatever_stops_it_takes_everything_back(
        self, uow: UnitOfWork, stopped_by: type[BaseException]
    ) -> None:
        def stopped() -> None:
            with uow.write() as stores:
                stores.mirror.save_customers([CUSTOMER], synced_at_ms=1)
                stores.sync.set_cursor("customers", 5)
                raise stopped_by

        with pytest.raises(stopped_by):
            stopped()
        with uow.read() as stores:
            assert stores.mirror.customer("cus_1") is None
            assert stores.sync.cursor("customers") is None

    def test_reading_cannot_write(self, uow: UnitOfWork) -> None:
        with uow.read() as stores, pytest.raises(sqlite3.OperationalError):
            stores.sync.set_cursor("customers", 5)

    def test_reading_sees_one_moment(self, uow: UnitOfWork) -> None:
        with uow.read() as reading:
            assert reading.users.count() == 0
            with UnitOfWork(uow.pool.path).write() as writing:
                writing.users.add(
                    username="a",
                    name="A",
                    email="a@example.com",
                    roles=frozenset(),
                    password_hash="x",
                    at=1,
                )
            assert reading.users.count() == 0
        with uow.read() as again:
            assert again.users.count() == 1

    def test_ten_writers_that_read_first_all_come_through(self, uow: UnitOfWork) -> None:
        """With a deferred BEGIN the upgrade from reading to writing would fail at once."""
        together = threading.Barrier(10)

        def add_one(_: int) -> None:
            together.wait()
            with uow.write() as stores:
                stores.sync.set_cursor("n", (stores.sync.cursor("n") or 0) + 1)

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(add_one, range(10)))
        with uow.read() as stores:
            assert stores.sync.cursor("n") == 10


class TestOlderNews:
    def test_never_overwrites_newer_and_the_same_moment_may(self, uow: UnitOfWork) -> None:
        new = SessionBundle(SESSION, SETUP, METHOD)
        old = SessionBundle(
            replace(SESSION, status="open", customer=None),
            replace(SETUP, status="requires_payment_method", payment_method=None),
            replace(METHOD, last4="0000"),
        )
        with uow.write() as stores:
            mirror, payments = stores.mirror, stores.payments
            assert mirror.save_bundles([new], synced_at_ms=2000) == 1
            assert mirror.save_customers([CUSTOMER], synced_at_ms=2000) == 1
            assert payments.save_payment_intents([INTENT], synced_at_ms=2000) == 1
            assert mirror.save_bundles([old], synced_at_ms=1999) == 0
            assert mirror.save_setup_intents([old.setup_intent], synced_at_ms=1999) == 0  # type: ignore[list-item]
            assert mirror.save_payment_methods([old.payment_method], synced_at_ms=1999) == 0  # type: ignore[list-item]
            assert mirror.save_customers([replace(CUSTOMER, name="Old")], synced_at_ms=1999) == 0
            assert (
                payments.save_payment_intents(
                    [replace(INTENT, status="processing")], synced_at_ms=1999
                )
                == 0
            )
        assert row(uow, "checkout_sessions", "cs_test_1")["status"] == "complete"
        assert row(uow, "setup_intents", "seti_1")["status"] == "succeeded"
        assert row(uow, "payment_methods", "pm_1")["last4"] == "4242"
        assert row(uow, "customers", "cus_1")["name"] == "New"
        assert row(uow, "payment_intents", "pi_1")["status"] == "succeeded"
        with uow.write() as stores:
            again = [replace(CUSTOMER, name="Same moment")]
            assert stores.mirror.save_customers(again, synced_at_ms=2000) == 1

    def test_when_a_session_completed_is_when_it_was_first_seen_complete(
        self, uow: UnitOfWork
    ) -> None:
        bundle = SessionBundle(SESSION, None, None)
        with uow.write() as stores:
            stores.mirror.save_bundles([bundle], synced_at_ms=5_000)
            stores.mirror.save_bundles([bundle], synced_at_ms=90_000)
        result = row(uow, "checkout_sessions", "cs_test_1")
        assert (result["completed_at"], result["synced_at_ms"]) == (5, 90_000)

    def test_a_page_counts_what_it_wrote_and_no_more(self, uow: UnitOfWork) -> None:
        two = [CUSTOMER, replace(CUSTOMER, id="cus_2")]
        with uow.write() as stores:
            assert stores.mirror.save_customers(two, synced_at_ms=10) == 2
            assert stores.mirror.save_customers([], synced_at_ms=11) == 0
            mixed = [CUSTOMER, replace(CUSTOMER, id="cus_3")]
            assert stores.mirror.save_customers(mixed, synced_at_ms=9) == 1


class TestPages:
    """Of a page some rows are known and some new, in any order."""

    def test_all_are_written_and_each_is_counted_once(self, uow: UnitOfWork) -> None:
        known = [replace(CUSTOMER, id=f"cus_{n}") for n in range(3)]
        page = [replace(CUSTOMER, id=f"cus_{n}", name="Later") for n in range(1, 5)]
        with uow.write() as stores:
            stores.mirror.save_customers(known, synced_at_ms=5)
            assert stores.mirror.save_customers(page, synced_at_ms=6) == 4

        with uow.read() as stores:
            result = [stores.mirror.customer(f"cus_{n}") for n in range(5)]
        assert [c and c.name for c in result] == ["New", "Later", "Later", "Later", "Later"]

    def test_rows_of_older_news_are_not_counted_beside_new_ones(self, uow: UnitOfWork) -> None:
        page = [CUSTOMER, replace(CUSTOMER, id="cus_2")]
        with uow.write() as stores:
            stores.mirror.save_customers([CUSTOMER], synced_at_ms=5)
            assert stores.mirror.save_customers(page, synced_at_ms=4) == 1

    def test_one_named_twice_is_there_once(self, uow: UnitOfWork) -> None:
        twice = [
            SessionBundle(replace(SESSION, id=f"cs_test_{n}"), SETUP, METHOD) for n in range(2)
        ]
        with uow.write() as stores:
            assert stores.mirror.save_bundles(twice, synced_at_ms=5) == 2

        with uow.read() as stores:
            assert [m.id for m in stores.mirror.payment_methods_of("cus_1")] == ["pm_1"]

    def test_sessions_are_counted_by_state_also_new_states(
        self, uow: UnitOfWork, raw: sqlite3.Connection
    ) -> None:
        states = ["complete", "open", "complete", "paused"]
        page = [
            SessionBundle(replace(SESSION, id=f"cs_test_{n}", status=state), None, None)
            for n, state in enumerate(states)
        ]
        for _ in range(2):
            with uow.write() as stores:
                stores.mirror.save_bundles(page, synced_at_ms=5)

        counted = dict(raw.execute("SELECT state, n FROM session_counts WHERE n > 0").fetchall())
        assert counted == {"complete": 2, "open": 1, "paused": 1}

    def test_a_row_the_schema_refuses_takes_its_transaction_back(self, uow: UnitOfWork) -> None:
        """So that nobody can keep half of a page."""
        wrong: Any = replace(CUSTOMER, id="cus_2", created=None)
        database = connect(uow.pool.path)
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.IntegrityError):
            Stores(database).mirror.save_customers([CUSTOMER, wrong], synced_at_ms=5)

        assert not database.conn.in_transaction
        database.close()
        with uow.read() as stores:
            assert stores.mirror.customer("cus_1") is None


class TestDetached:
    def test_a_method_that_lost_its_customer_stays_removed(self, uow: UnitOfWork) -> None:
        gone = replace(METHOD, customer=None)
        with uow.write() as stores:
            stores.mirror.save_payment_methods([METHOD], synced_at_ms=10)
            stores.mirror.mark_detached("pm_1", synced_at_ms=20)
            stores.mirror.save_payment_methods([METHOD], synced_at_ms=15)
            stores.mirror.save_payment_methods([gone], synced_at_ms=30)
            result = stores.mirror.payment_method("pm_1")
        assert result is not None
        assert (result.is_detached, result.customer) == (True, None)

    def test_one_that_never_had_a_customer_only_needs_one(self, uow: UnitOfWork) -> None:
        guest = replace(METHOD, customer=None)
        with uow.write() as stores:
            stores.mirror.save_payment_methods([guest], synced_at_ms=10)
            stores.mirror.save_payment_methods([guest], synced_at_ms=20)
            result = stores.mirror.payment_method("pm_1")
            assert result is not None
            assert not result.is_detached
            stores.mirror.save_payment_methods([METHOD], synced_at_ms=30)
            result = stores.mirror.payment_method("pm_1")
        assert result is not None
        assert (result.is_detached, result.customer) == (False, "cus_1")

    def test_missing_from_a_full_list_is_removed_unless_written_since(
        self, uow: UnitOfWork
    ) -> None:
        methods = [replace(METHOD, id=f"pm_{n}") for n in range(3)]
        with uow.write() as stores:
            stores.mirror.save_payment_methods(methods[:2], synced_at_ms=10)
            stores.mirror.save_payment_methods(methods[2:], synced_at_ms=30)
            stores.mirror.mark_missing_methods_detached("cus_1", ["pm_0"], synced_at_ms=20)
            result = {m.id for m in stores.mirror.payment_methods_of("cus_1")}
        assert result == {"pm_0", "pm_2"}

    def test_a_deleted_customer_takes_the_methods_along(self, uow: UnitOfWork) -> None:
        other = replace(METHOD, id="pm_2", customer="cus_2")
        with uow.write() as stores:
            stores.mirror.save_customers([CUSTOMER], synced_at_ms=10)
            stores.mirror.save_payment_methods([METHOD, other], synced_at_ms=10)
            stores.mirror.mark_customer_deleted("cus_1", synced_at_ms=20)
            customer = stores.mirror.customer("cus_1")
            mine = stores.mirror.payment_method("pm_1")
            theirs = stores.mirror.payment_method("pm_2")
            assert stores.mirror.save_customers([CUSTOMER], synced_at_ms=15) == 0
        assert customer is not None
        assert mine is not None
        assert theirs is not None
        assert customer.is_deleted
        assert mine.is_detached
        assert not theirs.is_detached

    def test_one_that_was_saved_for_a_customer_and_has_none_was_removed(
        self, uow: UnitOfWork
    ) -> None:
        """Detached before Onfile ever looked: only the session still tells whose it was."""
        before_us = replace(METHOD, customer=None, is_detached=True, last_customer="cus_1")
        with uow.write() as stores:
            stores.mirror.save_payment_methods([before_us], synced_at_ms=10)
            first = stores.mirror.payment_method("pm_1")
            # A guest's card, as the list of PaymentMethods says it: without any customer.
            plain = replace(METHOD, customer=None)
            stores.mirror.save_payment_methods([plain], synced_at_ms=20)
            assert stores.mirror.payment_method("pm_1") == first == before_us
            stores.mirror.save_payment_methods([replace(plain, id="pm_2")], synced_at_ms=20)
            stores.mirror.save_payment_methods([replace(before_us, id="pm_2")], synced_at_ms=30)
            result = stores.mirror.payment_method("pm_2")
        assert result is not None
        assert (result.is_detached, result.last_customer) == (True, "cus_1")

    def test_addresses_compare_as_a_person_does_among_the_living(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            stores.mirror.save_customers(
                [
                    replace(CUSTOMER, email="Büro@xn--bcher-kva.example"),
                    replace(CUSTOMER, id="cus_2", email="büro@bücher.example", is_deleted=True),
                    replace(CUSTOMER, id="cus_3", email="buro@bücher.example"),
                    replace(CUSTOMER, id="cus_4", email=None),
                ],
                synced_at_ms=10,
            )
            result = stores.mirror.customers_with_address("BU\u0308RO\u2060@BÜCHER.example")
            assert [c.id for c in result] == ["cus_1"]
            renamed = replace(CUSTOMER, email="Neu@Firma.example")
            stores.mirror.save_customers([renamed], synced_at_ms=20)
            assert stores.mirror.customers_with_address("büro@bücher.example") == []
            assert stores.mirror.customers_with_address("neu@firma.example") == [renamed]

    def test_a_payment_keeps_what_was_owed_and_who_made_it(self, uow: UnitOfWork) -> None:
        marked = replace(INTENT, reference="INV-0017", installation="inst_1")
        with uow.write() as stores:
            stores.payments.save_payment_intents([marked], synced_at_ms=10)
        saved = row(uow, "payment_intents", "pi_1")
        assert (saved["reference"], saved["reference_key"]) == ("INV-0017", "inv17")
        assert saved["installation"] == "inst_1"
        with uow.write() as stores:
            stores.payments.save_payment_intents([INTENT], synced_at_ms=20)
        assert row(uow, "payment_intents", "pi_1")["reference_key"] is None


class TestGoneBeforeItWasHere:
    """The event of a deletion overtakes the page that was asked for before it."""

    def test_a_customer(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            stores.mirror.mark_customer_deleted("cus_1", synced_at_ms=20)
            assert stores.mirror.customer("cus_1") is None, "nothing nameless in any list"
            stores.mirror.save_customers([CUSTOMER], synced_at_ms=10)
            assert stores.mirror.customer("cus_1") == replace(CUSTOMER, is_deleted=True)
            stores.mirror.save_customers([CUSTOMER], synced_at_ms=15)
            assert stores.mirror.living_customers(after="", limit=9) == []
            # Only an answer to a later question knows better.
            stores.mirror.save_customers([CUSTOMER], synced_at_ms=30)
            assert stores.mirror.customer("cus_1") == CUSTOMER

    @pytest.mark.parametrize("is_known", [False, True])
    def test_the_methods_of_a_deleted_customer(self, uow: UnitOfWork, is_known: bool) -> None:
        with uow.write() as stores:
            if is_known:
                stores.mirror.save_customers([CUSTOMER], synced_at_ms=5)
            stores.mirror.mark_customer_deleted("cus_1", synced_at_ms=20)
            stores.mirror.save_payment_methods(
                [METHOD, replace(METHOD, id="pm_2", customer="cus_2")], synced_at_ms=10
            )
            mine, theirs = map(stores.mirror.payment_method, ("pm_1", "pm_2"))
        assert mine == replace(METHOD, customer=None, is_detached=True, last_customer="cus_1")
        assert theirs is not None
        assert (theirs.customer, theirs.is_detached) == ("cus_2", False)

    def test_a_method(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            stores.mirror.mark_detached("pm_1", synced_at_ms=20)
            stores.mirror.mark_detached("pm_1", synced_at_ms=18)
            stores.mirror.save_payment_methods([METHOD], synced_at_ms=19)
            result = stores.mirror.payment_method("pm_1")
            assert result == replace(METHOD, customer=None, is_detached=True, last_customer="cus_1")
            stores.mirror.save_payment_methods([replace(METHOD, customer=None)], synced_at_ms=30)
            assert stores.mirror.payment_method("pm_1") == result

    def test_a_method_of_which_a_later_answer_is_the_first(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            stores.mirror.mark_detached("pm_1", synced_at_ms=20)
            stores.mirror.save_payment_methods([replace(METHOD, customer=None)], synced_at_ms=30)
            result = stores.mirror.payment_method("pm_1")
        assert result is not None
        assert result.is_detached, "it is no guest's card that waits for a customer"


class TestJobs:
    def add(self, uow: UnitOfWork, job_id: str, at: int = 100) -> bool:
        with uow.write() as stores:
            return stores.jobs.add(job_id, kind="sync", params={}, by="alice", at=at)

    def claim(self, uow: UnitOfWork, now: int = 100) -> Job | None:
        with uow.write() as stores:
            return stores.jobs.claim(now=now, kind="sync")

    def test_one_waiting_or_running_of_a_kind(self, uow: UnitOfWork) -> None:
        assert self.add(uow, "job_1")
        assert not self.add(uow, "job_2")
        job = self.claim(uow)
        assert job
        assert not self.add(uow, "job_2")
        with uow.write() as stores:
            assert stores.jobs.end(job, state=JobState.DONE, result={"n": 1}, at=101)
        assert self.add(uow, "job_2")

    def test_one_of_ten_threads_takes_it(self, uow: UnitOfWork) -> None:
        self.add(uow, "job_1")
        together = threading.Barrier(10)

        def take(_: int) -> Job | None:
            together.wait()
            return self.claim(uow)

        with ThreadPoolExecutor(10) as pool:
            taken = [job for job in pool.map(take, range(10)) if job]
        assert [job.id for job in taken] == ["job_1"]

    def test_a_job_whose_worker_died_is_taken_over(self, uow: UnitOfWork) -> None:
        self.add(uow, "job_1")
        assert self.claim(uow, now=100)
        assert self.claim(uow, now=100 + STALE_SECONDS) is None
        again = self.claim(uow, now=101 + STALE_SECONDS)
        assert again is not None
        assert (again.id, again.started_at) == ("job_1", 100)

    def test_progress_keeps_it(self, uow: UnitOfWork) -> None:
        self.add(uow, "job_1")
        job = self.claim(uow, now=100)
        assert job
        with uow.write() as stores:
            stores.jobs.progress(job, progress={"doing": "customers"})
            assert stores.jobs.keep_alive(job, at=125)
        assert self.claim(uow, now=140) is None
        with uow.read() as stores:
            result = stores.jobs.find("job_1")
        assert result is not None
        assert result.progress == {"doing": "customers"}

    def test_whoever_took_it_before_has_lost_it(self, uow: UnitOfWork) -> None:
        """A process that was suspended wakes up beside the one that took its job over."""
        self.add(uow, "job_1")
        before = self.claim(uow, now=100)
        after = self.claim(uow, now=101 + STALE_SECONDS)
        assert before
        assert after
        with uow.write() as stores:
            assert not stores.jobs.keep_alive(before, at=999)
            stores.jobs.progress(before, progress={"doing": "customers"})
            assert not stores.jobs.end(before, state=JobState.FAILED, at=140)
            result = stores.jobs.find("job_1")
            assert result
            assert (result.state, result.heartbeat_at, result.progress) == ("running", 131, {})
            assert stores.jobs.keep_alive(after, at=140)
            assert stores.jobs.end(after, state=JobState.DONE, at=141)
            assert not stores.jobs.end(after, state=JobState.FAILED, at=142)

    def test_failures_count_since_one_was_done(self, uow: UnitOfWork) -> None:
        result = []
        ends = ("failed", "done", "failed", "cancelled", "failed")
        for number, state in enumerate(map(JobState, ends)):
            self.add(uow, f"job_{number}")
            job = self.claim(uow)
            assert job
            with uow.write() as stores:
                stores.jobs.end(job, state=state, at=101)
                result.append(stores.jobs.failures_in_a_row("sync"))
        assert result == [1, 0, 1, 1, 2]

    def test_a_long_error_is_cut(self, uow: UnitOfWork) -> None:
        self.add(uow, "job_1")
        job = self.claim(uow)
        assert job
        with uow.write() as stores:
            stores.jobs.end(job, state=JobState.FAILED, error="x" * 100_000, at=1)
            result = stores.jobs.find("job_1")
        assert result is not None
        assert len(result.error or "") == 1000
        assert result.state == "failed"


class TestRequests:
    def test_a_repeat_sends_what_was_written_down_first(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            first = stores.requests.plan("k", operation="o", params={"a": 1}, by="alice", at=1)
            again = stores.requests.plan("k", operation="o", params={"a": 2}, by="bob", at=2)
            stores.requests.finish("k", object_id="cus_1", at=3)
            stores.requests.finish("k", object_id="cus_2", at=4)
            assert stores.requests.result("k") == "cus_1"
        assert first == again == {"a": 1}


class TestAuditChain:
    def write(self, uow: UnitOfWork, *actions: str) -> None:
        with uow.write() as stores:
            for action in actions:
                stores.audit.record(at=1, actor="alice", action=action, subject="s", detail={})

    def tamper(self, uow: UnitOfWork, statement: str) -> None:
        connection = sqlite3.connect(uow.pool.path)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
        connection.execute("DROP TRIGGER audit_log_is_never_changed")
        connection.execute("DROP TRIGGER audit_log_is_never_deleted")
        connection.execute(statement)
        connection.commit()
        connection.close()

    def test_whole(self, uow: UnitOfWork) -> None:
        self.write(uow, "a", "b", "c")
        with uow.read() as stores:
            check = stores.audit.verify()
        assert (check.ok, check.entries, check.first_broken) == (True, 3, None)
        assert len(check.head) == 64

    def test_an_empty_log_is_whole(self, uow: UnitOfWork) -> None:
        with uow.read() as stores:
            check = stores.audit.verify()
        assert (check.ok, check.entries) == (True, 0)

    @pytest.mark.parametrize(
        ("statement", "first_broken"),
        [
            ("UPDATE audit_log SET actor = 'bob' WHERE id = 2", 2),
            ("UPDATE audit_log SET at = 2 WHERE id = 1", 1),
            ("""UPDATE audit_log SET detail = '{"x": 1}' WHERE id = 3""", 3),
            ("DELETE FROM audit_log WHERE id = 2", 3),
            ("DELETE FROM audit_log WHERE id = 1", 2),
            ("UPDATE audit_log SET hash = 'x' WHERE id = 2", 2),
            ("UPDATE audit_log SET detail = CAST(x'ff22' AS TEXT) WHERE id = 2", 2),
            ("UPDATE audit_log SET actor = actor || char(0) || 'x' WHERE id = 3", 3),
        ],
    )
    def test_tampering_with_the_file_is_found(
        self, uow: UnitOfWork, statement: str, first_broken: int
    ) -> None:
        self.write(uow, "a", "b", "c")
        self.tamper(uow, statement)
        with uow.read() as stores:
            check = stores.audit.verify()
        assert (check.ok, check.first_broken) == (False, first_broken)

    def test_the_head_written_down_elsewhere_shows_a_cut_end(self, uow: UnitOfWork) -> None:
        """A chain cannot know that its last entries are gone; the head can."""
        self.write(uow, "a", "b")
        with uow.read() as stores:
            head = stores.audit.verify().head
        self.write(uow, "c")
        self.tamper(uow, "DELETE FROM audit_log WHERE id >= 2")
        with uow.read() as stores:
            check = stores.audit.verify()
        assert check.ok
        assert check.head != head


class TestWindows:
    def test_a_reader_of_an_ended_backfill_moves_nothing_of_the_next(self, uow: UnitOfWork) -> None:
        """Two `sync --full` at once: the second ends the first, which reads on for a page or two."""
        with uow.write() as stores:
            stores.sync.begin_backfill("bf_old", types=("customers",), at=100)
            old = Window(0, 100)
            stores.sync.add_window("bf_old", "customers", old)
            stores.sync.end_backfill("bf_old", at=100)
            stores.sync.begin_backfill("bf_new", types=("customers",), at=100)
            stores.sync.add_window("bf_new", "customers", Window(0, 100))
        with uow.write() as stores:
            stores.sync.shorten_window(old.id, created_from=90)
            stores.sync.advance_window(
                old.id, after_id="cus_1", after_created=5, objects=100, is_done=True
            )
            stores.sync.add_window("bf_old", "customers", Window(0, 50))
        with uow.write() as stores:
            (new,) = stores.sync.windows("bf_new", "customers")
            assert (new.created_from, new.created_before) == (0, 100)
            assert not new.is_done
            assert (new.after_id, new.objects) == (None, 0)
            stores.sync.end_backfill("bf_new", at=100)
            assert stores.sync.windows("bf_old", "customers") == []

    @pytest.mark.parametrize("late", [(8, False), (20, False), (8, True)], ids=str)
    def test_nothing_moves_a_window_back(self, uow: UnitOfWork, late: tuple[int, bool]) -> None:
        """What a process brings that stood still while another went on."""
        with uow.write() as stores:
            stores.sync.begin_backfill("bf", types=("customers",), at=100)
            stores.sync.add_window("bf", "customers", window := Window(0, 100))

            def advance(created: int, *, is_done: bool = False) -> Window:
                stores.sync.advance_window(
                    window.id,
                    after_id=f"cus_{created}",
                    after_created=created,
                    objects=1,
                    is_done=is_done,
                )
                return stores.sync.windows("bf", "customers")[0]

            advance(30)
            assert advance(10).after_created == 10
            assert advance(20).after_id == "cus_10"
            assert advance(9, is_done=True).is_done
            assert advance(late[0], is_done=late[1]).is_done

    def test_nor_back_in_the_order_of_ids(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            stores.sync.begin_backfill("bf", types=("payment_methods",), at=100)
            stores.sync.add_window("bf", "payment_methods", window := Window(0, 100))
            for last in ("cus_b", "cus_a"):
                stores.sync.advance_window(
                    window.id, after_id=last, after_created=None, objects=1, is_done=False
                )
            assert stores.sync.windows("bf", "payment_methods")[0].after_id == "cus_b"


def test_each_store_is_of_the_class_beside_its_name(uow: UnitOfWork) -> None:
    with uow.read() as stores:
        made = {name: type(getattr(stores, name)).__name__ for name in Stores.__annotations__}
        assert stores.charges is stores.charges
    assert made == Stores.__annotations__
    assert len(made) > 50
