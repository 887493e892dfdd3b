"""Limits, roles and admins' accounts change with a second admin, where there is one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.admin_changes import PROPOSAL_DAYS, AdminProposal
from lib.errors import NotFound, NotPermitted, NotSignedIn, RuleViolation, StaleState
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.services.staff.test_second_factors import enrol
from tests.world import ADA, ALICE, BOB, World

EVE = Actor("eve", "Eve Admin", frozenset({Role.ADMIN}))
Act = Callable[[World], object]


def set_limits(world: World) -> object:
    return world.services.limits.set("usd", per_charge="9", per_run="", per_day="", by=ADA)


def change_roles(world: World) -> object:
    return world.services.users.set_roles("bob", ["operator"], by=ADA)


def demote(world: World) -> object:
    return world.services.users.set_roles("eve", ["viewer"], by=ADA)


def disable(world: World) -> object:
    return world.services.users.disable("eve", by=ADA)


def enable(world: World) -> object:
    world.change("UPDATE users SET is_active = 0 WHERE username = 'olga'")
    return world.services.users.enable("olga", by=ADA)


def reset(world: World) -> object:
    if world.services.second_factors.everybody() == set():
        enrol(world, EVE)
    return world.services.second_factors.reset("eve", by=ADA)


def invite(world: World) -> object:
    return world.services.invitations.invite("eve", by=ADA)


ACTS = [set_limits, change_roles, demote, disable, enable, reset, invite]


def state(world: World) -> object:
    """All that such a change could change, but not that it was asked for."""
    tables = ("limits", "users", "second_factors", "invitations", "account_changes")
    return [[tuple(row) for row in world.rows(f"SELECT * FROM {table}")] for table in tables]


@pytest.fixture
def one_admin(world: World) -> World:
    world.services.users.add_practice_users()
    return world


def add_admin(world: World, username: str = "eve") -> None:
    """One who has been there for long."""
    world.services.users.add(
        username,
        name=f"{username.title()} Admin",
        email=f"{username}@example.com",
        roles=["viewer"],
        password=PRACTICE_PASSWORD,
        by=ADA,
    )
    world.services.users.sign_in(username, PRACTICE_PASSWORD)
    world.change(f"UPDATE users SET roles = 'admin' WHERE username = '{username}'")


@pytest.fixture
def two_admins(one_admin: World) -> World:
    add_admin(one_admin, "olga")
    one_admin.change("UPDATE users SET is_active = 0 WHERE username = 'olga'")
    add_admin(one_admin)
    return one_admin


def agree(world: World, proposal: object, by: Actor = EVE) -> str | None:
    assert isinstance(proposal, AdminProposal)
    return world.services.admin_proposals.agree(
        proposal.id, by=by, password=PRACTICE_PASSWORD
    ).invitation


@pytest.mark.parametrize("act", ACTS)
class TestWithTwoAdmins:
    def test_nothing_changes_until_the_other_agrees(self, two_admins: World, act: Act) -> None:
        if act is reset:
            enrol(two_admins, EVE)
        if act is enable:
            two_admins.change("UPDATE users SET is_active = 0 WHERE username = 'olga'")
        before = state(two_admins)
        proposal = act(two_admins)
        assert isinstance(proposal, AdminProposal)
        assert state(two_admins) == before
        for by in (ALICE, BOB):
            with pytest.raises(NotPermitted):
                agree(two_admins, proposal, by)
        with pytest.raises(NotPermitted, match="somebody else must decide"):
            agree(two_admins, proposal, ADA)
        with pytest.raises(NotSignedIn):
            two_admins.services.admin_proposals.agree(proposal.id, by=EVE, password="a guess")
        assert state(two_admins) == before
        address = agree(two_admins, proposal)
        assert (address is not None) is (act is invite)
        assert state(two_admins) != before
        with pytest.raises((StaleState, NotPermitted, NotSignedIn)):
            agree(two_admins, proposal)

    def test_it_waits_once_and_is_taken_back_or_rejected(self, two_admins: World, act: Act) -> None:
        first = act(two_admins)
        assert isinstance(first, AdminProposal)
        proposals = two_admins.services.admin_proposals
        with pytest.raises(StaleState, match="waits for a second admin already"):
            act(two_admins)
        before = state(two_admins)
        with pytest.raises(NotPermitted):
            proposals.withdraw(first.id, by=EVE)
        proposals.withdraw(first.id, by=ADA)
        second = act(two_admins)
        assert isinstance(second, AdminProposal)
        with pytest.raises(NotPermitted, match="take it back"):
            proposals.reject(second.id, by=ADA, password=PRACTICE_PASSWORD)
        proposals.reject(second.id, by=EVE, password=PRACTICE_PASSWORD)
        with pytest.raises(StaleState):
            agree(two_admins, second)
        assert state(two_admins) == before
        assert proposals.to_decide(by=ADA) == []


@pytest.mark.parametrize("act", [set_limits, change_roles, enable])
def test_one_admin_alone_does_it_at_once(one_admin: World, act: Act) -> None:
    add_admin(one_admin, "olga")
    one_admin.change("UPDATE users SET is_active = 0 WHERE username = 'olga'")
    assert not isinstance(act(one_admin), AdminProposal)


def test_the_log_names_both_and_so_does_the_rule_of_two_people(two_admins: World) -> None:
    agree(two_admins, change_roles(two_admins))
    [done] = two_admins.rows("SELECT * FROM audit_log WHERE action = 'user.set_roles'")
    assert done["actor"] == "eve"
    assert '"asked_by":"ada"' in done["detail"].replace(" ", "")
    changed_by = two_admins.rows("SELECT changed_by FROM account_changes WHERE about = 'bob'")
    assert {row["changed_by"] for row in changed_by} == {"ada", "eve"}


def test_a_new_account_begins_as_a_viewers(two_admins: World) -> None:
    users, proposals = two_admins.services.users, two_admins.services.admin_proposals
    added = users.add(
        "carl", name="Carl", email="c@example.com", roles=["operator"], password=None, by=ADA
    )
    assert added.roles == {Role.VIEWER}
    proposal = proposals.roles_waiting("carl")
    agree(two_admins, proposal)
    assert users.find("carl").roles == {Role.OPERATOR}  # type: ignore[union-attr]
    viewer = users.add(
        "dora", name="Dora", email="d@example.com", roles=["viewer"], password=None, by=ADA
    )
    assert viewer.roles == {Role.VIEWER}
    assert proposals.to_decide(by=ADA) == []


def test_whoever_never_came_does_not_stand_in_the_way(two_admins: World) -> None:
    """An admin who lost the invitation could not agree to a new one."""
    two_admins.change("UPDATE users SET last_sign_in_at = NULL WHERE username = 'eve'")
    assert isinstance(set_limits(two_admins), AdminProposal)
    more = two_admins.services.users.set_roles("eve", ["admin", "operator"], by=ADA)
    assert isinstance(more, AdminProposal)
    two_admins.services.admin_proposals.withdraw(more.id, by=ADA)
    assert isinstance(invite(two_admins), str)
    assert not isinstance(demote(two_admins), AdminProposal)


def test_nobody_sets_the_password_of_another_admin(two_admins: World) -> None:
    users = two_admins.services.users
    with pytest.raises(RuleViolation, match="Make an invitation"):
        users.set_password("eve", "four gentle walruses", by=ADA)
    users.set_password("ada", "four gentle walruses", by=ADA)
    users.set_password("bob", "four gentle walruses", by=ADA)


def test_an_admin_whom_the_other_one_made_does_not_count_for_a_week(one_admin: World) -> None:
    users = one_admin.services.users
    assert not isinstance(users.set_roles("bob", ["admin"], by=ADA), AdminProposal)
    proposal = set_limits(one_admin)
    bob = Actor("bob", "Bob", frozenset({Role.ADMIN}))
    with pytest.raises(NotPermitted, match="less than 7 days ago"):
        agree(one_admin, proposal, bob)
    one_admin.services.account_changes.vouch_on_this_host("bob")
    agree(one_admin, proposal, bob)
    assert one_admin.services.limits.all()["usd"].per_charge == 900


def test_what_was_asked_for_long_ago_or_by_an_admin_who_went_is_asked_anew(
    two_admins: World,
) -> None:
    proposal = set_limits(two_admins)
    two_admins.clock.advance(days=PROPOSAL_DAYS)
    with pytest.raises(StaleState, match="ask for it anew"):
        agree(two_admins, proposal)
    two_admins.change("UPDATE users SET is_active = 0 WHERE username = 'ada'")
    with pytest.raises(NotPermitted, match="no admin any more"):
        agree(two_admins, proposal)


def test_the_last_admin_stays_whoever_agrees(two_admins: World) -> None:
    proposal = two_admins.services.users.disable("ada", by=ADA)
    two_admins.services.users.disable_on_this_host("eve")
    with pytest.raises(RuleViolation, match="last active admin"):
        two_admins.services.users.disable_on_this_host("ada")
    assert isinstance(proposal, AdminProposal)
    with pytest.raises(NotFound):
        two_admins.services.users.disable_on_this_host("nobody")
    [entry] = two_admins.rows("SELECT * FROM audit_log WHERE action = 'user.disable'")
    assert (entry["actor"], entry["subject"]) == ("@host", "user:eve")
    # Eve went with the proposal open: enabled again, her word makes nobody the last one.
    two_admins.change("UPDATE users SET is_active = 1 WHERE username = 'eve'")
    two_admins.change("UPDATE users SET roles = 'admin approver' WHERE username = 'eve'")
    agree(two_admins, proposal)
    users = two_admins.services.users
    assert not users.find("ada").is_active  # type: ignore[union-attr]
    with pytest.raises(RuleViolation, match="last active admin"):
        users.disable("eve", by=EVE)


def test_the_file_keeps_who_asked_and_who_agreed(two_admins: World) -> None:
    proposal = set_limits(two_admins)
    assert isinstance(proposal, AdminProposal)
    for statement in (
        "UPDATE admin_proposals SET state = 'approved', decided_by = 'ada'",
        "UPDATE admin_proposals SET params = '{}'",
        "DELETE FROM admin_proposals",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            two_admins.change(statement)
