"""Practice mode's past: made in an account of its own, whatever was tried in it before."""

from __future__ import annotations

from lib.domain.actors import Role
from lib.practice.seed import seed
from lib.rehearsal import rehearse
from lib.services.staff.sandbox import trials
from tests.world import World


def test_a_trial_of_the_sandbox_leaves_the_account_for_the_past(world: World) -> None:
    assert all(trial.ok for trial in trials(world.services.gateway, world.settings.mode))
    seed(world.stripe)
    world.services.users.add_practice_users()
    assert rehearse(world.settings, world.clock())
    assert world.services.reports.links.counts().by_state["open"] > 0


def test_an_account_that_was_somebodys_before_gets_none(world: World) -> None:
    world.services.users.add_practice_users()
    customer = world.customer()
    seed(world.stripe)
    assert not rehearse(world.settings, world.clock())
    assert [one.id for one in world.services.gateway.list_page("customers").items] == [customer]


def test_staff_that_were_somebodys_before_have_none(world: World) -> None:
    world.services.users.add(
        "alice",
        name="Alice",
        email="alice@example.com",
        roles=frozenset({Role.ADMIN}),
        password="correct-horse",
        by=None,
    )
    seed(world.stripe)
    assert not world.services.users.add_practice_users()
    assert not rehearse(world.settings, world.clock())
