"""Data folders of earlier releases: brought along, read, and as true as they were."""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from sqlite_utils import Database, Migrations

import lib
from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Actor, Role
from lib.domain.charges import ChargeState
from lib.domain.correction_fields import Field
from lib.domain.runs import RunState
from lib.reports.charge_filter import ChargeFilter
from lib.services.continuity.backup_files import BackupFailed, note_path
from lib.services.runs.approve import digest_now
from lib.settings import load_settings
from lib.store import migrations
from lib.store.copies import problem_of
from lib.store.unit_of_work import UnitOfWork
from tests.databases import migrated
from tests.release_folder import RELEASES
from tests.world import FakeClock

ROOT = Path(__file__).parents[1]
Usage = namedtuple("Usage", "total used free")
FOLDERS = sorted(path.parent.name for path in RELEASES.glob("*/onfile.db.gz"))


def unpacked(release: str, folder: Path) -> Path:
    path = folder / "data" / "onfile.db"
    path.parent.mkdir()
    with gzip.open(RELEASES / release / "onfile.db.gz") as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


@pytest.fixture(scope="module", params=FOLDERS)
def brought_along(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release as the first start of this one leaves it; copied, never opened."""
    folder = tmp_path_factory.mktemp("release")
    data = unpacked(request.param, folder).parent
    bootstrap.migrate(load_settings(folder, {"ONFILE_DATA_DIR": str(data)}))
    return data


@pytest.fixture
def services(brought_along: Path, tmp_path: Path) -> Iterator[Services]:
    shutil.copytree(brought_along, tmp_path / "data")
    settings = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data")})
    clock = FakeClock()
    clock.advance(days=40)
    # Nobody listens there: what is tested asks Stripe nothing.
    built = bootstrap.build_services(
        settings, clock=clock, api_base="http://127.0.0.1:9", bcrypt_rounds=4
    )
    yield built
    built.close()


@pytest.fixture
def shell(services: Services) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(services.settings.database)) as connection:
        yield connection


def count(shell: sqlite3.Connection, sql: str) -> int:
    (number,) = shell.execute(f"SELECT count(*) FROM {sql}").fetchone()
    return int(number)


class TestAnOlderFolder:
    def test_has_the_same_schema_as_a_new_one(
        self, services: Services, shell: sqlite3.Connection, tmp_path: Path
    ) -> None:
        """What was released stays as it was: a change is a new step in lib/store/steps."""
        other = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "new")})
        migrated(other)
        sql = "SELECT type, name, tbl_name, sql FROM sqlite_master"
        with closing(sqlite3.connect(other.database)) as new:
            assert set(shell.execute(sql)) == set(new.execute(sql))

    def test_has_what_it_was_made_with(self, shell: sqlite3.Connection) -> None:
        states = {state for (state,) in shell.execute("SELECT DISTINCT state FROM charges")}
        assert states == set(ChargeState) - {ChargeState.BLOCKED}
        states = {state for (state,) in shell.execute("SELECT DISTINCT state FROM runs")}
        assert states == set(RunState) - {RunState.STOPPED}
        assert count(shell, "run_rows WHERE state = 'blocked'") == 1
        assert count(shell, "setup_links") >= 20
        assert count(shell, "audit_log WHERE action = 'charge.paid_twice_suspected'") == 1

    def test_is_as_true_as_it_was(self, services: Services, shell: sqlite3.Connection) -> None:
        assert services.audit.verify().ok
        twice = """(SELECT 1 FROM charges WHERE state IN
            ('planned', 'attempting', 'succeeded', 'processing', 'unknown')
            GROUP BY customer, reference HAVING count(*) > 1)"""
        assert count(shell, twice) == 0
        unsent = """charges c WHERE state NOT IN ('planned', 'cancelled') AND NOT EXISTS
            (SELECT 1 FROM attempts a WHERE a.charge_id = c.id)"""
        assert count(shell, unsent) == 0
        other_news = """charges c WHERE state IN ('declined', 'needs_customer', 'unknown', 'processing')
            AND state <> (SELECT outcome FROM attempts a WHERE a.charge_id = c.id
                ORDER BY number DESC LIMIT 1)"""
        assert count(shell, other_news) == 0
        unpaid = """charges c WHERE (state = 'succeeded') <> EXISTS
            (SELECT 1 FROM attempts a WHERE a.charge_id = c.id AND a.outcome = 'succeeded')"""
        assert count(shell, unpaid) == 0
        generous = """(SELECT 1 FROM refunds r JOIN charges c ON c.id = r.charge_id
            WHERE r.state IN ('requested', 'sending', 'unknown', 'pending', 'succeeded')
            GROUP BY c.id HAVING sum(r.amount) > max(c.amount))"""
        assert count(shell, generous) == 0

    def test_what_broke_a_guard_that_came_later_is_named(self, services: Services) -> None:
        """Of two payments of one debt the second is; nothing else was ever wrong."""
        with UnitOfWork(services.settings.database).read() as stores:
            incidents = stores.incidents.open()
        assert [(one.kind, one.details["reference"]) for one in incidents] == [
            ("paid_twice", "TWICE-1")
        ]

    @pytest.mark.parametrize(
        "page",
        [
            lambda r: r.audit.page(),
            lambda r: r.charges.page(),
            lambda r: r.charges.page(ChargeFilter(unresolved=True)),
            lambda r: r.links.page(),
            lambda r: r.sessions.page(),
            lambda r: r.customers.page(),
            lambda r: r.payment_methods.page(),
            lambda r: r.runs.page(),
            lambda r: r.webhooks.page(),
        ],
        ids=lambda page: "-".join(page.__code__.co_names),
    )
    def test_every_list_is_read(self, services: Services, page: Callable[[object], object]) -> None:
        frame = page(services.reports).frame  # type: ignore[attr-defined]
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) >= 1

    def test_what_was_approved_is_what_it_was(
        self, services: Services, shell: sqlite3.Connection
    ) -> None:
        """The digest of a run without corrections is the one that its approvers saw."""
        submitted = [
            run_id for (run_id,) in shell.execute("SELECT id FROM runs WHERE digest IS NOT NULL")
        ]
        assert submitted
        with services.uow.read() as stores:
            for run_id in submitted:
                run = stores.runs.find(run_id)
                assert run is not None
                assert digest_now(stores, run) == run.digest

    def test_a_draft_can_be_mended(self, services: Services, shell: sqlite3.Connection) -> None:
        """Stripe cannot be asked here, so what needs its word is red; what was decided is kept."""
        (run_id,) = shell.execute("SELECT id FROM runs WHERE state = 'draft'").fetchone()
        (number,) = shell.execute(
            "SELECT min(number) FROM run_rows WHERE run_id = ?", (run_id,)
        ).fetchone()
        maker = Actor("alice", "Alice", frozenset({Role.OPERATOR}))
        corrections = services.runs.corrections
        corrections.correct(run_id, [number], {Field.DESCRIPTION: "Mended"}, reason="x", by=maker)
        corrections.leave_out(run_id, [number], reason="y", by=maker)
        (row,) = [r for r in services.runs.views.rows(run_id) if r.row.number == number]
        assert (row.row.description, row.state) == ("Mended", "cancelled")
        assert row.row.original is not None

    def test_what_waits_still_waits(self, services: Services) -> None:
        waiting = services.reports.waiting.counts()
        assert waiting["approvals"] == 3, "a run, a refund and an outcome"
        assert services.reports.health.facts(has_webhooks=False).incidents == 1

    def test_every_run_and_charge_is_shown(
        self, services: Services, shell: sqlite3.Connection
    ) -> None:
        for (charge_id,) in shell.execute("SELECT id FROM charges").fetchall():
            assert services.charges.view(charge_id).charge.id == charge_id
            assert services.reports.charges.timeline(charge_id)
        for (run_id,) in shell.execute("SELECT id FROM runs").fetchall():
            assert services.runs.views.rows(run_id)
            assert not services.reports.runs.rows(run_id)[0].empty


def test_there_is_a_folder_of_every_release() -> None:
    """Each stands in CHANGELOG.md, the newest first, and the newest is this one or comes next."""
    headings = re.findall(
        r"^## (\d+\.\d+\.\d+)\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert headings
    assert set(headings) == set(FOLDERS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert lib.__version__ == project["version"] == headings[0]


# The newest has no step to take.
@pytest.mark.parametrize("release", [name for name in FOLDERS if name != lib.__version__])
class TestBeforeAnUpgrade:
    def test_a_copy_is_made_and_can_be_gone_back_to(self, tmp_path: Path, release: str) -> None:
        path = unpacked(release, tmp_path)
        with closing(sqlite3.connect(path)) as connection:
            before = connection.execute("SELECT name FROM _sqlite_migrations").fetchall()
        settings = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data")})
        bootstrap.migrate(settings)
        [copy] = settings.backup_dir.glob("onfile-*-before-upgrade.db")
        assert problem_of(copy) is None
        assert note_path(copy).is_file()
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT name FROM _sqlite_migrations").fetchall() == before
        bootstrap.migrate(settings)
        assert list(settings.backup_dir.glob("onfile-*.db")) == [copy]

    def test_without_room_for_it_nothing_is_changed(
        self, tmp_path: Path, release: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = unpacked(release, tmp_path)
        with closing(sqlite3.connect(path)) as connection:
            before = list(connection.iterdump())
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
        settings = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data")})
        with pytest.raises(BackupFailed, match="too little room"):
            bootstrap.migrate(settings)
        with closing(sqlite3.connect(path)) as connection:
            assert list(connection.iterdump()) == before

    def test_a_step_that_fails_leaves_the_file_as_it_was(
        self, tmp_path: Path, release: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The steps before it, too: what is neither the old schema nor the new one nobody can read."""
        path = unpacked(release, tmp_path)
        with closing(sqlite3.connect(path)) as connection:
            before = list(connection.iterdump())
        settings = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data")})
        *others, last = migrations.migrations.pending(Database(memory=True))

        def failing(database: Database) -> None:
            last.fn(database)
            raise sqlite3.OperationalError("the disk is full")

        failing_at_last = Migrations(migrations.migrations.name)
        for step in others:
            failing_at_last(name=step.name, transactional=step.transactional)(step.fn)
        failing_at_last(name=last.name, transactional=last.transactional)(failing)
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "migrations", failing_at_last)
            with pytest.raises(sqlite3.OperationalError, match="disk is full"):
                bootstrap.migrate(settings)
        with closing(sqlite3.connect(path)) as connection:
            assert list(connection.iterdump()) == before
        bootstrap.migrate(settings)
        with closing(sqlite3.connect(path)) as connection:
            assert list(connection.iterdump()) != before


UPGRADING = """
import sys, time
from pathlib import Path
from lib import bootstrap
from lib.settings import load_settings
folder, me = Path(sys.argv[1]), sys.argv[2]
look = bootstrap.is_older
def looked(database):
    waits = look(database)
    (folder / f"{me}.looked").touch()
    until = time.monotonic() + 2
    while len(list(folder.glob("*.looked"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return waits
bootstrap.is_older = looked
bootstrap.migrate(load_settings(folder, {"ONFILE_DATA_DIR": str(folder)}))
"""
"""Looks whether steps wait, and goes on once the other one has looked, too, or cannot."""


def test_two_that_start_together_upgrade_it_once(tmp_path: Path) -> None:
    """Of the oldest release, which takes longest."""
    data = unpacked(FOLDERS[0], tmp_path).parent
    both = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADING, str(data), name],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        for name in ("first", "second")
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(list(data.glob("backups/*-before-upgrade*.db"))) == 1
