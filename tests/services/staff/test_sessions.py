"""Staff sessions by the clock, and the downloads behind them."""

from __future__ import annotations

import pytest

from lib.domain.sessions import Ending
from lib.errors import NotSignedIn
from lib.services.staff.downloads import Download
from tests.world import ADA, ALICE, World

FILE = Download("charges.csv", b"reference\r\n")


@pytest.fixture
def named(world: World) -> str:
    world.services.users.add_practice_users()
    user = world.services.users.find("alice")
    assert user is not None
    return world.services.sessions.begin(user)


@pytest.mark.parametrize(
    ("minutes", "otherwise"),
    [(29.9, None), (30, Ending.IDLE), (12 * 60, Ending.TOO_LONG), (10**5, Ending.TOO_LONG)],
)
def test_by_the_clock(world: World, named: str, minutes: float, otherwise: Ending | None) -> None:
    world.clock.advance(minutes=minutes)
    user = world.services.sessions.user_of(named)
    if otherwise is None:
        assert not isinstance(user, Ending)
        assert user.username == "alice"
    else:
        assert user is otherwise


def test_looking_on_is_no_act(world: World, named: str) -> None:
    for _ in range(2):
        world.clock.advance(minutes=15)
        user = world.services.sessions.user_of(named)
    assert user is Ending.IDLE


def test_it_survives_a_restart(world: World, named: str) -> None:
    world.clock.advance(minutes=20)
    world.services.sessions.user_of(named, is_act=True)
    world.clock.advance(minutes=20)
    assert not isinstance(world.rebuild().sessions.user_of(named), Ending)


@pytest.mark.parametrize("event", ["idle", "too long", "disabled", "left"])
def test_a_download_asks_the_same(world: World, named: str, event: str) -> None:
    services = world.services
    world.clock.advance(minutes=29)
    token = services.downloads.offer(FILE, by=ALICE, filters={})
    match event:
        case "idle":
            world.clock.advance(minutes=1)
        case "too long":
            world.change("UPDATE staff_sessions SET last_act_at = started_at + 43100")
            world.clock.advance(hours=11.6)
        case "disabled":
            services.users.disable("alice", by=ADA)
        case "left":
            services.users.end_sessions("alice")
    with pytest.raises(NotSignedIn):
        services.downloads.fetch(token, named=named)


def test_whose_it_is_never_changes(world: World, named: str) -> None:
    with pytest.raises(Exception, match="never changes"):
        world.change("UPDATE staff_sessions SET username = 'ada'")


def test_rows_of_the_past_go(world: World, named: str) -> None:
    world.clock.advance(days=31)
    alice = world.services.users.find("alice")
    assert alice is not None
    world.services.sessions.begin(alice)
    [row] = world.rows("SELECT count(*) AS n FROM staff_sessions")
    assert row["n"] == 1
