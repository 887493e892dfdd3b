"""Incidents: noticed once, settled once, never lost; and migrations that never fail over data."""

from __future__ import annotations

import json
import sqlite3

import pytest
from sqlite_utils import Database

from lib.domain.incidents import Resolution
from lib.store.connection import connect
from lib.store.steps.registry import set_aside
from lib.store.unit_of_work import UnitOfWork

REFUNDED = Resolution.REFUNDED
UNEXPECTED = {"payment_intent": "pi_1", "amount": 1200, "currency": "eur"}


def note(uow: UnitOfWork, incident_id: str, subject: str = "pi_1", at: int = 5) -> bool:
    with uow.write() as stores:
        return stores.incidents.add(
            incident_id, kind="unexpected_payment", subject=subject, details=UNEXPECTED, at=at
        )


class TestIncidents:
    def test_the_same_one_is_noted_once_while_it_is_open(self, uow: UnitOfWork) -> None:
        assert note(uow, "inc_1") is True
        assert note(uow, "inc_2") is False
        assert note(uow, "inc_3", subject="pi_2", at=6) is True
        with uow.write() as stores:
            assert [one.id for one in stores.incidents.open()] == ["inc_3", "inc_1"]
            assert stores.incidents.open(kind="something_else") == []
            assert (
                stores.incidents.settle(
                    "inc_1", resolution=REFUNDED, by="alice", note="refunded", at=7
                )
                is True
            )
            assert (
                stores.incidents.settle("inc_1", resolution=REFUNDED, by="bob", note="again", at=8)
                is False
            )
            [one] = stores.incidents.about("pi_1")
        assert (one.details, one.settled_by, one.note) == (UNEXPECTED, "alice", "refunded")
        assert not one.is_open
        assert note(uow, "inc_4") is True

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM incidents",
            "UPDATE incidents SET details = '{}'",
            "UPDATE incidents SET kind = 'other'",
            "UPDATE incidents SET subject = 'pi_9'",
            "UPDATE incidents SET found_at = 1",
            "UPDATE incidents SET settled_at = 9",
            "UPDATE incidents SET settled_at = 9, settled_by = 'bob', note = ' '",
        ],
    )
    def test_the_schema_keeps_what_was_found(
        self, uow: UnitOfWork, raw: sqlite3.Connection, statement: str
    ) -> None:
        note(uow, "inc_1")
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)

    def test_a_settled_one_stays_settled(self, uow: UnitOfWork, raw: sqlite3.Connection) -> None:
        note(uow, "inc_1")
        with uow.write() as stores:
            stores.incidents.settle("inc_1", resolution=REFUNDED, by="alice", note="refunded", at=7)
        with pytest.raises(sqlite3.IntegrityError, match="settled once"):
            raw.execute("UPDATE incidents SET settled_at = NULL, settled_by = NULL")


class TestTwoPeople:
    @pytest.mark.parametrize(
        ("kind", "resolution", "needs_two"),
        [
            ("conflict", "accepted", True),
            ("conflict", "adopted", True),
            ("conflict", "refunded", False),
            ("conflict", "cancelled", False),
            ("unexpected_payment", "accepted", True),
            ("unexpected_payment", "adopted", False),
            ("unexpected_payment", None, True),
        ],
    )
    def test_the_schema_asks_for_them(
        self, raw: sqlite3.Connection, kind: str, resolution: str | None, needs_two: bool
    ) -> None:
        raw.execute(
            "INSERT INTO incidents VALUES ('i', ?, 'pi_1', '{}', 1, NULL, NULL, NULL, NULL)",
            (kind,),
        )
        settle = "UPDATE incidents SET settled_at = 2, settled_by = 'a', note = 'n', resolution = ?"
        if needs_two:
            with pytest.raises(sqlite3.IntegrityError, match="two people"):
                raw.execute(settle, (resolution,))
            raw.execute(
                """INSERT INTO incident_proposals (id, incident_id, resolution, reason, proposed_by,
                       proposed_at) VALUES ('p', 'i', ?, 'r', 'alice', 1)""",
                (resolution or "accepted",),
            )
            with pytest.raises(sqlite3.IntegrityError, match="two people"):
                raw.execute(settle, (resolution,))
            with pytest.raises(sqlite3.IntegrityError, match="decided_by <> proposed_by"):
                raw.execute(
                    "UPDATE incident_proposals SET state = 'approved', decided_by = 'alice'"
                )
            raw.execute("UPDATE incident_proposals SET state = 'approved', decided_by = 'bob'")
        raw.execute(settle, (resolution,))


class TestAMigrationThatAddsAGuard:
    """From now on every team has a head of its own; some rows of before do not."""

    @pytest.fixture
    def database(self, uow: UnitOfWork) -> Database:
        database = connect(uow.pool.path)
        database.execute(
            "CREATE TABLE teams (name TEXT, site TEXT, head TEXT, PRIMARY KEY (name, site)) WITHOUT ROWID"
        )
        rows = [("a", "x", "alice"), ("a", "y", "alice"), ("b", "x", "bob"), ("c", "x", None)]
        database.conn.executemany("INSERT INTO teams VALUES (?, ?, ?)", rows)
        return database

    WHERE = """head IS NULL OR EXISTS (SELECT 1 FROM teams older WHERE older.head = teams.head
        AND (older.name, older.site) < (teams.name, teams.site))"""

    def test_the_guard_would_fail_over_these_rows(self, database: Database) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("CREATE UNIQUE INDEX one_head_a_team ON teams (head)")

    @pytest.mark.parametrize(
        ("change", "left"),
        [
            ("DELETE FROM teams", [("a", "x", "alice"), ("b", "x", "bob")]),
            (
                "UPDATE teams SET head = name || site",
                [("a", "x", "alice"), ("a", "y", "ay"), ("b", "x", "bob"), ("c", "x", "cx")],
            ),
        ],
    )
    def test_names_them_and_goes_on(
        self, database: Database, change: str, left: list[tuple[str, str, str]]
    ) -> None:
        number = set_aside(
            database,
            "teams",
            key=("name", "site"),
            where=self.WHERE,
            kind="team_without_its_own_head",
            change=change,
        )
        database.execute("CREATE UNIQUE INDEX one_head_a_team ON teams (head)")
        assert number == 2
        assert [tuple(row.values()) for row in database.query("SELECT * FROM teams")] == left
        incidents = {
            row["subject"]: json.loads(row["details"])
            for row in database.query("SELECT * FROM incidents WHERE settled_at IS NULL")
        }
        assert incidents == {
            "teams a y": {"name": "a", "site": "y", "head": "alice"},
            "teams c x": {"name": "c", "site": "x", "head": None},
        }
