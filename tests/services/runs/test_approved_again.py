"""Approvers are looked at when money is about to move, and what was agreed to long ago is agreed to again."""

from __future__ import annotations

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.runs import RunState
from lib.errors import ApprovalRests, InvalidInput, NotPermitted, OnfileError, StaleState
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import (
    approved,
    audited,
    counts,
    executed,
    invoices,
    payers,
    resumed,
    started,
    started_by_two,
)
from tests.services.runs.test_new_cards import charge_of, failing, queued, saves_a_card, state, tick
from tests.stopped_runs import all_paid, around_send, one_payer, stopped
from tests.tries import try_again
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BOB, World


def again(world: World, run_id: str, by: Actor = ADA, note: str | None = None) -> None:
    run = world.services.runs.control.find(run_id)
    world.services.runs.approvals.approve(
        run_id, digest=run.digest or "", by=by, password=PRACTICE_PASSWORD, note=note
    )


def disable_bob(world: World) -> None:
    world.services.users.disable("bob", by=ADA)


def demote_bob(world: World) -> None:
    # Whoever changed his roles before he approved could not be the other one who did.
    world.clock.advance(minutes=1)
    world.services.users.set_roles("bob", {Role.VIEWER}, by=ADA)


class TestWhoHasGone:
    @pytest.mark.parametrize("leaves", [disable_bob, demote_bob])
    def test_on_resume(self, world: World, leaves) -> None:
        run = executed(world, one_payer(world, 4), canary=2)
        leaves(world)
        with pytest.raises(
            ApprovalRests, match="Bob Approver approved this run and may not"
        ) as refusal:
            world.services.runs.control.resume(run.id, by=ALICE)
        assert refusal.value.code == "approver_gone"
        rests = world.services.runs.control.find(run.id)
        assert (rests.state, rests.stop_code) == (RunState.PAUSED, "approver_gone")
        assert audited(world)[-1] == "run.rests"
        again(world, run.id)
        assert world.services.runs.control.find(run.id).stop_code is None
        assert all_paid(world, resumed(world, run.id), 4)

    def test_on_take_over_after_an_outage(self, world: World) -> None:
        """The run was running when its process died; Bob left before another took it."""
        run_id = started(world, one_payer(world, 3))
        world.services.runs.executor.execute(run_id, should_stop=lambda: bool(world.moved()))
        assert world.services.runs.control.find(run_id).state is RunState.RUNNING
        paid = len(world.moved())
        disable_bob(world)
        assert not world.rebuild().runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "approver_gone")
        assert len(world.moved()) == paid
        again(world, run_id)
        assert all_paid(world, resumed(world, run_id), 3)

    def test_before_each_row(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run_id = started(world, one_payer(world, 4))
        around_send(monkeypatch, lambda: disable_bob(world), lambda: None)
        world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "approver_gone")
        assert counts(world, run_id) == {"succeeded": 1, "planned": 3}

    def test_both_of_two_are_looked_at(self, world: World) -> None:
        world.services.limits.set("usd", per_charge="", per_run="20", per_day="", by=ADA)
        run_id = started_by_two(world, one_payer(world, 3))
        disable_bob(world)
        assert not world.services.runs.executor.execute(run_id)
        with pytest.raises(StaleState, match="You approved this run already"):
            again(world, run_id, ADA)
        assert world.moved() == []

    def test_an_approver_who_prepared_it_after_all(self, world: World) -> None:
        """As the audit log says; the rows are the same, the second person is none."""
        run = approved(world, one_payer(world, 2))
        with world.uow.write() as stores:
            stores.audit.record(
                at=world.now, actor="bob", action="run.check_again", subject=run.id, detail={}
            )
        with pytest.raises(ApprovalRests, match="did not prepare it"):
            world.services.runs.control.start(run.id, by=ALICE)
        with pytest.raises(NotPermitted):
            again(world, run.id, BOB)
        again(world, run.id, ADA)
        assert world.services.runs.control.start(run.id, by=ALICE).state is RunState.RUNNING

    def test_nothing_is_needed_while_all_are_here(self, world: World) -> None:
        run = approved(world, one_payer(world, 2))
        with pytest.raises(StaleState, match="still holds"):
            again(world, run.id)
        with pytest.raises(StaleState, match="still holds"):
            world.services.runs.control.ask_again(run.id, by=ALICE)


class TestAge:
    def test_after_fourteen_days_it_is_given_again(self, world: World) -> None:
        run = approved(world, one_payer(world, 2))
        world.clock.advance(days=14)
        with pytest.raises(ApprovalRests, match="14 days") as refusal:
            world.services.runs.control.start(run.id, by=ALICE)
        assert refusal.value.code == "approval_expired"
        assert world.services.reports.waiting.approvals("bob").to_decide == 1
        assert world.services.reports.waiting.approvals("alice").mine == 1
        again(world, run.id, BOB)
        assert world.services.reports.waiting.approvals("bob").to_decide == 0
        world.services.runs.control.start(run.id, by=ALICE)
        assert world.services.runs.executor.execute(run.id)
        assert all_paid(world, world.services.runs.control.find(run.id), 2)

    def test_a_second_before_it_holds(self, world: World) -> None:
        run = approved(world, one_payer(world, 2))
        world.clock.advance(days=13, hours=23, minutes=59, seconds=59)
        assert world.services.runs.control.start(run.id, by=ALICE).state is RunState.RUNNING

    def test_while_it_was_running_and_nobody_executed_it(self, world: World) -> None:
        run_id = started(world, one_payer(world, 2))
        world.clock.advance(days=15)
        assert not world.services.runs.executor.execute(run_id)
        assert stopped(world.services.runs.control.find(run_id), "approval_expired")
        assert world.moved() == []

    def test_two_approvals_are_both_given_again(self, world: World) -> None:
        world.services.limits.set("usd", per_charge="", per_run="20", per_day="", by=ADA)
        run_id = started_by_two(world, one_payer(world, 3))
        world.clock.advance(days=15)
        world.services.runs.executor.execute(run_id)
        again(world, run_id, BOB)
        assert world.services.reports.waiting.approvals("bob").to_decide == 0
        assert world.services.reports.waiting.approvals("ada").to_decide == 1
        with pytest.raises(ApprovalRests):
            world.services.runs.control.resume(run_id, by=ALICE)
        again(world, run_id, ADA)
        assert all_paid(world, resumed(world, run_id), 3)

    @pytest.mark.parametrize(
        ("by", "error"), [(ALICE, NotPermitted), (Actor("vera", "V", frozenset()), NotPermitted)]
    )
    def test_not_by_its_maker_nor_by_whoever_may_not(
        self, world: World, by: Actor, error: type[OnfileError]
    ) -> None:
        run = approved(world, one_payer(world, 2))
        world.services.users.set_roles("alice", {Role.OPERATOR, Role.APPROVER}, by=ADA)
        world.clock.advance(days=15)
        with pytest.raises(error):
            again(world, run.id, by)

    def test_only_what_was_looked_at(self, world: World) -> None:
        run = approved(world, one_payer(world, 2))
        world.clock.advance(days=15)
        with pytest.raises(StaleState, match="not what you looked at"):
            world.services.runs.approvals.approve(
                run.id, digest="0" * 64, by=BOB, password=PRACTICE_PASSWORD
            )

    def test_what_is_stopped_is_opened_with_a_reason_again(self, world: World) -> None:
        run = approved(world, one_payer(world, 2))
        world.clock.advance(days=15)
        stop = '[{"code": "twin", "severity": "stopped", "message": "Look.", "column": null, "reason": null, "not_before": null}]'
        world.change("UPDATE run_rows SET findings = :stop, severity = 'amber'", stop=stop)
        with pytest.raises(InvalidInput, match=r"^2 rows are stopped"):
            again(world, run.id, BOB)
        again(world, run.id, BOB, note="It is another invoice")


class TestNewCards:
    """What acts by itself weeks later asks who stands behind it."""

    def test_waits_for_a_new_approval_where_the_approver_has_gone(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        disable_bob(world)
        assert tick(world) == 0
        assert queued(world) == [(0, None)]
        assert world.services.runs.control.find(run.id).stop_code == "approver_gone"
        assert world.services.reports.waiting.approvals("ada").to_decide == 1
        again(world, run.id)
        world.clock.advance(minutes=6)
        assert tick(world) == 1
        assert state(world, charge) == "succeeded"
        assert len(world.moved()) == 1
        assert world.services.reports.waiting.approvals("ada").to_decide == 0

    def test_and_where_it_is_too_old(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        world.clock.advance(days=15)
        saves_a_card(world, charge)
        assert tick(world) == 0
        assert world.moved() == []
        again(world, run.id, BOB)
        world.clock.advance(minutes=6)
        assert tick(world) == 1
        assert state(world, charge) == "succeeded"

    def test_an_approver_who_leaves_at_the_last_moment(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look before Stripe was asked and the claim."""
        run = executed(world, [failing(world)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, run))
        review = world.services.charges.reviews.review

        def leaving(*args, **more):
            disable_bob(world)
            return review(*args, **more)

        monkeypatch.setattr(world.services.charges.reviews, "review", leaving)
        assert tick(world) == 0
        assert world.moved() == []
        assert queued(world) == [(0, None)]

    def test_tried_by_hand_while_it_waits_ends_it(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        card = saves_a_card(world, charge)
        disable_bob(world)
        tick(world)
        try_again(world.services.charges, charge, payment_method=card, by=ALICE)
        world.clock.advance(minutes=6)
        assert tick(world) == 0
        ((ended, refusal),) = queued(world)
        assert ended
        assert "tried again meanwhile" in str(refusal)
        assert world.services.runs.control.find(run.id).stop_code is None


def test_two_runs_of_one_approver_rest_and_a_third_does_not(world: World) -> None:
    people = payers(world, 3)
    first = approved(world, invoices(people[:1]))
    world.services.users.add(
        "carol",
        name="Carol",
        email="c@example.com",
        roles={Role.APPROVER},
        password=PRACTICE_PASSWORD,
        by=ADA,
    )
    other = approved(world, invoices(people[1:2], start=50))
    disable_bob(world)
    again(world, other.id, Actor("carol", "Carol", frozenset({Role.APPROVER})))
    assert world.services.runs.control.start(other.id, by=ALICE).state is RunState.RUNNING
    with pytest.raises(ApprovalRests):
        world.services.runs.control.start(first.id, by=ALICE)


def test_a_declined_card_is_no_reason_to_ask_again(world: World) -> None:
    run = executed(world, one_payer(world, 1, ALWAYS_DECLINES))
    assert run.state is RunState.FINISHED
    with pytest.raises(StaleState, match="does not wait"):
        again(world, run.id)
