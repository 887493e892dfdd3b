"""Backups: checked copies of a database in use, once a day, and none that would fill the disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from lib.errors import InvalidInput, NotPermitted
from lib.services.continuity import backup as backups
from lib.services.continuity.backup import BackupFailed, note_path
from lib.store.copies import digest_of, problem_of
from tests.world import ADA, ALICE, World

Usage = namedtuple("Usage", "total used free")


def _rows(path: Path, table: str) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class TestByHand:
    def test_a_copy_holds_what_was_committed_and_says_what_it_is(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer)
        taken = world.services.backups.take(by=ADA)
        assert taken.path.parent == world.settings.backup_dir
        assert problem_of(taken.path) is None
        assert _rows(taken.path, "charges") == 1
        assert taken.sha256 == digest_of(taken.path)
        note = json.loads(note_path(taken.path).read_text())
        assert note["sha256"] == taken.sha256
        assert note["audit_head"] == taken.audit_head
        assert note["taken_at"] == world.now

    def test_it_is_one_file_that_needs_no_log(self, world: World) -> None:
        taken = world.services.backups.take(by=ADA)
        assert taken.path.read_bytes()[18:20] == b"\x01\x01"
        assert taken.path.stat().st_mode & 0o077 == 0

    def test_a_writer_in_the_middle_of_a_transaction_does_not_spoil_it(self, world: World) -> None:
        with world.uow.write() as stores:
            stores.audit.record(
                at=world.now, actor="ada", action="limits.set", subject="usd", detail={}
            )
            taken = backups.take_copy(
                world.settings.database, world.settings.data_dir / "copy.db", now=world.now
            )
        assert problem_of(taken.path) is None
        assert _rows(taken.path, "audit_log") == _rows(world.settings.database, "audit_log") - 1

    def test_it_never_replaces_a_file(self, world: World, tmp_path: Path) -> None:
        target = tmp_path / "mine.db"
        target.write_text("mine")
        with pytest.raises(InvalidInput, match="exists already"):
            world.services.backups.take(target, by=ADA)
        assert target.read_text() == "mine"

    def test_only_an_admin_copies_everything(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.backups.take(by=ALICE)


class TestNoRoom:
    def test_a_copy_that_would_leave_too_little_is_not_made_and_that_is_kept(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = world.settings.database.stat().st_size
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 * size, 0, 3 * size - 1))
        with pytest.raises(BackupFailed, match="too little room"):
            world.services.backups.take(by=ADA)
        assert list(world.settings.backup_dir.glob("*")) == []
        newest = world.services.backups.newest()
        assert newest is not None
        assert "too little room" in (newest.error or "")
        assert world.services.backups.newest_good() is None

    def test_with_exactly_enough_it_is_made(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = world.settings.database.stat().st_size
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 * size, 0, 3 * size))
        assert world.services.backups.take(by=ADA).bytes > 0


class TestDaily:
    def test_once_a_day_and_the_oldest_go(self, world: World) -> None:
        for _ in range(world.settings.backup_keep + 3):
            assert world.services.backups.take_due() is not None
            assert world.services.backups.take_due() is None
            world.clock.advance(days=1)
        copies = sorted(world.settings.backup_dir.glob("onfile-*.db"))
        assert len(copies) == world.settings.backup_keep
        assert all(note_path(path).is_file() for path in copies)
        assert len(list(world.settings.backup_dir.iterdir())) == 2 * len(copies)

    def test_a_copy_from_a_clock_that_was_ahead_does_not_stop_the_next(self, world: World) -> None:
        world.clock.advance(days=400)
        assert world.services.backups.take_due() is not None
        world.clock.advance(days=-400)
        assert world.services.backups.take_due() is not None

    def test_one_that_fails_waits_a_day_and_raises_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
        assert world.services.backups.take_due() is None
        monkeypatch.undo()
        assert world.services.backups.take_due() is None
        world.clock.advance(days=1)
        assert world.services.backups.take_due() is not None

    def test_the_worker_makes_it(self, world: World) -> None:
        world.worker.do_backup()
        assert len(list(world.settings.backup_dir.glob("onfile-*.db"))) == 1
