"""Samples of a verification: what they find on the first day, how far they come in turn, what they cost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.seed_bulk import seed_sessions
from lib.domain.health import judge, light_of
from lib.domain.health_facts import Light
from lib.domain.verification import VerificationResult, VerificationRound
from lib.errors import StaleState
from lib.services.mirror.result import SyncResult
from lib.services.mirror.sync import VERIFY
from lib.store.verification import CompareStore
from tests import stripe_account
from tests.mirror_checks import (
    count,
    customer_elsewhere,
    hide_sessions_from_syncs,
    latest,
    paid_elsewhere,
    rows,
    watched,
)
from tests.world import ALICE, World, new_world

pytestmark = pytest.mark.server


def verify(world: World, *, full: bool = False) -> dict[str, VerificationResult]:
    return {
        verification.type: verification
        for verification in world.services.sync.verify_now(by=ALICE, full=full)
    }


def light(world: World) -> tuple[Light, list[str]]:
    world.services.sync.beat()
    remarks = judge(world.services.reports.health.facts(has_webhooks=False))
    return light_of(remarks), [remark.code for remark in remarks]


def next_day(world: World) -> None:
    world.clock.advance(days=1, minutes=1)
    world.worker.run_once()
    world.worker.run_once()


@pytest.fixture(scope="module")
def twelve_hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each of three types, read; the data folder."""
    folder = tmp_path_factory.mktemp("seeded")
    with new_world(folder) as world:
        seed_sessions(world.stripe, 1200, now=world.clock())
        world.clock.advance(days=3)
        world.services.sync.run()
    return folder / "data"


@pytest.fixture
def seeded(twelve_hundred: Path, tmp_path: Path) -> Iterator[World]:
    """Twelve hundred of each, settled for days."""
    with new_world(tmp_path, data=twelve_hundred) as world:
        world.clock.advance(days=3)
        world.services.sync.verification.samples.random = random.Random(3)
        yield world


def lose(world: World, table: str, first: int, number: int) -> None:
    with world.shell() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(
            f"""DELETE FROM {table} WHERE id IN (SELECT id FROM {table}
                ORDER BY created LIMIT {number} OFFSET {first})"""
        )


def lose_a_week(world: World, table: str) -> int:
    """A fifth of all the time, at random, without a trace; returns how many it held."""
    [(oldest, newest)] = rows(world, f"SELECT min(created), max(created) FROM {table}")
    length = (newest - oldest) // 5
    begin = random.Random(5).randint(oldest, newest - length)
    with world.shell() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        lost = connection.execute(
            f"DELETE FROM {table} WHERE created BETWEEN ? AND ?", (begin, begin + length)
        )
        return int(lost.rowcount)


class TestHoles:
    @pytest.mark.parametrize("first", [0, 330, 700])
    def test_a_quarter_that_is_lost_is_found_on_the_first_day(
        self, seeded: World, first: int
    ) -> None:
        lose(seeded, "setup_intents", first, 300)
        verification = verify(seeded)["setup_intents"]
        assert verification.missing >= 1
        assert verification.repaired == verification.missing
        assert verification.windows <= 7

    def test_one_that_is_not_the_widest_gap_is_found_by_moments_in_time(
        self, seeded: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On some of ten days, each as if it were the first."""
        moments = "SELECT created FROM setup_intents"
        before = [row[0] for row in rows(seeded, moments)]
        lose_a_week(seeded, "setup_intents")
        lost = set(before) - {row[0] for row in rows(seeded, moments)}
        kept = seeded.services.sync.verification.samples
        monkeypatch.setattr(CompareStore, "end_of_widest_gap", lambda *_, **__: None)
        found = 0
        for seed in range(10):
            kept.random = random.Random(seed)
            verification = VerificationResult("setup_intents", verified_at=seeded.now)
            parts = list(kept.parts(verification, seeded.now - 60, full=False))
            assert not verification.is_full
            found += any(
                part.created_from <= moment < part.created_before
                for part in parts
                for moment in lost
            )
        assert found >= 2

    def test_everything_is_compared_in_turn(self, seeded: World) -> None:
        everyone = [row[0] for row in rows(seeded, "SELECT id FROM customers ORDER BY position")]
        with seeded.shell() as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.executemany(
                "DELETE FROM customers WHERE id = ?", [(one,) for one in everyone[60::100]]
            )
        sampling = seeded.services.sync.verification
        began, days = seeded.now, 0
        while not _round(seeded, "customers").covered_since:
            verification = VerificationResult("customers", verified_at=seeded.now)
            sampling.verify_listed(
                verification, seeded.now - 60, SyncResult(), lambda _: None, full=False
            )
            left = _round(seeded, "customers").windows_left
            assert left <= 15 - days
            seeded.clock.advance(days=1)
            days += 1
        assert days <= 16
        assert _round(seeded, "customers").covered_since == began
        assert _round(seeded, "customers").position is None
        assert count(seeded, "customers") == len(everyone)

    def test_methods_are_compared_in_turn(self, world: World) -> None:
        for number in range(12):
            world.save_card(world.customer(f"C{number}"))
        world.services.sync.run()
        world.clock.advance(days=1)
        began = world.now
        for _ in range(3):
            world.services.sync.run()
            hide_sessions_from_syncs(world)
            verification = verify(world)["payment_methods"]
            assert 5 <= verification.windows <= 10
            assert not verification.is_full
            world.clock.advance(days=1)
        assert _round(world, "payment_methods").covered_since == began


def _round(world: World, type_: str) -> VerificationRound:
    return world.services.sync.rounds().get(type_) or VerificationRound(type_, 0)


class TestLight:
    def test_is_not_green_again_before_everything_was_compared(self, seeded: World) -> None:
        next_day(seeded)
        assert light(seeded) == (Light.GREEN, [])
        lose(seeded, "setup_intents", 300, 300)
        next_day(seeded)
        assert light(seeded) == (Light.RED, ["differs"])
        seen = []
        for _ in range(3):
            next_day(seeded)
            seen.append(light(seeded)[0])
        assert seen == [Light.AMBER] * 3
        seeded.services.sync.verify_now(by=ALICE, full=True)
        assert light(seeded) == (Light.GREEN, [])
        assert count(seeded, "setup_intents") == 1200

    def test_a_small_account_is_green_after_the_next_clean_one(self, world: World) -> None:
        world.save_card(world.customer())
        world.services.sync.run()
        world.clock.advance(hours=1)
        world.services.sync.run()
        with world.shell() as connection:
            connection.execute("UPDATE customers SET name = 'by hand'")
        verify(world)
        assert light(world) == (Light.RED, ["differs"])
        world.clock.advance(minutes=5)
        verify(world)
        assert light(world) == (Light.GREEN, [])

    def test_stays_green_while_other_programs_begin_and_give_up(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        paid_elsewhere(world, customer, world.save_card(customer, "4000000000000259"))
        given_up = stripe_account.post(world, "/v1/setup_intents", customer=customer)["id"]
        next_day(world)
        next_day(world)
        assert light(world) == (Light.GREEN, [])
        unpaid = {"amount": "100", "currency": "usd"}
        stripe_account.post(world, "/v1/payment_intents", **unpaid, customer=customer)
        nobodys = stripe_account.post(world, "/v1/payment_intents", **unpaid)["id"]
        edited = paid_elsewhere(world, customer, method)
        stripe_account.post(world, "/v1/setup_intents", customer=customer)
        stripe_account.post(world, f"/v1/setup_intents/{given_up}/cancel")
        paid_elsewhere(world, customer, method, capture_method="manual")
        [(dispute,)] = rows(world, "SELECT id FROM disputes")
        stripe_account.answer_dispute(world, str(dispute))
        for _ in range(2):
            world.clock.advance(minutes=30)
            world.services.sync.run()
        # Of these there is no event.
        stripe_account.post(world, f"/v1/payment_intents/{edited}", description="looked at")
        world.stripe.alter(nobodys, {"customer": customer})
        next_day(world)
        verifications = {
            verification.type: verification for verification in world.services.sync.verifications()
        }
        assert {type_: p.mismatches for type_, p in verifications.items() if p.mismatches} == {}
        late = {finding.id for finding in verifications["payment_intents"].findings}
        assert late == {edited, nobodys}
        assert verifications["payment_intents"].late == 2
        assert light(world) == (Light.GREEN, [])
        assert count(world, "payment_intents", "description = 'looked at'") == 1
        assert count(world, "payment_intents", f"id = '{nobodys}'") == 1

    def test_what_another_thread_has_in_hand_is_on_its_way(self, world: World) -> None:
        customer = world.customer("Before")
        method = world.save_card(customer)
        paid = paid_elsewhere(world, customer, method)
        world.services.sync.run()
        world.clock.advance(hours=2)
        world.services.sync.run()
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        stripe_account.post(world, "/v1/refunds", payment_intent=paid, amount="100")
        page = world.services.gateway.list_events(types=("customer.updated", "refund.created"))
        world.services.webhooks.take_listed(page.items)
        with world.services.uow.write() as stores:
            assert stores.deliveries.claim(now=world.now, waits=(30, 120), lease=300)
        world.clock.advance(seconds=70)
        verifications = verify(world)
        assert {type_: p.findings for type_, p in verifications.items() if p.findings} == {}
        assert light(world) == (Light.GREEN, [])
        assert world.services.customers.get(customer).name == "After"
        world.change(
            "UPDATE webhook_deliveries SET state = 'failed', next_try_at = NULL",
            "UPDATE customers SET name = 'by hand'",
        )
        assert verify(world)["customers"].differing == 1

    def test_a_comparison_that_fails_is_amber_with_its_reason(self, world: World) -> None:
        world.save_card(world.customer())
        next_day(world)
        next_day(world)
        world.stripe.faults.add("GET", "/v1/charges$", kind="error_500_unsaved", times=10_000)
        next_day(world)
        assert latest(world, VERIFY).state == "failed"
        facts = world.services.reports.health.facts(has_webhooks=False)
        [remark] = judge(facts)
        assert (remark.code, remark.light) == ("verification_failed", Light.AMBER)
        assert latest(world, VERIFY).error in remark.says


class TestWhatOthersHave:
    def test_little_is_read_and_kept_of_what_lies_between_two_of_ours(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Other programs' payments for nobody we know: a page of them at a time, and not all."""
        customer = world.customer()
        method = world.save_card(customer)
        paid_elsewhere(world, customer, method)
        first = stripe_account.post(world, "/v1/payment_intents", amount="100", currency="usd")[
            "id"
        ]
        _copies(world, first, 2500)
        world.clock.advance(days=1)
        paid_elsewhere(world, customer, method)
        world.services.sync.run()
        world.clock.advance(minutes=10)
        world.services.sync.run()
        seen = watched(world, monkeypatch)
        verification = verify(world)["payment_intents"]
        assert seen["/v1/payment_intents"] == 11
        assert (verification.is_full, verification.at_stripe, verification.mismatches) == (
            False,
            1,
            0,
        )
        full = verify(world, full=True)["payment_intents"]
        assert (full.is_full, full.at_stripe, full.mismatches) == (True, 2, 0)

    def test_a_person_can_stop_it_between_two_pages(self, world: World) -> None:
        customer_elsewhere(world)
        world.services.sync.run()
        first = stripe_account.post(world, "/v1/payment_intents", amount="100", currency="usd")[
            "id"
        ]
        _copies(world, first, 1500)
        world.clock.advance(days=1)
        world.services.sync.run()
        told = 0

        def stop(state: dict[str, object]) -> None:
            nonlocal told
            if state["doing"] == "payment_intents":
                told += 1
                if told == 3:
                    world.services.sync.cancel(VERIFY, by=ALICE)

        with pytest.raises(StaleState, match="stopped"):
            world.services.sync.verify_now(by=ALICE, full=True, progress=stop)
        assert told == 3
        assert latest(world, VERIFY).state == "cancelled"

    def test_what_is_missing_is_written_page_by_page(self, seeded: World) -> None:
        lose(seeded, "customers", 0, 1200)
        written = []
        matching = seeded.services.sync.verification.comparison
        write_over = matching.write_over

        def watch(type_: str, items: list[object], asked_at_ms: int) -> None:
            written.append(len(items))
            write_over(type_, items, asked_at_ms)

        matching.write_over = watch  # type: ignore[method-assign, assignment]
        verification = verify(seeded)["customers"]
        assert max(written) <= 101
        # A sample stops after about ten pages more; everything is for the full one.
        assert 900 <= verification.repaired == verification.missing <= 1200
        # Of this type alone: the methods of so many customers are a request each.
        everything = VerificationResult("customers", verified_at=seeded.now)
        seeded.services.sync.verification.verify_listed(
            everything, seeded.now - 60, SyncResult(), lambda _: None, full=True
        )
        assert count(seeded, "customers") == 1200


def _copies(world: World, first: str, number: int) -> None:
    """So many PaymentIntents like this, a second apart, made faster than by requests."""
    connection = world.stripe.database.connection()
    [row] = connection.execute("SELECT * FROM objects WHERE id = ?", (first,)).fetchall()
    with world.stripe.database.writing() as writing:
        for at in range(1, number + 1):
            copy = dict(row)
            copy["id"] = f"{first}{at}"
            copy["created"] = row["created"] + at
            copy["payload"] = (
                row["payload"]
                .replace(first, copy["id"])
                .replace(f'"created": {row["created"]}', f'"created": {copy["created"]}')
            )
            del copy["seq"]
            names = ", ".join(copy)
            writing.execute(
                f"INSERT INTO objects ({names}) VALUES ({', '.join('?' * len(copy))})",
                tuple(copy.values()),
            )


class TestBefore:
    def test_everything_was_read_there_is_nothing_to_compare(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = watched(world, monkeypatch)
        for ask in (world.services.sync.verify_now, world.services.sync.request_verification):
            with pytest.raises(StaleState, match="Not everything at Stripe was read yet"):
                ask(by=ALICE)
        assert seen.total() == 0
        assert world.services.sync.latest(VERIFY) is None


class TestJobs:
    def test_one_comparison_at_a_time(self, world: World) -> None:
        world.services.sync.run()
        jobs = world.services.sync.jobs
        world.services.sync.request_verification(by=ALICE)
        assert jobs.take(VERIFY)
        with pytest.raises(StaleState, match="running already"):
            verify(world)

    def test_leaves_a_record(self, world: World) -> None:
        world.services.sync.run()
        verify(world, full=True)
        job = latest(world, VERIFY)
        assert (job.state, job.requested_by, job.params) == ("done", "alice", {"full": True})

    def test_takes_along_what_was_asked_for_on_the_page(self, world: World) -> None:
        world.services.sync.run()
        world.services.sync.request_verification(by=ALICE, full=True)
        verify(world)
        assert latest(world, VERIFY).state == "done"
        assert all(verification.is_full for verification in world.services.sync.verifications())

    def test_one_type_alone_is_a_job_too(self, world: World) -> None:
        customer = customer_elsewhere(world)
        world.services.sync.run_now(by=ALICE, only=["customers"])
        job = latest(world, "sync")
        assert (job.state, job.requested_by) == ("done", "alice")
        assert job.params == {"only": ["customers"]}
        assert count(world, "customers", f"id = '{customer}'") == 1

    def test_one_type_alone_does_not_run_beside_another_sync(self, world: World) -> None:
        world.services.sync.jobs.request("sync", by=ALICE)
        with pytest.raises(StaleState, match="running already"):
            world.services.sync.run_now(by=ALICE, only=["customers"])

    def test_one_type_alone_whose_process_died_goes_on_as_that(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.services.sync.jobs.request("sync", by=ALICE, params={"only": ["refunds"]})
        seen = watched(world, monkeypatch)
        world.services.sync.run_waiting("sync")
        assert seen.paths == ["/v1/refunds"]

    def test_a_reading_that_a_person_stops_says_so(self, world: World) -> None:
        customer_elsewhere(world)

        def stop(_: dict[str, object]) -> None:
            world.services.sync.cancel("backfill", by=ALICE)

        with pytest.raises(StaleState, match="stopped"):
            world.services.sync.run_now(by=ALICE, progress=stop)
