"""What once slipped past the mirror: a death between two commits, a row that poisons others, a race."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.mirror_checks import count, customer_elsewhere, ids, session_elsewhere
from tests.world import World


def test_a_death_at_the_begin_of_a_reading_after_a_long_sleep_forgets_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services.sync.run()
    world.clock.advance(days=31)
    slept_through = customer_elsewhere(world)
    world.clock.advance(days=31)

    def disk_full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("lib.store.sync_state.SyncStore.begin_backfill", disk_full)
        with pytest.raises(sqlite3.OperationalError):
            world.services.sync.run()
    world.services.sync.run()
    assert slept_through in ids(world, "customers")


def test_an_overdue_session_that_cannot_be_read_keeps_nobody_waiting(world: World) -> None:
    for _ in range(2):
        session_elsewhere(world)
    world.services.sync.run()
    world.clock.advance(hours=27)
    with world.shell() as connection:
        connection.execute(
            "UPDATE checkout_sessions SET id = '..' "
            "WHERE position = (SELECT min(position) FROM checkout_sessions)"
        )
    new = session_elsewhere(world)
    assert [".." in told for told in world.services.sync.run().unreadable] == [True]
    assert new in ids(world, "checkout_sessions")
    assert count(world, "checkout_sessions", "status = 'open'") == 2
