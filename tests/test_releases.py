"""Data folders of earlier releases: brought along, read, and as true as they were."""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import lib
from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.charges import ChargeState
from lib.domain.runs import RunState
from lib.settings import load_settings
from lib.store.unit_of_work import UnitOfWork
from tests.release_folder import RELEASES
from tests.world import FakeClock

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent.name for path in RELEASES.glob("*/onfile.db.gz"))


def unpacked(release: str, folder: Path) -> Path:
    path = folder / "data" / "onfile.db"
    path.parent.mkdir()
    with gzip.open(RELEASES / release / "onfile.db.gz") as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


@pytest.fixture(params=FOLDERS)
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    unpacked(request.param, tmp_path)
    settings = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data")})
    bootstrap.migrate(settings)
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
        """What was released stays as it was: a change is a new step in lib/store/migrations.py."""
        other = load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "new")})
        bootstrap.migrate(other)
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
            lambda r: r.charges.page(unresolved=True),
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

    def test_what_waits_still_waits(self, services: Services) -> None:
        waiting = services.reports.waiting.counts()
        assert waiting["approvals"] == 3, "a run, a refund and an outcome"
        assert services.reports.health.facts(has_webhooks=False).paid_twice == 1

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
