"""When a run stops by itself: why it says, that nothing is lost, and that resuming goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib.domain.limits import Limits
from lib.domain.runs import RunState
from lib.store.meta import BEHIND
from tests.charge_runs import (
    counts,
    executed,
    invoices,
    payers,
    resumed,
    rows_of,
    started,
    started_by_two,
    uow,
)
from tests.stopped_runs import all_paid, around_send, one_payer, stopped
from tests.world import (
    ADA,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    World,
    key_of,
)


class TestCanary:
    def test_after_the_first_rows_it_pauses_and_is_resumed_to_the_end(self, world: World) -> None:
        run = executed(world, invoices(payers(world, 6)), canary=2)
        assert (run.state, run.stop_code) == (RunState.PAUSED, "canary")
        assert run.stop_message is not None
        assert "first 2 rows" in run.stop_message
        assert counts(world, run.id) == {"succeeded": 2, "planned": 4}
        assert all_paid(world, resumed(world, run.id), 6)

    def test_rows_that_were_never_sent_do_not_count(self, world: World) -> None:
        people = payers(world, 5)
        run_id = started(world, invoices(people), canary=2)
        for _, method in people[:2]:
            world.services.payment_methods.detach(method, by=ADA)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"blocked": 2, "succeeded": 2, "planned": 1}

    def test_nor_do_those_that_stripe_did_not_take(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3), canary=1)
        world.fault("rate_limited", times=4)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 1, "planned": 2}

    def test_a_death_between_does_not_make_it_longer(self, world: World) -> None:
        run_id = started(world, one_payer(world, 6), canary=3)
        world.services.runs.executor.execute(run_id, should_stop=after(2, world))
        assert counts(world, run_id) == {"succeeded": 2, "planned": 4}
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 3, "planned": 3}


def after(charges: int, world: World) -> Callable[[], bool]:
    return lambda: len(world.moved()) >= charges


class TestBreaker:
    def test_many_declines(self, world: World) -> None:
        people = payers(world, 4, ALWAYS_DECLINES)
        run = executed(world, invoices(people * 7))
        assert stopped(run, "many_declines")
        before = counts(world, run.id)
        assert before["declined"] >= 20
        assert before["planned"] >= 1
        assert resumed(world, run.id).state is RunState.FINISHED
        assert counts(world, run.id) == {"declined": 28}
        assert world.moved() == []

    def test_a_death_between_does_not_begin_the_window_anew(self, world: World) -> None:
        people = payers(world, 4, ALWAYS_DECLINES)
        run_id = started(world, invoices(people * 7))
        enough = lambda: counts(world, run_id).get("declined", 0) >= 12  # noqa: E731
        world.services.runs.executor.execute(run_id, should_stop=enough)
        before = counts(world, run_id)["declined"]
        assert world.services.runs.control.find(run_id).state is RunState.RUNNING
        assert 12 <= before < 20
        world.rebuild().runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "many_declines")
        assert 20 <= counts(world, run_id)["declined"] < 28

    def test_nor_a_row_of_blocks(self, world: World) -> None:
        run_id = started(world, one_payer(world, 8, BLOCKED_BY_STRIPE))
        enough = lambda: counts(world, run_id).get("declined", 0) >= 3  # noqa: E731
        world.services.runs.executor.execute(run_id, should_stop=enough)
        assert counts(world, run_id) == {"declined": 3, "planned": 5}
        world.rebuild().runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "blocked_by_stripe")
        assert counts(world, run_id) == {"declined": 5, "planned": 3}
        # A person who resumes has looked, and the count begins anew: three more are no row of five.
        assert resumed(world, run_id).state is RunState.FINISHED

    def test_whoever_dies_before_it_can_say_stop_leaves_the_stop_to_the_next(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 7, BLOCKED_BY_STRIPE))
        with monkeypatch.context() as patch:
            patch.setattr("lib.domain.breaker.MOST_BLOCKED", 100)
            enough = lambda: counts(world, run_id).get("declined", 0) >= 5  # noqa: E731
            world.services.runs.executor.execute(run_id, should_stop=enough)
        assert counts(world, run_id) == {"declined": 5, "planned": 2}
        world.rebuild().runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "blocked_by_stripe")
        assert counts(world, run_id) == {"declined": 5, "planned": 2}

    def test_what_was_proven_never_executed_is_no_answer(self, world: World) -> None:
        run_id = started(world, one_payer(world, 8))
        path = ("POST", "/v1/payment_intents")
        world.stripe.faults.add(*path, kind="error_500_saved", times=4)
        world.stripe.faults.add(*path, kind="error_500_saved", times=2, after=5)
        enough = lambda: counts(world, run_id).get("unknown", 0) >= 6  # noqa: E731
        world.services.runs.executor.execute(run_id, should_stop=enough)
        assert counts(world, run_id) == {"unknown": 6, "succeeded": 1, "planned": 1}
        world.clock.advance(hours=25)
        assert world.services.charge_resolver.resolve_due() == 6
        world.services.runs.executor.execute(run_id)
        assert all_paid(world, world.services.runs.control.find(run_id), 8)

    def test_no_answers(self, world: World) -> None:
        run_id = started(world, one_payer(world, 7))
        world.fault("lost_reply", times=5)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "no_answers")
        assert counts(world, run_id) == {"unknown": 5, "planned": 2}
        assert all_paid(world, resumed(world, run_id), 7)

    def test_blocked_by_stripe(self, world: World) -> None:
        run = executed(world, one_payer(world, 7, BLOCKED_BY_STRIPE))
        assert stopped(run, "blocked_by_stripe")
        assert counts(world, run.id) == {"declined": 5, "planned": 2}
        assert resumed(world, run.id).state is RunState.FINISHED

    def test_a_refused_key_stops_at_once_and_nothing_counts_as_sent(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        world.fault("missing_permission")
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "key_refused")
        assert counts(world, run_id) == {"planned": 3}
        assert all_paid(world, resumed(world, run_id), 3)

    def test_a_key_that_stripe_knows_with_other_parameters(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        first = rows_of(world, run_id)[0]
        world.stripe.handle(
            "POST",
            "/v1/payment_intents",
            {"amount": "77", "currency": "usd"},
            {
                "Authorization": "Bearer sk_test_practice",
                "Idempotency-Key": key_of(first),
            },
        )
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "key_reused")
        assert counts(world, run_id) == {"unknown": 1, "planned": 2}
        run = resumed(world, run_id)
        assert run.state is RunState.FINISHED
        assert counts(world, run_id) == {"unknown": 1, "succeeded": 2}

    def test_a_ledger_that_turns_out_to_be_behind_stops_it_and_blocks_no_row(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = started(world, one_payer(world, 4))

        def behind() -> None:
            with uow(world).write() as stores:
                stores.meta.set(BEHIND, str(world.now))

        around_send(monkeypatch, behind, lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "ledger_behind")
        assert counts(world, run_id) == {"succeeded": 1, "planned": 3}
        with uow(world).write() as stores:
            stores.meta.clear(BEHIND)
        assert all_paid(world, resumed(world, run_id), 4)

    def test_not_taken_stops_and_however_often_is_never_counted_as_a_try(
        self, world: World
    ) -> None:
        run_id = started(world, one_payer(world, 2))
        world.fault("rate_limited", times=1_000)
        world.services.runs.executor.execute(run_id)
        for _ in range(2):
            assert stopped(world.services.runs.control.find(run_id), "not_taken")
            assert counts(world, run_id) == {"planned": 2}
            resumed(world, run_id)
        world.stripe.faults.clear()
        assert all_paid(world, resumed(world, run_id), 2)

    def test_what_was_too_busy_once_is_sent_again_later(self, world: World) -> None:
        run_id = started(world, invoices(payers(world, 4)))
        world.fault("rate_limited", times=6)
        world.fault("lock_timeout", times=2)
        world.services.runs.executor.execute(run_id)
        assert all_paid(world, world.services.runs.control.find(run_id), 4)

    def test_the_reason_outlives_a_worker_that_ends_at_the_same_moment(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        world.fault("missing_permission")
        asked = lambda: not world.stripe.faults.waiting()  # noqa: E731
        world.services.runs.executor.execute(run_id, should_stop=asked)
        assert stopped(world.services.runs.control.find(run_id), "key_refused")


class TestLimits:
    def limit(self, world: World, **limits: int) -> None:
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(**limits), by="ada", at=world.now)

    def test_of_a_day(self, world: World) -> None:
        rows = one_payer(world, 4)
        self.limit(world, per_day=4_500)
        run_id = started(world, rows)
        world.charge(rows[0][0], amount="10.00", reference="by hand")
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 3, "planned": 1}
        assert stopped(resumed(world, run_id), "day_limit")
        assert len(world.moved()) == 4
        world.clock.advance(days=1)
        assert resumed(world, run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"succeeded": 4}

    def most_of_the_default(self, world: World) -> None:
        """All but twenty dollars of the fifty thousand that a day has where nobody set a limit."""
        payer = one_payer(world, 1)[0][0]
        for number in range(10):
            amount = "4980.00" if number else "5000.00"
            world.charge(payer, amount=amount, reference=f"large-{number}")
        world.charge(payer, amount="160.00", reference="the rest")

    def test_of_a_day_by_default(self, world: World) -> None:
        run_id = started(world, one_payer(world, 3))
        self.most_of_the_default(world)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 1, "planned": 2}

    def test_a_run_from_before_there_were_defaults_keeps_what_it_was_approved_under(
        self, world: World
    ) -> None:
        run_id = started(world, one_payer(world, 3))
        world.change("DROP TRIGGER runs_keep_their_day_limits", "UPDATE runs SET day_limits = NULL")
        self.most_of_the_default(world)
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 3}

    def test_of_a_day_that_ends_meanwhile(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = one_payer(world, 6)
        world.clock.advance(hours=11, minutes=59)
        run_id = started(world, rows)
        self.limit(world, per_day=4_500)
        around_send(monkeypatch, lambda: None, lambda: world.clock.advance(minutes=2))
        world.services.runs.executor.execute(run_id)
        assert counts(world, run_id) == {"succeeded": 6}, "two before midnight, four after it"

    def test_of_a_day_counts_what_was_declined_before_midnight_on_neither(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
        rows = [(customer, m, 1_000, f"INV-{at}") for at, m in enumerate([good, bad, *[good] * 5])]
        world.clock.advance(hours=11, minutes=59)
        run_id = started(world, rows)
        self.limit(world, per_day=4_000)
        around_send(monkeypatch, lambda: None, lambda: world.clock.advance(minutes=2))
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 5, "declined": 1, "planned": 1}

    def test_what_was_not_charged_does_not_count(self, world: World) -> None:
        customer = world.customer()
        good, bad = world.save_card(customer), world.save_card(customer, ALWAYS_DECLINES)
        gone = world.save_card(customer)
        self.limit(world, per_day=4_000)
        rows = [
            (customer, method, 1_000, f"INV-{at}")
            for at, method in enumerate([bad, gone, good, good])
        ]
        run_id = started(world, rows)
        world.charge(customer, amount="20.00", reference="by hand", method=good)
        world.services.payment_methods.detach(gone, by=ADA)
        world.services.runs.executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"declined": 1, "blocked": 1, "succeeded": 2}

    def test_of_a_day_when_others_charge_meanwhile(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = one_payer(world, 4)
        self.limit(world, per_day=4_500)
        run_id = started(world, rows)
        other = world.customer()
        card = world.save_card(other)

        def by_hand() -> None:
            world.charge(other, amount="10.00", reference="by hand", method=card)

        around_send(monkeypatch, by_hand, lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "day_limit")
        assert counts(world, run_id) == {"succeeded": 3, "planned": 1}

    def test_two_approvers_may_pass_it(self, world: World) -> None:
        self.limit(world, per_day=1_500)
        run = started_by_two(world, one_payer(world, 2))
        world.services.runs.executor.execute(run)
        assert all_paid(world, world.services.runs.control.find(run), 2)
