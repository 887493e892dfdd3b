"""A file that is full, read-only, damaged or of another time: nothing is charged, and each says so in words."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.clock import utcnow
from lib.domain.actors import Role
from lib.domain.health import judge
from lib.domain.refunds import RefundState
from lib.errors import AlreadyCharged, DatabaseDamaged, LedgerBehind, OutcomeUnknown
from lib.money import Money
from lib.settings import load_settings
from lib.store.connection import connect
from lib.store.folder_lock import FolderLock
from lib.store.meta import BEHIND
from tests import stripe_account
from tests.charge_runs import counts, invoices, payers, started
from tests.commands import commands_of
from tests.databases import migrated
from tests.forked_commands import Commands
from tests.server.conftest import environment
from tests.world import ADA, ALICE, BOB, World, new_world

DISK_BYTES = 24 * 2**20
PAYMENTS = "/v1/payment_intents"
ADAS = "correct-horse"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """To the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return filler


@contextmanager
def no_file_grows_beyond(path: Path) -> Iterator[None]:
    """For users who may not mount: whoever writes past the end of this file is told that it cannot be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def check(world: World, name: str, *, ready: bool = False) -> Any:
    doctor = world.services.doctor
    return next(c for c in (doctor.is_ready() if ready else doctor.checks()) if c.name == name)


def assert_nothing_is_charged(world: World, customer: str) -> None:
    with pytest.raises(sqlite3.Error):
        world.charge(customer)
    assert world.moved() == []
    assert stripe_account.listed(world, PAYMENTS) == []
    for ready in (True, False):
        assert not check(world, "database", ready=ready).ok


@pytest.mark.server
class TestFullDisk:
    def test_a_charge_is_refused_before_any_call_and_goes_on_with_room(self, disk: Path) -> None:
        with new_world(disk) as world:
            customer = world.customer()
            world.save_card(customer)
            filler = fill(disk)
            assert_nothing_is_charged(world, customer)
            for ready in (True, False):
                problems = check(world, "database", ready=ready).detail
                assert "is full" in problems
                assert str(world.settings.data_dir) in problems
            filler.unlink()
            assert check(world, "database", ready=True).ok
            assert world.charge(customer).charge.state == "succeeded"
            assert len(world.moved()) == 1

    def test_a_run_waits_and_goes_on_with_room(self, disk: Path) -> None:
        with new_world(disk) as world:
            run_id = started(world, invoices(payers(world, 3)))
            filler = fill(disk)
            world.worker.do_runs()
            assert world.moved() == []
            assert stripe_account.listed(world, PAYMENTS) == []
            filler.unlink()
            world.worker.do_runs()
            assert counts(world, run_id) == {"succeeded": 3}
            assert len(world.moved()) == 3

    def test_one_that_fills_while_stripe_answers_leaves_what_evidence_settles(
        self, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with new_world(disk) as world:
            customer = world.customer()
            world.save_card(customer)
            gateway = world.services.gateway
            create, filler = gateway.create_payment_intent, disk / "filler"

            def then_full(*given: Any, **more: Any) -> Any:
                made = create(*given, **more)
                fill(disk)
                return made

            monkeypatch.setattr(gateway, "create_payment_intent", then_full)
            with pytest.raises(OutcomeUnknown, match="could not be written down"):
                world.charge(customer)
            filler.unlink()
            with pytest.raises(AlreadyCharged):
                world.charge(customer)
            world.clock.advance(minutes=10)
            world.services.charge_resolver.resolve_due()
            [charge] = world.rows("SELECT state FROM charges")
            assert charge["state"] == "succeeded"
            assert len(world.moved()) == 1

    def test_the_command_line_says_it_in_words(
        self, disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with new_world(disk) as world:
            monkeypatch.setattr("lib.bootstrap.settings", lambda: world.settings)
            run = commands_of(world, capsys, monkeypatch)
            fill(disk)
            output = run("--json", "--as", "alice", "sync")
            assert output.status == 1
            assert "is full" in output.error["message"]

    def test_no_backup_is_made_there_and_none_is_left_half(self, disk: Path) -> None:
        with new_world(disk) as world:
            filler = fill(disk)
            with filler.open("rb+") as file:
                file.truncate(filler.stat().st_size - 2**20)
            world.worker.do_backup()
            newest = world.services.backups.newest()
            assert newest is not None
            assert "too little room" in (newest.error or "")
            assert list(world.settings.backup_dir.iterdir()) == []

    def test_where_no_disk_can_be_mounted(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        log = world.settings.database.with_name("onfile.db-wal")
        with no_file_grows_beyond(log):
            assert_nothing_is_charged(world, customer)
            assert "reports an error" in check(world, "database").detail
        assert world.charge(customer).charge.state == "succeeded"


def spoil(world: World, table: str) -> None:
    """The page of a real file at which a table begins, as a failing disk leaves it."""
    world.services.close()
    with world.shell() as shell:
        shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [root] = shell.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
        [size] = shell.execute("PRAGMA page_size")
    with world.settings.database.open("rb+") as file:
        file.seek((root[0] - 1) * size[0])
        page = file.read(size[0])
        file.seek((root[0] - 1) * size[0])
        file.write(bytes(byte ^ 0xFF for byte in page))


class TestDamagedPage:
    def test_a_charge_that_meets_it_stops_and_every_process_knows(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        spoil(world, "attempts")
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            world.charge(customer)
        world.rebuild()
        with pytest.raises(DatabaseDamaged, match="put the newest backup back"):
            world.charge(customer)
        assert world.moved() == []
        assert stripe_account.listed(world, PAYMENTS) == []
        for ready in (True, False):
            problems = check(world, "database", ready=ready)
            assert not problems.ok
            assert "damaged" in problems.detail

    def test_one_that_no_charge_meets_is_found_by_the_worker_and_by_doctor(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        assert check(world, "database").ok
        spoil(world, "verifications")
        assert check(world, "database", ready=True).ok  # nobody has met it
        world.worker.do_backup()
        facts = world.services.reports.webhooks, world.services.completeness.damage()
        assert "damaged" in (facts[1] or "")
        with pytest.raises(DatabaseDamaged):
            world.charge(customer)
        assert world.moved() == []

    def test_doctor_looks_through_all_of_it(self, world: World) -> None:
        spoil(world, "verifications")
        assert "damaged" in check(world, "database").detail

    def test_a_request_that_is_about_to_leave_does_not(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Found between the claim and the request: it is written down as never executed."""
        customer = world.customer()
        world.save_card(customer)
        completeness = world.services.completeness
        read_customer = completeness.read_customer

        def found_meanwhile(customer: str) -> None:
            read_customer(customer)
            world.services.uow.pool.damage.write("page 7")

        monkeypatch.setattr(completeness, "read_customer", found_meanwhile)
        view = world.charge(customer)
        assert view.charge.state == "planned"
        assert stripe_account.listed(world, PAYMENTS) == []

    def test_nor_does_a_refund(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        paid = world.charge(customer).charge
        order = world.services.refunds.request(
            paid.id,
            money=Money(paid.amount, paid.currency),
            reason="duplicate",
            note="twice",
            by=ALICE,
        )
        world.services.uow.pool.damage.write("page 7")
        world.services.users.add_practice_users()
        with pytest.raises(DatabaseDamaged):
            world.services.refunds.approve(order.id, password="practice-only", by=BOB)
        assert stripe_account.listed(world, "/v1/refunds") == []
        assert world.services.refunds.of_charge(paid.id)[0].state is RefundState.REQUESTED

    def test_the_light_is_red(self, world: World) -> None:
        world.services.uow.pool.damage.write("page 7")
        codes = {r.code for r in judge(world.services.reports.health.facts(has_webhooks=False))}
        assert "damaged" in codes

    def test_a_restore_ends_it(self, world: World) -> None:
        world.save_card(world.customer())
        taken = world.services.backups.take(by=ADA)
        spoil(world, "attempts")
        world.worker.do_backup()
        assert world.services.completeness.damage() is not None
        world.services.close()
        result = world.services.restores.restore(taken.path, by=ADA)
        assert result.kept_as is not None
        assert result.kept_as.name.endswith(".damaged")
        assert world.services.completeness.damage() is None
        with world.uow.read() as stores:
            assert stores.meta.value(BEHIND) is not None

    def test_one_that_was_replaced_by_hand_is_sound_after_the_next_start(
        self, world: World
    ) -> None:
        world.services.uow.pool.damage.write("page 7")
        world.worker.do_backup()
        assert world.services.completeness.damage() is None


Command = Callable[..., tuple[int, dict[str, Any]]]
At = Callable[[Path], Command]


@pytest.fixture(scope="module")
def commands_at() -> Iterator[At]:
    """Commands over a data folder, each in a process of its own, and the one object that it printed."""
    commands = Commands()

    def at(folder: Path) -> Command:
        environ = environment(folder, 8501, ONFILE_PASSWORD=ADAS, ONFILE_NEW_PASSWORD=ADAS)

        def run(*arguments: str) -> tuple[int, dict[str, Any]]:
            ended = commands.run(["--json", *arguments], environ)
            assert "Traceback" not in ended.err
            return ended.status, json.loads(ended.out)

        return run

    yield at
    commands.close()


def of_ada(folder: Path) -> None:
    """A data folder that is hers; where another installation is meant, its first command makes it."""
    settings = load_settings(folder.parent, {"ONFILE_DATA_DIR": str(folder)})
    migrated(settings)
    services = bootstrap.build_services(settings, clock=utcnow, bcrypt_rounds=4)
    services.users.add(
        "ada", name="Ada", email="ada@example.com", roles=[Role.ADMIN], password=ADAS, by=None
    )
    services.close()


@pytest.fixture(scope="module")
def adas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied."""
    folder = tmp_path_factory.mktemp("ada") / "data"
    of_ada(folder)
    return folder


@pytest.fixture
def command(commands_at: At, adas: Path, tmp_path: Path) -> Command:
    shutil.copytree(adas, tmp_path / "data")
    return commands_at(tmp_path / "data")


class TestAtTheStart:
    def test_a_damaged_file_is_refused_and_a_restore_needs_nobody_who_could_sign_in(
        self, command: Command, tmp_path: Path
    ) -> None:
        _, taken = command("--as", "ada", "backup")
        file = tmp_path / "data" / "onfile.db"
        broken = b"\xff" * 4096 + file.read_bytes()[4096:]
        file.write_bytes(broken)
        status, said = command("--as", "ada", "users", "list")
        assert (status, said["error"]["code"]) == (1, "unusable_database")
        assert "is damaged" in said["error"]["message"]
        status, said = command("restore", taken["path"], "--dry-run")
        assert (status, said["restored"], said["loses"]["charges"]) == (0, False, None)
        assert file.read_bytes() == broken
        status, said = command("restore", taken["path"])
        assert (status, said["restored"]) == (0, True)
        assert Path(said["kept_as"]).read_bytes() == broken
        status, said = command("--as", "ada", "users", "list")
        assert [user["name"] for user in said["users"]] == ["ada"]

    def test_after_an_upgrade_the_earlier_version_puts_its_backup_back(
        self, command: Command, tmp_path: Path
    ) -> None:
        _, taken = command("--as", "ada", "backup")
        with closing(sqlite3.connect(tmp_path / "data" / "onfile.db")) as connection:
            connection.execute(
                """INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
                   VALUES ('onfile', 'm999_of_next_year', '2027')"""
            )
            connection.commit()
        status, said = command("--as", "ada", "users", "list")
        assert (status, said["error"]["code"]) == (1, "unusable_database")
        assert "newer Onfile" in said["error"]["message"]
        assert command("restore", taken["path"])[0] == 0
        assert command("--as", "ada", "users", "list")[0] == 0

    def test_an_installation_moves_into_an_empty_folder(
        self, command: Command, commands_at: At, tmp_path: Path
    ) -> None:
        _, taken = command("--as", "ada", "backup", str(tmp_path / "moving.db"))
        there = commands_at(tmp_path / "another machine")
        status, said = there("restore", taken["path"])
        assert (status, said["restored"]) == (0, True)
        status, said = there("--as", "ada", "users", "list")
        assert [user["name"] for user in said["users"]] == ["ada"]
        # Now it is somebody's, and no other installation moves in.
        other = commands_at(tmp_path / "a third")
        other("users", "add", "ada", "--email", "ada@example.com", "--role", "admin")
        _, foreign = other("--as", "ada", "backup")
        status, said = there("--as", "ada", "restore", foreign["path"])
        assert (status, said["error"]["code"]) == (1, "restore_refused")

    def test_a_restore_is_refused_while_another_process_has_the_folder(
        self, command: Command, tmp_path: Path
    ) -> None:
        _, taken = command("--as", "ada", "backup")
        other = FolderLock(tmp_path / "data")
        other.share()
        status, said = command("--as", "ada", "restore", taken["path"])
        assert (status, said["error"]["code"]) == (1, "in_use")
        other.release()
        assert command("--as", "ada", "restore", taken["path"])[0] == 0

    def test_whoever_can_sign_in_has_to(self, command: Command) -> None:
        _, taken = command("--as", "ada", "backup")
        status, said = command("restore", taken["path"])
        assert (status, said["error"]["code"]) == (1, "not_signed_in")

    @pytest.mark.server
    def test_a_copy_by_hand_without_its_log_is_told_and_charges_nothing(
        self, command: Command, commands_at: At, tmp_path: Path
    ) -> None:
        """What stood in the log is gone, and the file is sound: only what lay beside it tells."""
        with closing(connect(tmp_path / "data" / "onfile.db")) as in_use:
            in_use.execute("BEGIN")
            in_use.execute("SELECT count(*) FROM meta").fetchone()
            command("users", "list")
            command(
                "--as",
                "ada",
                "users",
                "add",
                "bob",
                "--email",
                "bob@example.com",
                "--role",
                "viewer",
            )
            there = tmp_path / "another machine"
            there.mkdir()
            shutil.copy(tmp_path / "data" / "onfile.db", there)
        elsewhere = commands_at(there)
        status, said = elsewhere("doctor")
        assert status == 1
        ledger = next(one for one in said["checks"] if one["name"] == "ledger")
        assert (ledger["ok"], ledger["detail"]) == (False, str(LedgerBehind()))
        status, said = elsewhere("--as", "ada", "users", "list")
        assert [user["name"] for user in said["users"]] == ["ada"]
        # Its anchor beside it, this one is believed, start after start.
        status, said = command("doctor")
        assert next(one for one in said["checks"] if one["name"] == "ledger")["ok"]

    def test_a_read_only_folder_is_told(self, disk: Path, commands_at: At, adas: Path) -> None:
        shutil.copytree(adas, disk / "data")
        command = commands_at(disk / "data")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        status, said = command("doctor")
        assert (status, said["error"]["code"]) == (1, "settings")
        assert "cannot be written by the user" in said["error"]["message"]
        assert str(disk / "data") in said["error"]["message"]

    def test_so_is_a_full_disk(self, disk: Path, commands_at: At, adas: Path) -> None:
        shutil.copytree(adas, disk / "data")
        command = commands_at(disk / "data")
        fill(disk)
        status, said = command("--as", "ada", "backup")
        assert status == 1
        assert "is full" in said["error"]["message"]
