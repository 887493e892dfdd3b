"""Backups: checked copies of a database in use, once a day, and none that would fill the disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from lib.errors import InvalidInput, NotPermitted, StaleState
from lib.services.continuity import backup_files as backups
from lib.services.continuity.backup import BACKUP
from lib.services.continuity.backup_files import BackupFailed, note_path
from lib.store import copies
from lib.store.copies import digest_of, problem_of
from tests import killed
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


class TestWhileEverythingRuns:
    def test_writers_never_make_it_begin_anew(self, world: World, tmp_path: Path) -> None:
        with world.uow.write() as stores:
            stores.meta.set("large", "x" * 20 * 2**20)
        steps: list[tuple[int, int]] = []

        def written_meanwhile(left: int, pages: int) -> None:
            steps.append((left, pages))
            assert len(steps) <= pages, "it never ends"
            with world.uow.write() as stores:
                stores.meta.set("written_meanwhile", str(len(steps)))

        target = tmp_path / "copy.db"
        copies.copy_database(world.settings.database, target, progress=written_meanwhile)
        assert len(steps) > 3
        assert problem_of(target) is None
        # As it was when it began.
        with sqlite3.connect(target) as database:
            sql = "SELECT count(*) FROM meta WHERE name = 'written_meanwhile'"
            assert database.execute(sql).fetchone() == (0,)

    def test_one_is_made_at_a_time(self, world: World) -> None:
        backups = world.services.backups
        assert backups.request(by=ADA)
        assert not backups.request(by=ADA)
        assert backups.jobs.take(BACKUP) is not None  # another process makes it
        assert backups.take_due() is None
        with pytest.raises(StaleState, match="being made"):
            backups.take(by=ADA)

    def test_one_whose_maker_died_is_made_by_the_next(self, world: World) -> None:
        backups = world.services.backups
        backups.take_due()
        backups.request(by=ADA)
        backups.jobs.take(BACKUP)
        world.clock.advance(minutes=1)
        taken = backups.take_due()
        assert taken is not None
        newest = backups.newest()
        assert newest is not None
        assert (newest.kind, newest.path) == ("by_hand", str(taken.path))

    def test_a_worker_that_stops_leaves_it_to_the_next(self, world: World) -> None:
        backups = world.services.backups
        assert backups.take_due(should_stop=lambda: True) is None
        assert list(world.settings.backup_dir.iterdir()) == []
        world.clock.advance(minutes=1)
        assert backups.take_due() is not None


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


class TestDeaths:
    """Whatever has a backup's name is whole, checked and described; what a death left, the next removes."""

    def assert_all_good(self, world: World) -> set[str]:
        found = list(world.settings.backup_dir.glob("onfile-*.db"))
        for path in found:
            assert problem_of(path) is None
            note = json.loads(note_path(path).read_text())
            assert note["sha256"] == digest_of(path)
        return {path.name for path in found}

    def test_before_any_file_operation(self, world: World) -> None:
        earlier = world.services.backups.take(by=ADA).path.name
        world.services.close()
        deaths = 0
        for _ in killed.at_each_operation(lambda: world.services.backups.take(by=ADA)):
            deaths += 1
            assert earlier in self.assert_all_good(world)
            assert problem_of(world.settings.database) is None
            # Until the job of the dead process is taken over.
            world.clock.advance(minutes=1)
        assert deaths > 5
        world.clock.advance(minutes=1)
        world.services.backups.take(by=ADA)
        good = self.assert_all_good(world)
        names = {path.name for path in world.settings.backup_dir.iterdir()}
        assert names == good | {f"{name}.json" for name in good}
        newest = world.services.backups.newest_good()
        assert newest is not None
        assert Path(newest.path).name in good

    @pytest.mark.parametrize("short_of", [500_000, 4096, 1])
    def test_inside_a_write(self, world: World, short_of: int) -> None:
        world.services.backups.take(by=ADA)
        world.services.close()
        world.clock.advance(hours=1)
        size = world.settings.database.stat().st_size - short_of
        assert killed.when_a_file_grows_to(size, lambda: world.services.backups.take(by=ADA))
        assert len(self.assert_all_good(world)) == 1
        assert list(world.settings.backup_dir.glob(f"*{copies.UNFINISHED}"))
        world.clock.advance(minutes=1)
        world.services.backups.take(by=ADA)
        assert len(self.assert_all_good(world)) == 2
        assert len(list(world.settings.backup_dir.iterdir())) == 4
