"""Jobs: asked for, claimed by one process, kept alive, ended, and asked for by the clock."""

from __future__ import annotations

import contextlib

import pytest

from lib.errors import GatewayError, Missing, NotPermitted
from lib.services.mirror.result import Progress
from lib.services.mirror.sync import BACKFILL, SYNC, TYPES
from lib.store.jobs import STALE_SECONDS, Job
from tests.world import ALICE, BOB, VERA, World


class TestJobs:
    def test_from_request_to_done(self, world: World) -> None:
        world.save_card(world.customer())
        assert world.services.sync.request(by=ALICE)
        assert not world.services.sync.request(by=BOB), "one waits already"
        waiting = world.services.sync.latest(BACKFILL)
        assert waiting is not None
        assert (waiting.state, waiting.requested_by) == ("queued", "alice")
        world.clock.advance(seconds=2)
        world.worker.run_once()
        done = world.services.sync.latest(BACKFILL)
        assert done is not None
        assert done.id == waiting.id
        assert done.state == "done"
        assert (done.result or {})["checkout_sessions"] == 1
        assert done.progress["doing"] in TYPES
        assert world.services.sync.last_done_at() == world.now
        assert world.services.sync.run_waiting(BACKFILL) is None

    def test_progress_is_seen_from_outside_while_it_runs(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.save_card(world.customer())
        world.services.sync.request(by=ALICE)
        seen: list[object] = []
        listing = world.services.gateway.list_payment_methods

        def looking(*given, **named):
            job = world.services.sync.latest(BACKFILL)
            assert job is not None
            seen.append((job.state, job.progress.get("checkout_sessions")))
            return listing(*given, **named)

        monkeypatch.setattr(world.services.gateway, "list_payment_methods", looking)
        world.services.sync.run_waiting(BACKFILL)
        assert seen == [("running", 1)]

    def test_a_failure_is_kept_and_the_next_one_may_be_asked_for(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
        with pytest.raises(GatewayError):
            world.services.sync.run_waiting(BACKFILL)
        failed = world.services.sync.latest(BACKFILL)
        assert failed is not None
        assert (failed.state, failed.finished_at) == ("failed", world.now)
        assert failed.error
        assert world.services.sync.last_done_at() is None
        assert world.services.sync.request(by=ALICE)

    def test_a_failing_sync_never_stops_the_worker(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
        world.worker.run_once()
        assert world.services.sync.needs_backfill()
        world.stripe.faults.clear()
        world.clock.advance(minutes=90)
        world.worker.run_once()
        latest = world.services.sync.latest(BACKFILL)
        assert latest is not None
        assert latest.state == "done"

    def test_a_job_whose_process_died_is_taken_over(self, world: World) -> None:
        world.services.sync.request(by=ALICE)
        with world.services.uow.write() as stores:
            dead = stores.jobs.claim(now=world.now, kind=BACKFILL)
        assert dead is not None
        assert world.services.sync.run_waiting(BACKFILL) is None
        world.clock.advance(seconds=STALE_SECONDS + 1)
        done = world.services.sync.run_waiting(BACKFILL)
        assert done is not None
        assert (done.id, done.state) == (dead.id, "done")

    def test_a_process_that_stood_still_lets_go_of_what_another_took_over(
        self, world: World
    ) -> None:
        runner = world.services.sync.jobs
        first = runner.take(BACKFILL, request_by=ALICE)
        assert first is not None
        reports: list[dict[str, object]] = []
        others: list[Job] = []

        def work(progress: Progress) -> dict[str, object]:
            world.clock.advance(seconds=STALE_SECONDS + 1)
            taken = runner.take(BACKFILL)
            assert taken is not None
            others.append(taken)
            progress({"doing": "customers"})
            raise AssertionError("it went on")

        assert runner.run(first, work, watch=reports.append) is None
        [second] = others
        assert second.id == first.id
        ended = runner.run(second, lambda _: {"customers": 7})
        assert ended is not None
        assert (ended.state, ended.result, ended.progress) == ("done", {"customers": 7}, {})

    @pytest.mark.parametrize("fails", [False, True])
    def test_nor_does_its_end_overwrite_the_others(self, world: World, fails: bool) -> None:
        runner = world.services.sync.jobs
        first = runner.take(BACKFILL, request_by=ALICE)
        assert first is not None

        def work(_: Progress) -> dict[str, object]:
            world.clock.advance(seconds=STALE_SECONDS + 1)
            second = runner.take(BACKFILL)
            assert second is not None
            runner.run(second, lambda _: {"customers": 7})
            if fails:
                raise Missing("the work of one that was suspended")
            return {"customers": 0}

        with pytest.raises(Missing) if fails else contextlib.nullcontext():
            assert runner.run(first, work) is None
        job = world.services.sync.latest(BACKFILL)
        assert job is not None
        assert (job.state, job.result, job.error) == ("done", {"customers": 7}, None)

    def test_the_worker_asks_for_each_by_itself_when_it_is_time(self, world: World) -> None:
        """First everything, then what changed every hour, as webhooks are set up."""
        world.worker.run_once()
        first = world.services.sync.latest(BACKFILL)
        assert first is not None
        assert (first.state, first.requested_by) == ("done", "system")
        world.clock.advance(seconds=1)
        world.worker.run_once()
        sync = world.services.sync.latest(SYNC)
        assert sync is not None
        assert (sync.state, sync.requested_by) == ("done", "system")
        world.clock.advance(minutes=59)
        world.worker.run_once()
        assert world.services.sync.latest(SYNC) == sync
        world.clock.advance(minutes=1)
        world.worker.run_once()
        second = world.services.sync.latest(SYNC)
        assert second is not None
        assert second.id != sync.id
        assert world.services.sync.latest(BACKFILL) == first

    def test_a_run_on_the_command_line_leaves_the_same_record(self, world: World) -> None:
        result = world.services.sync.run_now(by=BOB)
        latest = world.services.sync.latest(BACKFILL)
        assert latest is not None
        assert (latest.state, latest.requested_by) == ("done", "bob")
        assert latest.result == result.as_json()

    def test_a_viewer_may_not(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.sync.request(by=VERA)
        with pytest.raises(NotPermitted):
            world.services.sync.run_now(by=VERA)
