"""Restores: what is lost is said before, the ledger counts as behind afterwards, nobody is surprised."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from lib.errors import InvalidInput, NotPermitted
from lib.services.continuity import restore as restores
from lib.services.continuity.restore import RestoreRefused
from lib.store.copies import problem_of
from lib.store.folder_lock import FolderInUse, FolderLock
from lib.store.meta import BEHIND
from tests.world import ADA, ALICE, World


def charged(world: World, reference: str) -> str:
    customer = world.customer()
    world.save_card(customer)
    return world.charge(customer, reference=reference).charge.id


def ids(world: World) -> set[str]:
    with sqlite3.connect(world.settings.database) as database:
        return {row[0] for row in database.execute("SELECT id FROM charges")}


class TestWhatIsLost:
    def test_a_dry_run_counts_it_and_changes_nothing(self, world: World) -> None:
        charged(world, "INV-1")
        taken = world.services.backups.take(by=ADA)
        charged(world, "INV-2")
        before = ids(world)
        plan = world.services.restores.look(taken.path, by=ADA)
        assert plan.loses["charges"] == 1
        assert plan.loses["attempts"] == 1
        assert plan.loses["links"] == 1
        assert plan.loses["refunds"] == 0
        assert (plan.loses["audit_entries"] or 0) > 2
        assert plan.taken_at == taken.taken_at
        assert ids(world) == before

    def test_a_restore_brings_the_copy_back_and_keeps_what_it_replaced(self, world: World) -> None:
        first = charged(world, "INV-1")
        taken = world.services.backups.take(by=ADA)
        second = charged(world, "INV-2")
        result = world.services.restores.restore(taken.path, by=ADA)
        assert ids(world) == {first}
        assert result.kept_as is not None
        with sqlite3.connect(result.kept_as) as database:
            kept = {row[0] for row in database.execute("SELECT id FROM charges")}
        assert kept == {first, second}
        with world.uow.read() as stores:
            assert stores.meta.value(BEHIND) == str(world.now)
        assert world.services.audit.verify().ok

    def test_a_database_that_cannot_be_read_is_replaced_and_kept(self, world: World) -> None:
        first = charged(world, "INV-1")
        taken = world.services.backups.take(by=ADA)
        damaged = world.settings.database
        for suffix in ("-wal", "-shm"):
            damaged.with_name(damaged.name + suffix).unlink(missing_ok=True)
        damaged.write_bytes(b"no database" * 1000)
        plan = world.services.restores.look(taken.path, by=ADA)
        assert set(plan.loses.values()) == {None}
        result = world.services.restores.restore(taken.path, by=ADA)
        assert problem_of(damaged) is None
        assert ids(world) == {first}
        assert result.kept_as is not None
        assert result.kept_as.read_bytes().startswith(b"no database")


class TestRefused:
    def test_while_another_process_has_the_folder(self, world: World) -> None:
        taken = world.services.backups.take(by=ADA)
        other = FolderLock(world.settings.data_dir)
        other.share()
        with pytest.raises(FolderInUse, match="Stop the dashboard"):
            world.services.restores.restore(taken.path, by=ADA)
        other.release()
        assert world.services.restores.restore(taken.path, by=ADA).kept_as is not None

    def test_a_copy_whose_checksum_differs(self, world: World) -> None:
        taken = world.services.backups.take(by=ADA)
        with sqlite3.connect(taken.path) as database:
            database.execute("UPDATE meta SET value = value || '0' WHERE name = 'worker_heartbeat'")
            database.execute("INSERT INTO meta VALUES ('x', 'y')")
        with pytest.raises(RestoreRefused, match="checksum differs"):
            world.services.restores.look(taken.path, by=ADA)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [("mode", "live", "live data"), ("installation", "ins_other", "another installation")],
    )
    def test_a_copy_that_is_not_of_this_house(
        self, world: World, tmp_path: Path, name: str, value: str, words: str
    ) -> None:
        taken = world.services.backups.take(by=ADA)
        copy = tmp_path / "copy.db"
        shutil.copy(taken.path, copy)
        with sqlite3.connect(copy) as database:
            database.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))
        with pytest.raises(RestoreRefused, match=words):
            world.services.restores.look(copy, by=ADA)

    @pytest.mark.parametrize(
        "content", [b"", b"PK\x03\x04 a workbook", b"SQLite format 3\x00" * 99]
    )
    def test_what_is_no_database_of_ours(
        self, world: World, tmp_path: Path, content: bytes
    ) -> None:
        copy = tmp_path / "copy.db"
        copy.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"copy\.db cannot be used"):
            world.services.restores.look(copy, by=ADA)

    def test_only_an_admin_restores(self, world: World) -> None:
        taken = world.services.backups.take(by=ADA)
        with pytest.raises(NotPermitted):
            world.services.restores.restore(taken.path, by=ALICE)


class TestTheCopyItself:
    def test_a_file_copied_without_its_log_is_told(self, world: World, tmp_path: Path) -> None:
        charged(world, "INV-1")
        copy = tmp_path / "copied by hand.db"
        shutil.copy(world.settings.database, copy)
        plan = world.services.restores.look(copy, by=ADA)
        assert "may miss the last minutes" in plan.notes[0]
        assert (
            world.services.restores.look(world.services.backups.take(by=ADA).path, by=ADA).notes
            == ()
        )


class TestDeaths:
    @pytest.mark.parametrize("step", ["copy_database", "put_in_place"])
    def test_one_that_dies_leaves_the_old_database_or_the_new(
        self, world: World, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        first = charged(world, "INV-1")
        taken = world.services.backups.take(by=ADA)
        second = charged(world, "INV-2")
        pid = os.fork()
        if pid == 0:
            monkeypatch.setattr(restores, step, lambda *_: os._exit(9))
            world.services.restores.restore(taken.path, by=ADA)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        assert problem_of(world.settings.database) is None
        assert ids(world) == {first, second}
        world.services.restores.restore(taken.path, by=ADA)
        assert ids(world) == {first}
