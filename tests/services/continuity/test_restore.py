"""Restores: what is lost is said before, the ledger counts as behind afterwards, nobody is surprised."""

from __future__ import annotations

import shutil
import sqlite3
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lib.cli.main import main
from lib.domain.sessions import Ending
from lib.errors import InvalidInput, LedgerBehind, NotFound, NotPermitted
from lib.services.continuity.restore import RestoreRefused, sweep_restoring
from lib.store.copies import UNFINISHED, problem_of
from lib.store.folder_lock import FolderInUse, FolderLock
from lib.store.meta import BEHIND
from tests import killed
from tests.world import ADA, ALICE, World, new_world


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

    def test_what_let_somebody_in_before_lets_nobody_in_again(self, world: World) -> None:
        """Who signed out, or was invited and came, did so after the copy was taken."""
        services = world.services
        services.users.add_practice_users()
        [bob] = [one for one in services.users.list() if one.username == "bob"]
        principal = services.sessions.begin(bob)
        token = services.invitations.invite("vera", by=ADA).partition("=")[2]
        assert services.sessions.user_of(principal) == bob
        taken = services.backups.take(by=ADA)
        services.invitations.accept(token, "four gentle walruses")
        services.users.end_sessions("bob")
        services.restores.restore(taken.path, by=ADA)
        world.rebuild()
        assert world.services.sessions.user_of(principal) is Ending.LEFT
        with pytest.raises(NotFound):
            world.services.invitations.accept(token, "another eight walruses")

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
    """At whatever point it dies: the old database or the whole new one, and the next restore works."""

    def restore_of(self, world: World) -> tuple[Callable[[], object], set[str], set[str]]:
        """A restore, what it replaces and what it puts there."""
        first = charged(world, "INV-1")
        # Room that the database gives back to itself: it is as large as its copy all the time.
        world.change("INSERT INTO meta VALUES ('room', hex(zeroblob(100000)))")
        taken = world.services.backups.take(by=ADA)
        world.change("DELETE FROM meta WHERE name = 'room'")
        second = charged(world, "INV-2")
        world.services.close()
        return (
            partial(world.services.restores.restore, taken.path, by=ADA),
            {first, second},
            {first},
        )

    def assert_either(self, world: World, old: set[str], new: set[str]) -> set[str]:
        assert problem_of(world.settings.database) is None
        found = ids(world)
        assert found in (old, new)
        with world.uow.read() as stores:
            # Whose ledger it is, is never in doubt: the new one counts as behind from its first moment.
            assert (stores.meta.value(BEHIND) is not None) == (found == new)
        return found

    def assert_nothing_left(self, world: World) -> None:
        left = [*world.settings.data_dir.iterdir(), *world.settings.backup_dir.iterdir()]
        assert [one.name for one in left if "restoring" in one.name] == []
        assert [one.name for one in left if one.name.endswith(UNFINISHED)] == []

    def test_before_any_file_operation(self, world: World) -> None:
        restore, old, new = self.restore_of(world)
        seen: list[set[str]] = []
        for _ in killed.at_each_operation(restore):
            seen.append(self.assert_either(world, old, new))
            # Somebody starts the dashboard again before the next restore.
            sweep_restoring(world.settings.database)
            if seen[-1] == new:
                break
        assert seen.count(old) > 10
        assert seen[-1] == new
        restore()
        assert ids(world) == new
        assert world.services.audit.verify().ok
        self.assert_nothing_left(world)

    def test_after_it_took_the_place_the_anchor_still_tells_what_was_lost(
        self, world: World, tmp_path: Path
    ) -> None:
        restore, old, new = self.restore_of(world)
        lost = world.uow.anchor.head()
        folder, before = world.settings.data_dir, tmp_path / "before"
        shutil.copytree(folder, before)
        killed_at: dict[int, bool] = {}

        def took_the_place(turn: int) -> bool:
            shutil.rmtree(folder)
            shutil.copytree(before, folder)
            killed_at[turn] = killed.before_operation(turn, restore)
            return self.assert_either(world, old, new) == new

        # The death that is looked for is the first of those: found by halves, as each costs a process.
        turns = range(1, 256)
        turn = turns[bisect_left(turns, True, key=took_the_place)]
        assert turn > 10
        assert took_the_place(turn)
        assert killed_at[turn]
        assert world.uow.anchor.head() == lost
        world.rebuild()
        with pytest.raises(LedgerBehind):
            world.services.completeness.verify()

    @pytest.mark.parametrize("beyond", [-500_000, -4096, 1, 4_000])
    def test_inside_a_write(self, world: World, beyond: int) -> None:
        """Of the copies, which are as large as the database, or of the log, which grows larger."""
        restore, old, new = self.restore_of(world)
        size = world.settings.database.stat().st_size + beyond
        assert killed.when_a_file_grows_to(size, restore)
        assert self.assert_either(world, old, new) == old
        restore()
        assert ids(world) == new
        self.assert_nothing_left(world)

    def test_a_damaged_database_stays_as_it_is_until_the_new_one_is_there(
        self, world: World
    ) -> None:
        restore, _, new = self.restore_of(world)
        database = world.settings.database
        damaged = b"no database" * 1000
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        database.write_bytes(damaged)
        deaths = 0
        for _ in killed.at_each_operation(restore):
            if problem_of(database) is None:
                assert ids(world) == new
                break
            assert database.read_bytes() == damaged
            deaths += 1
        assert deaths > 5
        kept = list(world.settings.backup_dir.glob("*.damaged"))
        assert kept
        assert {one.read_bytes() for one in kept} == {damaged}
        restore()
        assert ids(world) == new
        self.assert_nothing_left(world)


@pytest.mark.server
def test_the_command_says_when_in_the_installations_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_world(tmp_path, ONFILE_TIMEZONE="Asia/Tokyo") as world:
        taken = world.services.backups.take(by=ADA)
        argv = ["restore", str(taken.path), "--dry-run"]
        assert main(argv, services=lambda: world.services) == 0
    assert "The backup is of 23 Nov 2026, 21:00 JST." in capsys.readouterr().out
