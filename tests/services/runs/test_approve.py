"""Two people for every run: who may agree, to exactly what, and that refusals are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.control_totals import ControlTotals
from lib.domain.limits import Limits
from lib.domain.runs import RowState, Run, RunState
from lib.errors import (
    InvalidInput,
    NotFound,
    NotPermitted,
    NotSignedIn,
    OnfileError,
    StaleState,
)
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import (
    approve,
    approved,
    audited,
    counts,
    draft,
    invoices,
    payers,
    rows_of,
    submitted,
    uow,
)
from tests.world import ADA, ALICE, BOB, VERA, World

CAROL = Actor("carol", "Carol Approver", frozenset({Role.APPROVER}))


@pytest.fixture
@made_once
def run(world: World) -> Run:
    made = submitted(world, invoices(payers(world, 2)))
    person(world, CAROL)
    return made


def person(world: World, actor: Actor) -> None:
    world.services.users.add(
        actor.username,
        name=actor.name,
        email=f"{actor.username}@example.com",
        roles=actor.roles,
        password=PRACTICE_PASSWORD,
        by=ADA,
    )


def decide(
    world: World,
    run: Run,
    by: Actor,
    *,
    digest: str | None = None,
    password: str = PRACTICE_PASSWORD,
) -> Run:
    return world.services.runs.approvals.approve(
        run.id, digest=digest or run.digest or "", by=by, password=password
    )


def now(world: World, run: Run) -> Run:
    return world.services.runs.control.find(run.id)


def refused(world: World, run: Run, error: type[OnfileError], act: Callable[[], object]) -> None:
    """Nothing changed, and the audit log says that somebody tried."""
    before = audited(world)
    with pytest.raises(error):
        act()
    assert now(world, run) == run
    assert audited(world)[len(before) :] in (
        ["user.confirm", "run.approve_refused"],
        ["run.approve_refused"],
        ["user.confirm_refused"],
    )
    with uow(world).read() as stores:
        assert stores.run_decisions.approvals(run) == []


class TestWho:
    def test_another_approver(self, world: World, run: Run) -> None:
        assert decide(world, run, BOB).state is RunState.APPROVED
        assert audited(world)[-2:] == ["user.confirm", "run.approve"]

    def test_never_the_maker_whatever_their_roles(self, world: World, run: Run) -> None:
        world.services.users.set_roles("alice", set(Role) - {Role.SERVICE}, by=ADA)
        alice = Actor("alice", "Alice", frozenset(Role))
        refused(world, run, NotPermitted, lambda: decide(world, run, alice))

    def test_nor_an_admin_who_made_it(self, world: World) -> None:
        world.services.users.add_practice_users()
        run_id = draft(world, invoices(payers(world, 1)))
        run = world.services.runs.approvals.submit(run_id, by=ADA)
        refused(world, run, NotPermitted, lambda: decide(world, run, ADA))

    def test_nor_whoever_made_what_another_person_submitted(self, world: World) -> None:
        world.services.users.add_practice_users()
        world.services.users.set_roles("alice", set(Role) - {Role.SERVICE}, by=ADA)
        run_id = draft(world, invoices(payers(world, 1)))
        run = world.services.runs.approvals.submit(run_id, by=ADA)
        alice = Actor("alice", "Alice", frozenset(Role))
        refused(world, run, NotPermitted, lambda: decide(world, run, alice))

    def test_nobody_without_the_role(self, world: World, run: Run) -> None:
        refused(world, run, NotPermitted, lambda: decide(world, run, VERA))

    def test_nobody_who_lost_the_role_while_signed_in(self, world: World, run: Run) -> None:
        world.services.users.set_roles("bob", [Role.OPERATOR], by=ADA)
        refused(world, run, NotPermitted, lambda: decide(world, run, BOB))

    def test_nobody_who_was_disabled_while_signed_in(self, world: World, run: Run) -> None:
        world.services.users.disable("bob", by=ADA)
        refused(world, run, NotSignedIn, lambda: decide(world, run, BOB))

    def test_nobody_who_was_disabled_after_the_password_was_checked(
        self, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bob = world.services.users.find("bob")
        world.services.users.disable("bob", by=ADA)
        monkeypatch.setattr(world.services.users, "confirm", lambda *_: bob)
        refused(world, run, NotPermitted, lambda: decide(world, run, BOB))

    def test_nobody_without_the_password(self, world: World, run: Run) -> None:
        refused(world, run, NotSignedIn, lambda: decide(world, run, BOB, password="a guess"))

    def test_guessing_locks_out_even_the_right_one(self, world: World, run: Run) -> None:
        for _ in range(5):
            refused(world, run, NotSignedIn, lambda: decide(world, run, BOB, password="a guess"))
        with pytest.raises(NotSignedIn, match="Too many"):
            decide(world, run, BOB)
        world.clock.advance(minutes=16)
        assert decide(world, run, BOB).state is RunState.APPROVED

    def test_only_an_operator_submits_withdraws_and_starts(self, world: World, run: Run) -> None:
        services = world.services.runs
        for act in (
            services.approvals.submit,
            services.approvals.withdraw,
            services.control.start,
            services.control.pause,
            services.control.resume,
            services.control.cancel,
        ):
            with pytest.raises(NotPermitted):
                act(run.id, by=CAROL)


class TestWhat:
    def test_not_the_digest_of_something_else(self, world: World, run: Run) -> None:
        refused(world, run, StaleState, lambda: decide(world, run, BOB, digest="0" * 64))

    def test_not_a_run_that_is_not_there(self, world: World, run: Run) -> None:
        with pytest.raises(NotFound):
            world.services.runs.approvals.approve(
                "run_none", digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD
            )

    def test_not_what_was_submitted_again_with_another_option(self, world: World, run: Run) -> None:
        """The page still shows a canary, and that new cards are left alone."""
        approvals = world.services.runs.approvals
        for options in ({"canary": 1}, {"charge_new_cards": True}):
            approvals.withdraw(run.id, by=ALICE)
            world.clock.advance(seconds=1)
            again = approvals.submit(run.id, by=ALICE, **options)
            refused(world, again, StaleState, lambda: decide(world, run, BOB))

    def test_the_same_rows_submitted_again_need_a_new_approval(
        self, world: World, run: Run
    ) -> None:
        decide(world, run, BOB)
        world.services.runs.approvals.withdraw(run.id, by=ALICE)
        world.clock.advance(seconds=1)
        again = world.services.runs.approvals.submit(run.id, by=ALICE)
        assert again.digest == run.digest
        assert again.state is RunState.AWAITING_APPROVAL
        with pytest.raises(StaleState):
            world.services.runs.control.start(run.id, by=ALICE)
        assert decide(world, run, BOB).state is RunState.APPROVED

    def test_an_edit_after_the_approval_voids_it(self, world: World, run: Run) -> None:
        decide(world, run, BOB)
        world.services.runs.approvals.withdraw(run.id, by=ALICE)
        with uow(world).write() as stores:
            stores.run_rows.mark(run.id, 2, before=RowState.PLANNED, after=RowState.CANCELLED)
        world.clock.advance(seconds=1)
        again = world.services.runs.approvals.submit(run.id, by=ALICE)
        assert again.digest != run.digest
        refused(world, again, StaleState, lambda: decide(world, run, BOB))
        assert decide(world, again, BOB).state is RunState.APPROVED

    @pytest.mark.parametrize(
        ("table", "change", "trigger"),
        [
            ("run_rows", "amount = amount + 1", "rows_of_submitted_runs_keep_what_is_charged"),
            (
                "run_rows",
                "payment_method = 'pm_other'",
                "rows_of_submitted_runs_keep_what_is_charged",
            ),
            ("run_rows", "suffix = 'X'", "rows_of_submitted_runs_keep_what_is_charged"),
            ("runs", "canary = 7", "runs_keep_what_was_submitted"),
            ("runs", "charge_new_cards = 1", "runs_keep_what_was_submitted"),
        ],
    )
    def test_an_edit_behind_our_back_stops_the_run_before_anything_is_sent(
        self, world: World, run: Run, table: str, change: str, trigger: str
    ) -> None:
        decide(world, run, BOB)
        world.services.runs.control.start(run.id, by=ALICE)
        world.change(f"DROP TRIGGER {trigger}", f"UPDATE {table} SET {change}")
        assert not world.services.runs.executor.execute(run.id)
        assert now(world, run).stop_code == "approval_does_not_fit"
        world.services.runs.control.resume(run.id, by=ALICE)
        assert not world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"planned": 2}
        assert world.moved() == []

    def test_an_approval_that_is_gone_stops_it_too(self, world: World, run: Run) -> None:
        decide(world, run, BOB)
        world.services.runs.control.start(run.id, by=ALICE)
        world.change("DROP TRIGGER decisions_are_never_deleted", "DELETE FROM run_decisions")
        assert not world.services.runs.executor.execute(run.id)
        assert now(world, run).stop_code == "approval_missing"
        assert world.moved() == []

    @pytest.mark.parametrize("canary", [-1, 1_000_001, 10**30])
    def test_a_canary_that_no_run_has_is_refused_in_words(self, world: World, canary: int) -> None:
        run_id = draft(world, invoices(payers(world, 1)))
        with pytest.raises(InvalidInput) as refusal:
            world.services.runs.approvals.submit(run_id, by=ALICE, canary=canary)
        assert refusal.value.field == "canary"

    def test_a_run_without_a_row_to_send_is_not_submitted(self, world: World) -> None:
        world.services.users.add_practice_users()
        run_id = draft(world, invoices(payers(world, 1)))
        with uow(world).write() as stores:
            stores.run_rows.mark(run_id, 2, before=RowState.PLANNED, after=RowState.CANCELLED)
        with pytest.raises(InvalidInput):
            world.services.runs.approvals.submit(run_id, by=ALICE)

    def test_a_rejection_says_why_and_ends_it(self, world: World, run: Run) -> None:
        reject = world.services.runs.approvals.reject
        given = {"digest": run.digest or "", "by": BOB, "password": PRACTICE_PASSWORD}
        with pytest.raises(InvalidInput):
            reject(run.id, reason="  ", **given)  # type: ignore[arg-type]
        assert reject(run.id, reason="too much", **given).state is RunState.REJECTED  # type: ignore[arg-type]
        with pytest.raises(StaleState):
            decide(world, run, CAROL)
        with pytest.raises(StaleState):
            world.services.runs.control.start(run.id, by=ALICE)


class TestControlTotals:
    """What the maker typed against everything that is in the file."""

    @pytest.fixture
    @made_once
    def run_id(self, world: World) -> str:
        """$10.01, $10.02 that is blocked, $10.03 left out; and an amount that nobody can read."""
        world.services.users.add_practice_users()
        run_id = draft(world, invoices(payers(world, 4)))
        with uow(world).write() as stores:
            for number, after in (
                (3, RowState.BLOCKED),
                (4, RowState.CANCELLED),
                (5, RowState.BLOCKED),
            ):
                stores.run_rows.mark(run_id, number, before=RowState.PLANNED, after=after)
        world.change("UPDATE run_rows SET amount = NULL WHERE number = 5")
        return run_id

    def submit(self, world: World, run_id: str, control: ControlTotals | None) -> Run:
        return world.services.runs.approvals.submit(run_id, by=ALICE, control=control)

    @pytest.mark.parametrize(
        "control",
        [ControlTotals(4, {"usd": 3_006}), ControlTotals(4), ControlTotals(None, {"usd": 3_006})],
    )
    def test_those_of_the_file_are_accepted_and_kept(self, world, run_id, control) -> None:
        run = self.submit(world, run_id, control)
        assert run.control == control
        (entry,) = world.rows("SELECT detail FROM audit_log WHERE action = 'run.submit'")
        assert json.loads(entry["detail"])["control"] == control.as_json()

    @pytest.mark.parametrize(
        ("control", "says"),
        [
            (
                ControlTotals(1),
                "You expect 1 row, but this run holds 4. 2 of its 4 rows are blocked and cannot be sent. 1 is left out and cannot be sent.",
            ),
            (ControlTotals(5), "You expect 5 rows, but this run holds 4."),
            (
                ControlTotals(None, {"usd": 1_001}),
                "You expect $10.01, but the file's rows add up to $30.06. 1 row without a readable amount is not counted.",
            ),
            (ControlTotals(4, {"usd": 3_007}), "You expect $30.07"),
            (
                ControlTotals(4, {"eur": 3_006}),
                "You expect €30.06, but the file's rows add up to €0.00.",
            ),
            (ControlTotals(4, {"usd": 3_006, "eur": 1}), "You expect €0.01"),
        ],
    )
    def test_others_are_refused_with_what_the_file_has(self, world, run_id, control, says) -> None:
        with pytest.raises(InvalidInput) as refusal:
            self.submit(world, run_id, control)
        assert str(refusal.value).startswith(says)
        assert all(not row.is_submitted for row in rows_of(world, run_id))

    def test_nothing_typed_is_nothing_compared(self, world, run_id) -> None:
        assert self.submit(world, run_id, None).control is None

    def test_taken_back_with_the_rest(self, world, run_id) -> None:
        self.submit(world, run_id, ControlTotals(4))
        assert world.services.runs.approvals.withdraw(run_id, by=ALICE).control is None


class TestSecondApprover:
    @pytest.mark.parametrize(
        "limits", [{"per_charge": 1_001}, {"per_run": 2_002}, {"per_day": 2_002}]
    )
    def test_above_a_limit(self, world: World, limits: dict[str, int]) -> None:
        run = self.over(world, **limits)
        assert decide(world, run, BOB).state is RunState.AWAITING_APPROVAL
        with pytest.raises(StaleState):
            world.services.runs.control.start(run.id, by=ALICE)
        assert decide(world, run, CAROL).state is RunState.APPROVED

    def test_what_was_charged_today_counts(self, world: World) -> None:
        people = payers(world, 2)
        world.charge(people[0][0], amount="10.00", reference="by hand")
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(per_day=3_002), by="ada", at=world.now)
        assert submitted(world, invoices(people)).approvals_needed == 2
        world.clock.advance(days=1)
        assert submitted(world, invoices(people)).approvals_needed == 1

    def test_not_below_it(self, world: World) -> None:
        run = self.over(world, per_charge=1_002, per_run=2_003, per_day=2_003)
        assert run.approvals_needed == 1

    def test_never_the_same_person_twice(self, world: World) -> None:
        run = self.over(world, per_run=1)
        decide(world, run, BOB)
        before = now(world, run)
        with pytest.raises(StaleState, match="second person"):
            decide(world, run, BOB)
        assert now(world, run) == before
        assert audited(world)[-1] == "run.approve_refused"

    def test_a_first_approval_does_not_count_for_what_is_submitted_later(
        self, world: World
    ) -> None:
        run = self.over(world, per_run=1)
        decide(world, run, BOB)
        world.services.runs.approvals.withdraw(run.id, by=ALICE)
        world.clock.advance(seconds=1)
        again = world.services.runs.approvals.submit(run.id, by=ALICE)
        assert decide(world, again, CAROL).state is RunState.AWAITING_APPROVAL
        assert decide(world, again, BOB).state is RunState.APPROVED

    def test_a_limit_that_is_raised_later_changes_nothing(self, world: World) -> None:
        run = self.over(world, per_run=1)
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(), by="ada", at=world.now)
        assert decide(world, run, BOB).state is RunState.AWAITING_APPROVAL

    def over(self, world: World, **limits: int) -> Run:
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(**limits), by="ada", at=world.now)
        run = submitted(world, invoices(payers(world, 2)))
        person(world, CAROL)
        return run


class TestRaces:
    def at_once(self, world: World, run: Run, *people: Actor) -> list[type[BaseException] | None]:
        together = threading.Barrier(len(people))

        def one(by: Actor) -> type[BaseException] | None:
            approvals = world.services.runs.approvals
            together.wait(10)
            try:
                approvals.approve(
                    run.id, digest=run.digest or "", by=by, password=PRACTICE_PASSWORD
                )
            except OnfileError as error:
                return type(error)
            return None

        with ThreadPoolExecutor(len(people)) as pool:
            return list(pool.map(one, people))

    def test_two_approvers_where_one_is_needed(self, world: World, run: Run) -> None:
        assert set(self.at_once(world, run, BOB, CAROL)) == {None, StaleState}
        with uow(world).read() as stores:
            assert len(stores.run_decisions.approvals(run)) == 1
        assert now(world, run).state is RunState.APPROVED

    def test_one_person_in_two_tabs_where_two_are_needed(self, world: World) -> None:
        run = TestSecondApprover().over(world, per_run=1)
        assert set(self.at_once(world, run, BOB, BOB)) == {None, StaleState}
        assert now(world, run).state is RunState.AWAITING_APPROVAL

    def test_two_people_where_two_are_needed(self, world: World) -> None:
        run = TestSecondApprover().over(world, per_run=1)
        assert self.at_once(world, run, BOB, CAROL) == [None, None]
        assert now(world, run).state is RunState.APPROVED

    def test_an_approval_of_what_is_withdrawn_at_the_same_moment(
        self, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        confirm = world.services.users.confirm

        def slowly(username: str, password: str) -> object:
            world.services.runs.approvals.withdraw(run.id, by=ALICE)
            return confirm(username, password)

        monkeypatch.setattr(world.services.users, "confirm", slowly)
        with pytest.raises(StaleState):
            decide(world, run, BOB)
        assert now(world, run).state is RunState.DRAFT

    def test_started_runs_keep_their_approval(self, world: World) -> None:
        run = approved(world, invoices(payers(world, 1)))
        world.services.runs.control.start(run.id, by=ALICE)
        with pytest.raises(StaleState):
            world.services.runs.approvals.withdraw(run.id, by=ALICE)
        with pytest.raises(StaleState):
            approve(world, run)
        assert world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"succeeded": 1}


class TestWhoPreparedIt:
    def test_whoever_changed_the_rows_does_not_decide(self, world: World) -> None:
        world.services.users.add_practice_users()
        run_id = draft(world, invoices(payers(world, 2)))
        both = Actor("bob", "Bob", frozenset({Role.APPROVER, Role.OPERATOR}))
        world.services.runs.corrections.leave_out(run_id, [2], reason="not now", by=both)
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(NotPermitted, match="prepared"):
            approve(world, run)

    def test_whoever_had_it_checked_again(self, world: World) -> None:
        """That may choose another method for every row."""
        world.services.users.add_practice_users()
        run_id = draft(world, invoices(payers(world, 1)))
        both = Actor("bob", "Bob", frozenset({Role.APPROVER, Role.OPERATOR}))
        world.services.runs.drafts.check_again(run_id, by=both)
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(NotPermitted, match="prepared"):
            approve(world, run)

    def test_submitted_again_within_a_second_is_another_submission(self, world: World) -> None:
        world.services.users.add_practice_users()
        approvals = world.services.runs.approvals
        run = approve(world, approvals.submit(draft(world, invoices(payers(world, 2))), by=ALICE))
        approvals.withdraw(run.id, by=ALICE)
        again = approvals.submit(run.id, by=ALICE)
        assert again.digest == run.digest
        assert again.state is RunState.AWAITING_APPROVAL
        assert approve(world, again).state is RunState.APPROVED


def test_an_approval_by_somebody_who_is_disabled_before_the_start_no_longer_stands(
    world: World,
) -> None:
    run = approved(world, invoices(payers(world, 1)))
    world.services.users.disable("bob", by=ADA)
    with pytest.raises(
        StaleState, match="Bob Approver approved this run and may not approve any more"
    ):
        world.services.runs.control.start(run.id, by=ALICE)
    control = world.services.runs.control
    assert control.find(run.id).state is RunState.APPROVED
    assert world.services.runs.approvals.withdraw(run.id, by=ALICE).state is RunState.DRAFT
