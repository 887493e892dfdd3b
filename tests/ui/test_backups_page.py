"""The page Backups: the last good one, what is kept, and making one."""

from __future__ import annotations

import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.domain.health import judge
from tests.ui.conftest import go
from tests.world import ADA, World

Usage = namedtuple("Usage", "total used free")
REPORT = """
import sqlite3
from lib.ui import script_errors
error = sqlite3.OperationalError("as SQLite says it")
error.sqlite_errorcode = {code}
script_errors.report(error)
"""


def values(at) -> str:
    shown = [*at.text, *at.code, *at.metric, *at.markdown, *at.caption, *at.warning]
    return "\n".join(str(one.value) for one in shown)


def test_before_the_first_it_says_when_that_comes(open_page) -> None:
    at = open_page("backups", as_="ada")
    assert "No backup yet" in values(at)
    assert not at.warning


def test_back_up_now_asks_the_worker_and_shows_what_it_made(open_page, world: World) -> None:
    at = open_page("backups", as_="ada")
    at.button(key="backups_now").click().run()
    assert at.button(key="backups_now").disabled
    assert "Queued" in at.get("progress")[0].proto.text
    world.worker.do_backup()
    at.run()
    assert not at.exception
    assert not at.button(key="backups_now").disabled
    last = world.services.backups.newest_good()
    assert last is not None
    assert last.kind == "by_hand"
    for told in (last.path, last.audit_head, last.sha256, "just now"):
        assert told in values(at)
    [kept] = at.dataframe
    assert list(kept.value["file"]) == [Path(last.path).name]
    assert list(kept.value["kind"]) == ["By hand"]


def test_the_newest_stands_first_and_a_removed_one_is_told(open_page, world: World) -> None:
    first = world.services.backups.take(by=ADA)
    world.clock.advance(hours=1)
    second = world.services.backups.take(by=ADA)
    at = open_page("backups", as_="ada")
    assert list(at.dataframe[0].value["file"]) == [second.path.name, first.path.name]
    second.path.unlink()
    at.run()
    assert "not there any more" in values(at)


def test_too_little_room_is_said_here_and_on_sync_health(
    open_page, world: World, monkeypatch
) -> None:
    size = world.settings.database.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(size, 0, size))
    world.worker.do_backup()
    at = open_page("backups", as_="ada")
    assert "too little room" in at.warning[0].value
    health = open_page("sync", as_="alice")
    assert "too little room" in values(health)
    monkeypatch.undo()
    at.button(key="backups_now").click().run()
    world.worker.do_backup()
    at.run()
    assert not at.warning


def test_older_than_two_days_is_amber(open_page, world: World) -> None:
    world.services.backups.take(by=ADA)
    world.clock.advance(days=2, seconds=1)
    facts = world.services.reports.health.facts(has_webhooks=False)
    assert "backup_late" in {remark.code for remark in judge(facts)}
    at = open_page("backups", as_="ada")
    assert "older than two days" in at.warning[0].value
    world.worker.do_backup()
    go(at, "backups")
    assert not at.warning


class TestBrokenFile:
    def test_a_damaged_one_is_red_on_every_page(self, open_page, world: World) -> None:
        world.services.uow.pool.damage.write("page 7")
        for page in ("home", "new_charge", "sync"):
            at = open_page(page, as_="alice")
            assert "Nothing is charged or refunded" in at.error[0].value

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (sqlite3.SQLITE_FULL, "is full"),
            (sqlite3.SQLITE_READONLY, "cannot be written"),
            (sqlite3.SQLITE_CORRUPT, "is damaged"),
            (sqlite3.SQLITE_BUSY, "Try again in a moment"),
        ],
    )
    def test_a_page_that_meets_it_says_what_it_is(self, services, code: int, words: str) -> None:
        """What SQLite itself raises is tried in tests/services/continuity/test_broken_files.py."""
        at = AppTest.from_string(REPORT.format(code=code)).run()
        assert words in at.error[0].value
        assert "Number:" in at.error[0].value
