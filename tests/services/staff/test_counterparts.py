"""Whoever could sign in as somebody else is not that person's counterpart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lib.domain.actors import HOST, SYSTEM, Actor, Role
from lib.domain.counterparts import VOUCHED, AccountChange, same_hands
from lib.domain.limits import Limits
from lib.domain.runs import Run, RunState
from lib.errors import NotPermitted
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import approve, approved, draft, invoices, payers, submitted
from tests.world import ADA, ALICE, BOB, World

DAY = 86_400
NEW = "another password"


def change(
    at: int, by: str = "ada", about: str = "bob", action: str = "user.set_password"
) -> AccountChange:
    return AccountChange(at, about, action, by, at)


@pytest.mark.parametrize(
    ("changes", "at", "counts_as_one"),
    [
        ([], 10, False),
        ([change(10)], 10, True),
        ([change(10)], 10 + 7 * DAY - 1, True),
        ([change(10)], 10 + 7 * DAY, False),
        ([change(11)], 10, False),
        ([change(10, by="bob", about="ada")], 11, True),
        ([change(10, by="carl")], 11, False),
        ([change(10, about="carl")], 11, False),
        ([change(10), change(11, by="@host", action=VOUCHED)], 12, False),
        ([change(10), change(11, by="@host", action=VOUCHED), change(12)], 12, True),
        ([change(10), change(11, by="@host", about="ada", action=VOUCHED)], 12, True),
        ([change(10), change(13, by="@host", action=VOUCHED)], 12, True),
    ],
)
def test_the_rule(changes: list[AccountChange], at: int, counts_as_one: bool) -> None:
    for person, other in (("ada", "bob"), ("bob", "ada")):
        assert bool(same_hands(person, {other, None}, changes, at=at)) is counts_as_one


@pytest.mark.parametrize(
    ("changes", "counts_as_one"),
    [
        ([change(10, about="alice")], False),
        ([change(10, about="alice"), change(11)], True),
        ([change(10, about="alice"), change(11, by="ben")], False),
        ([change(10, by="ben", about="alice"), change(10, about="ben"), change(11)], True),
        ([change(11), change(10, by="ben", about="alice"), change(12, about="ben")], True),
        ([change(10, about="alice"), change(11, action="user.set_roles")], False),
        ([change(10, about="alice"), change(11, action="user.set_email")], False),
        ([change(10, about="alice"), change(11, action="user.invite")], True),
        ([change(10, about="alice"), change(11), change(12, by="@host", action=VOUCHED)], False),
        ([change(10, by="@host", about="alice"), change(11, by="@host")], False),
        ([change(10, about="alice"), change(10 + 7 * DAY)], False),
        ([change(10, about="alice"), change(9 + 7 * DAY)], True),
    ],
)
def test_somebody_could_have_acted_as_both(
    changes: list[AccountChange], counts_as_one: bool
) -> None:
    at = max(one.at for one in changes)
    for person, other in (("alice", "bob"), ("bob", "alice")):
        assert bool(same_hands(person, {other, None}, changes, at=at)) is counts_as_one


def approve_as_bob(world: World, run: object, password: str) -> None:
    world.services.runs.approvals.approve(
        run.id,  # type: ignore[attr-defined]
        digest=run.digest,  # type: ignore[attr-defined]
        by=BOB,
        password=password,
    )


@pytest.fixture
@made_once
def of_ada(world: World) -> object:
    """A run that Ada has prepared."""
    world.services.users.add_practice_users()
    run_id = draft(world, invoices(payers(world, 1)))
    world.change("UPDATE runs SET created_by = 'ada'")
    return world.services.runs.approvals.submit(run_id, by=ADA)


@pytest.mark.parametrize(
    "take_over",
    [
        lambda world: world.services.users.set_password("bob", PRACTICE_PASSWORD, by=ADA),
        lambda world: world.services.users.set_roles("bob", [Role.APPROVER], by=ADA),
        lambda world: (
            world.services.users.sign_in("bob", PRACTICE_PASSWORD),
            world.services.invitations.invite("bob", by=ADA),
        ),
    ],
    ids=["password", "roles", "invitation"],
)
def test_an_admin_does_not_approve_as_somebody_else(
    world: World, of_ada: object, take_over: Callable[[World], object]
) -> None:
    take_over(world)
    with pytest.raises(
        NotPermitted, match=r"Ada Admin .* the account of Bob Approver less than 7 days"
    ):
        approve_as_bob(world, of_ada, PRACTICE_PASSWORD)
    [refused] = world.rows("SELECT * FROM audit_log WHERE action = 'run.approve_refused'")
    assert refused["actor"] == "bob"
    world.clock.advance(days=7)
    approve_as_bob(world, of_ada, PRACTICE_PASSWORD)


def test_neither_way_round(world: World) -> None:
    run = submitted(world, invoices(payers(world, 1)))
    world.services.users.set_password("alice", NEW, by=ADA)
    with pytest.raises(
        NotPermitted, match="Ada Admin set the password of the account of Alice Operator"
    ):
        world.services.runs.approvals.approve(
            run.id, digest=run.digest or "", by=ADA, password=PRACTICE_PASSWORD
        )
    approve(world, run)


def test_an_admin_does_not_act_as_two_others(world: World) -> None:
    """Neither of whom is the admin."""
    run = submitted(world, invoices(payers(world, 1)))
    world.services.users.set_password("alice", NEW, by=ADA)
    world.services.users.set_password("bob", PRACTICE_PASSWORD, by=ADA)
    with pytest.raises(
        NotPermitted,
        match=r"the account of Alice Operator and Ada Admin set .* of Bob Approver .* as both",
    ):
        approve(world, run)
    world.clock.advance(days=7)
    approve(world, run)


class TestTwoApprovers:
    """A run over a limit is approved by two."""

    @pytest.fixture
    def run(self, world: World) -> Run:
        world.services.users.add_practice_users()
        world.services.users.set_roles("ada", [Role.ADMIN, Role.APPROVER], by=SYSTEM)
        with world.services.uow.write() as stores:
            stores.limits.set("usd", Limits(per_run=500), by="ada", at=world.now)
        run = submitted(world, invoices(payers(world, 1)))
        assert run.approvals_needed == 2
        world.services.users.set_password("bob", PRACTICE_PASSWORD, by=ADA)
        return run

    def approve(self, world: World, run: Run, by: Actor) -> Run:
        return world.services.runs.approvals.approve(
            run.id, digest=run.digest or "", by=by, password=PRACTICE_PASSWORD
        )

    def test_are_two_people(self, world: World, run: Run) -> None:
        ada = replace(ADA, roles=frozenset({Role.ADMIN, Role.APPROVER}))
        assert self.approve(world, run, ada).state is RunState.AWAITING_APPROVAL
        with pytest.raises(NotPermitted, match="the account of Bob Approver"):
            self.approve(world, run, BOB)
        world.clock.advance(days=7)
        assert self.approve(world, run, BOB).state is RunState.APPROVED

    def test_also_when_it_is_started(self, world: World, run: Run) -> None:
        """Even if the second approval got into the table, as by a release that knew nothing of the rule."""
        world.clock.advance(days=7)
        ada = replace(ADA, roles=frozenset({Role.ADMIN, Role.APPROVER}))
        self.approve(world, run, ada)
        self.approve(world, run, BOB)
        world.change(
            "INSERT INTO account_changes (about, action, changed_by, at) "
            f"VALUES ('bob', 'user.set_password', 'ada', {world.now - DAY})"
        )
        with pytest.raises(Exception, match="not approved by enough people"):
            world.services.runs.control.start(run.id, by=ALICE)

    def test_a_change_after_the_first_approval_takes_nothing_back(
        self, world: World, run: Run
    ) -> None:
        world.clock.advance(days=7)
        self.approve(world, run, BOB)
        world.clock.advance(hours=1)
        world.services.users.set_password("bob", NEW, by=ADA)
        ada = replace(ADA, roles=frozenset({Role.ADMIN, Role.APPROVER}))
        assert self.approve(world, run, ada).state is RunState.APPROVED
        assert world.services.runs.control.start(run.id, by=ALICE).state is RunState.RUNNING


def test_what_people_do_to_their_own_account_is_no_matter(world: World, of_ada: object) -> None:
    world.services.users.set_password("bob", NEW, by=BOB)
    approve_as_bob(world, of_ada, NEW)


def test_an_approval_given_in_other_hands_does_not_count_at_the_start(world: World) -> None:
    """Even if it got into the table, as by a release that knew nothing of the rule."""
    run = approved(world, invoices(payers(world, 1)))
    world.change(
        "INSERT INTO account_changes (about, action, changed_by, at) "
        f"VALUES ('bob', 'user.set_password', 'alice', {world.now - DAY})"
    )
    with pytest.raises(Exception, match="not approved by enough people"):
        world.services.runs.control.start(run.id, by=ALICE)


def test_a_change_after_the_approval_takes_nothing_back(world: World) -> None:
    run = approved(world, invoices(payers(world, 1)))
    world.clock.advance(hours=1)
    world.services.users.set_password("bob", NEW, by=ADA)
    world.services.users.set_password("alice", NEW, by=ADA)
    assert world.services.runs.control.start(run.id, by=ALICE).state is RunState.RUNNING


def test_a_hold_is_lifted_by_a_second_person(world: World) -> None:
    world.services.users.add_practice_users()
    customer = world.customer()
    world.services.holds.set(customer, reason="They dispute it", by=ALICE)
    world.services.users.set_password("alice", NEW, by=ADA)
    with pytest.raises(NotPermitted, match="Somebody else has to do it"):
        world.services.holds.lift(customer, reason="Settled", by=ADA)
    world.services.holds.lift(customer, reason="Settled", by=BOB)


class TestNewAccounts:
    def add(self, world: World) -> list[AccountChange]:
        world.services.users.add_practice_users()
        world.services.users.add(
            "carl", name="", email="c@example.com", roles=["approver"], password=NEW, by=ADA
        )
        with world.services.uow.read() as stores:
            return stores.account_changes.of(["carl"])

    def test_before_money_moves_the_password_counts_as_the_persons_own(self, world: World) -> None:
        assert self.add(world) == []

    def test_where_money_moves_the_admin_has_had_it(self, world: World) -> None:
        world.change("UPDATE meta SET value = 'live' WHERE name = 'mode'")
        [change] = self.add(world)
        assert (change.action, change.changed_by) == ("user.add", "ada")

    def test_the_seed_is_nobodys(self, world: World) -> None:
        world.change("UPDATE meta SET value = 'live' WHERE name = 'mode'")
        world.services.users.add_practice_users()
        assert world.rows("SELECT * FROM account_changes") == []


class TestVouching:
    def test_it_makes_two_people_of_them_and_all_admins_are_told(
        self, world: World, of_ada: object
    ) -> None:
        world.services.users.set_password("bob", PRACTICE_PASSWORD, by=ADA)
        world.services.account_changes.vouch_on_this_host("bob")
        approve_as_bob(world, of_ada, PRACTICE_PASSWORD)
        [(told, who, whose)] = world.services.account_changes.untold(ADA)
        assert (told.action, who, whose) == (VOUCHED, HOST.name, "Bob Approver")
        [entry] = world.rows("SELECT * FROM audit_log WHERE action = 'user.vouch'")
        assert (entry["actor"], entry["subject"]) == (HOST.username, "user:bob")

    def test_only_in_the_first_week(self, world: World, of_ada: object) -> None:
        world.clock.advance(days=7)
        with pytest.raises(NotPermitted, match="first 7 days"):
            world.services.account_changes.vouch_on_this_host("bob")

    def test_only_in_a_small_company(self, world: World, of_ada: object) -> None:
        for name in ("carl", "dora"):
            world.services.users.add(
                name, name="", email="c@example.com", roles=["viewer"], password=NEW, by=ADA
            )
        with pytest.raises(NotPermitted, match="at most 5 people"):
            world.services.account_changes.vouch_on_this_host("bob")


class TestTelling:
    def told(self, world: World, actor: Actor) -> list[str]:
        return [one.action for one, _, _ in world.services.account_changes.untold(actor)]

    def test_the_person_is_told_until_they_have_seen_it(self, world: World) -> None:
        world.services.users.add_practice_users()
        world.services.users.set_password("bob", NEW, by=ADA)
        world.services.users.set_roles("bob", [Role.APPROVER], by=ADA)
        assert self.told(world, BOB) == ["user.set_password", "user.set_roles"]
        assert self.told(world, ADA) == []
        [first, _] = [one.id for one, _, _ in world.services.account_changes.untold(BOB)]
        world.services.account_changes.note_seen(first, by=BOB)
        assert self.told(world, BOB) == ["user.set_roles"]

    def test_what_onfile_does_is_no_persons_change(self, world: World) -> None:
        world.services.users.add_practice_users()
        world.services.users.set_roles("bob", [Role.APPROVER], by=SYSTEM)
        assert self.told(world, BOB) == []
