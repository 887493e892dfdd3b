"""The schema: made from nothing, the same the second time, and the last line of defence."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.settings import load_settings
from lib.store.connection import connect
from lib.store.migrations import migrations
from lib.store.search import SearchStore
from lib.store.unit_of_work import UnitOfWork

OURS = {
    "attempts",
    "audit_log",
    "backfills",
    "card_fingerprints",
    "charge_events",
    "charges",
    "checkout_sessions",
    "checkout_sessions_search",
    "customers",
    "customers_search",
    "disputes",
    "jobs",
    "limits",
    "link_sessions",
    "meta",
    "payment_intents",
    "payment_methods",
    "payment_methods_search",
    "new_card_charges",
    "proofs",
    "proof_rounds",
    "refund_orders",
    "refunds",
    "run_certificates",
    "run_decisions",
    "run_rows",
    "runs",
    "search_pending",
    "session_counts",
    "setup_intents",
    "setup_links",
    "stripe_charges",
    "stripe_reads",
    "stripe_requests",
    "sync_cursors",
    "sync_windows",
    "tombstones",
    "users",
    "verdicts",
    "webhook_deliveries",
}
STEPS = [
    "m001_staff_and_audit",
    "m002_mirror",
    "m003_setup_links",
    "m004_charge_ledger",
    "m005_background_work",
    "m006_webhook_inbox",
    "m007_provable_mirror",
    "m008_charge_runs",
    "m009_second_person",
    "m010_run_certificates",
    "m011_control_totals",
    "m012_claims_and_what_is_gone",
    "m013_whole_proofs",
    "m014_deleted_customers",
    "m015_what_a_million_sessions_cost",
]


def schema(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    found = rows.fetchall()
    connection.close()
    return found


class TestMigrations:
    def test_from_nothing_to_exactly_these_tables(self, raw: sqlite3.Connection) -> None:
        rows = raw.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        tables = {row["name"]: row["strict"] for row in rows if "sqlite" not in row["name"]}
        tables = {name: strict for name, strict in tables.items() if "_fts" not in name}
        assert set(tables) == OURS
        assert set(tables.values()) == {1}, "every table of ours is STRICT"

    def test_steps_are_only_ever_appended(self, uow: UnitOfWork) -> None:
        database = connect(uow.path)
        applied = [step.name for step in migrations.applied(database)]
        assert applied[: len(STEPS)] == STEPS
        assert migrations.pending(database) == []
        database.close()

    def test_twice_changes_nothing(self, tmp_path: Path) -> None:
        settings = load_settings(tmp_path, {})
        bootstrap.migrate(settings)
        before = schema(settings.database)
        bootstrap.migrate(settings)
        assert schema(settings.database) == before

    def test_the_file_is_wal_with_small_pages(self, raw: sqlite3.Connection) -> None:
        assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert raw.execute("PRAGMA page_size").fetchone()[0] == 4_096

    def test_a_connection_checks_keys_and_waits_for_the_disk(self, uow: UnitOfWork) -> None:
        database = connect(uow.path)
        assert next(database.query("PRAGMA foreign_keys"))["foreign_keys"] == 1
        assert next(database.query("PRAGMA synchronous"))["synchronous"] == 2
        database.close()

    def test_rows_that_point_nowhere_stop_the_start(self, tmp_path: Path) -> None:
        settings = load_settings(tmp_path, {})
        bootstrap.migrate(settings)
        connection = sqlite3.connect(settings.database)
        connection.execute(
            """INSERT INTO charge_events (charge_id, at, actor, kind, detail)
               VALUES ('chg_none', 1, 'a', 'k', '{}')"""
        )
        connection.commit()
        connection.close()
        with pytest.raises(bootstrap.SettingsError, match="point nowhere"):
            bootstrap.migrate(settings)


CHARGE = {
    "id": "chg_1",
    "livemode": 0,
    "customer": "cus_1",
    "payment_method": "pm_1",
    "amount": 100,
    "currency": "usd",
    "reference": "INV-1",
    "state": "planned",
    "created_by": "alice",
    "created_at": 1,
    "updated_at": 1,
}
ATTEMPT = {
    "charge_id": "chg_1",
    "number": 1,
    "idempotency_key": "k1",
    "params": "{}",
    "requested_by": "alice",
    "requested_at": 1,
}
LINK = {
    "id": "link_1",
    "token": "t1",
    "form_key": "f1",
    "created_by": "alice",
    "created_at": 1,
    "expires_at": 2,
}
SESSION = {
    "link_id": "link_1",
    "number": 1,
    "idempotency_key": "s1",
    "params": "{}",
    "requested_at": 1,
}
JOB = {
    "id": "job_1",
    "kind": "sync",
    "params": "{}",
    "state": "queued",
    "requested_by": "alice",
    "created_at": 1,
}
DELIVERY = {
    "event_id": "evt_1",
    "type": "t",
    "livemode": 0,
    "created": 1,
    "received_at": 1,
    "signature_age": 0,
    "state": "received",
}
USER = {
    "username": "alice",
    "name": "Alice",
    "email": "a@example.com",
    "roles": "admin",
    "password_hash": "x",
    "created_at": 1,
}


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any], **changes: Any) -> None:
    row = row | changes
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
    )


class TestOldRows:
    def test_the_same_cards_and_the_counts_are_known_after_m015(self, tmp_path: Path) -> None:
        database = connect(tmp_path / "old.db")
        migrations.apply(database, stop_before="m015_what_a_million_sessions_cost")
        for number, card in enumerate(("same", "same", "other", None)):
            database.execute(
                """INSERT INTO payment_methods (position, id, livemode, type, created, synced_at_ms,
                       fingerprint) VALUES (?, ?, 0, 'card', 1, 1, ?)""",
                (number, f"pm_{number}", card),
            )
            database.execute(
                """INSERT INTO checkout_sessions (position, id, livemode, status, created,
                       synced_at_ms) VALUES (?, ?, 0, 'open', 1, 1)""",
                (number, f"cs_{number}"),
            )
        database.conn.commit()
        migrations.apply(database)
        database.execute(
            """INSERT INTO checkout_sessions (position, id, livemode, status, created, synced_at_ms)
               VALUES (9, 'cs_9', 0, 'open', 1, 1)"""
        )
        cards = [tuple(row.values()) for row in database.query("SELECT * FROM card_fingerprints")]
        [counted] = database.query("SELECT n FROM session_counts WHERE state = 'open'")
        database.close()
        assert cards == [("other", 2), ("same", 0), ("same", 1)]
        assert counted["n"] == 5

    def test_methods_that_lost_their_customer_before_us_are_removed(self, tmp_path: Path) -> None:
        """Up to m010 they stood among those that need a customer, for ever."""
        database = connect(tmp_path / "old.db")
        migrations.apply(database, stop_before="m012_claims_and_what_is_gone")
        rows = (
            ("of_session", "cus_1", None, "succeeded"),
            ("of_intent", None, "cus_2", "succeeded"),
            ("guest", None, None, "succeeded"),
            ("pending", "cus_3", "cus_3", "requires_action"),
        )
        for number, (name, of_session, of_intent, status) in enumerate(rows):
            database.execute(
                """INSERT INTO payment_methods (position, id, livemode, type, created, synced_at_ms)
                   VALUES (?, ?, 0, 'card', 1, 1)""",
                (number, name),
            )
            database.execute(
                """INSERT INTO setup_intents (id, livemode, status, customer, payment_method,
                       created, synced_at_ms) VALUES (?, 0, ?, ?, ?, 1, 1)""",
                (f"seti_{name}", status, of_intent, name),
            )
            database.execute(
                """INSERT INTO checkout_sessions (position, id, livemode, status, customer,
                       setup_intent, created, synced_at_ms) VALUES (?, ?, 0, 'complete', ?, ?, 1, 1)""",
                (number, f"cs_{name}", of_session, f"seti_{name}"),
            )
        database.execute("UPDATE checkout_sessions SET needs_customer = 1")
        database.execute("DELETE FROM search_pending")
        database.conn.commit()
        migrations.apply(database)
        SearchStore(database).index(100)
        found = {
            row["id"]: (row["is_detached"], row["last_customer"])
            for row in database.query("SELECT * FROM payment_methods")
        }
        need = {
            row["id"]
            for row in database.query("SELECT id FROM checkout_sessions WHERE needs_customer = 1")
        }
        [counted] = database.query("SELECT n FROM session_counts WHERE state = 'needs_customer'")
        database.close()
        assert found == {
            "of_session": (1, "cus_1"),
            "of_intent": (1, "cus_2"),
            "guest": (0, None),
            "pending": (0, None),
        }
        assert need == {"cs_guest"}
        assert counted["n"] == 1


class TestWhatTheSchemaRefuses:
    @pytest.fixture(autouse=True)
    def _rows(self, raw: sqlite3.Connection) -> None:
        insert(raw, "charges", CHARGE)
        insert(raw, "attempts", ATTEMPT)
        insert(raw, "setup_links", LINK)
        insert(raw, "link_sessions", SESSION)
        insert(raw, "jobs", JOB)
        insert(raw, "webhook_deliveries", DELIVERY)
        insert(raw, "users", USER)

    @pytest.mark.parametrize(
        ("table", "row", "changes"),
        [
            ("charges", CHARGE, {"id": "chg_2"}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "amount": 0}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "amount": -1}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "amount": 1.5}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "amount": "ten"}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "currency": "USD"}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "currency": "usdx"}),
            ("charges", CHARGE, {"id": "chg_2", "reference": ""}),
            ("charges", CHARGE, {"id": "chg_2", "reference": " B"}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "x" * 201}),
            ("charges", CHARGE, {"id": "chg_2", "reference": "B", "state": "paid"}),
            ("attempts", ATTEMPT, {"number": 2, "idempotency_key": "k2"}),
            ("attempts", ATTEMPT, {"charge_id": "chg_none", "idempotency_key": "k2"}),
            ("attempts", ATTEMPT, {"number": 2, "outcome": "declined", "outcome_at": 1}),
            ("attempts", ATTEMPT, {"number": 2, "idempotency_key": "k2", "outcome": "declined"}),
            (
                "attempts",
                ATTEMPT,
                {"number": 2, "idempotency_key": "k2", "outcome": "lost", "outcome_at": 1},
            ),
            ("attempts", ATTEMPT, {"number": 0, "idempotency_key": "k2"}),
            ("setup_links", LINK, {"id": "link_2", "token": "t2"}),
            ("setup_links", LINK, {"id": "link_2", "form_key": "f2"}),
            (
                "setup_links",
                LINK,
                {
                    "id": "link_2",
                    "token": "t2",
                    "form_key": "f2",
                    "revoked_at": 1,
                    "completed_at": 1,
                },
            ),
            ("link_sessions", SESSION, {"number": 2, "idempotency_key": "s2"}),
            ("link_sessions", SESSION, {"number": 2, "closed_at": 1}),
            ("link_sessions", SESSION, {"link_id": "link_none", "idempotency_key": "s2"}),
            ("jobs", JOB, {"id": "job_2"}),
            ("jobs", JOB, {"id": "job_2", "state": "running"}),
            ("jobs", JOB, {"id": "job_2", "kind": "other", "state": "paused"}),
            ("webhook_deliveries", DELIVERY, {}),
            ("webhook_deliveries", DELIVERY, {"event_id": "evt_2", "state": "lost"}),
            ("users", USER, {"email": "b@example.com"}),
            ("users", USER, {"username": ""}),
            ("users", USER, {"username": "b", "is_active": 2}),
        ],
    )
    def test_a_row_like_this(
        self, raw: sqlite3.Connection, table: str, row: dict[str, Any], changes: dict[str, Any]
    ) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            insert(raw, table, row, **changes)

    @pytest.mark.parametrize(
        ("table", "row", "changes"),
        [
            ("charges", CHARGE, {"id": "chg_2", "state": "declined"}),
            ("charges", CHARGE, {"id": "chg_2", "customer": "cus_2"}),
            ("jobs", JOB, {"id": "job_2", "state": "done"}),
            ("jobs", JOB, {"id": "job_2", "kind": "other"}),
            (
                "attempts",
                ATTEMPT,
                {"number": 2, "idempotency_key": "k2", "outcome": "declined", "outcome_at": 1},
            ),
            ("link_sessions", SESSION, {"number": 2, "idempotency_key": "s2", "closed_at": 1}),
        ],
    )
    def test_but_a_row_like_this_is_welcome(
        self, raw: sqlite3.Connection, table: str, row: dict[str, Any], changes: dict[str, Any]
    ) -> None:
        insert(raw, table, row, **changes)

    def test_a_failed_charge_cannot_come_alive_beside_a_live_one(
        self, raw: sqlite3.Connection
    ) -> None:
        insert(raw, "charges", CHARGE, id="chg_2", state="declined")
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("UPDATE charges SET state = 'attempting' WHERE id = 'chg_2'")

    def test_one_open_recovery_link_a_charge(self, raw: sqlite3.Connection) -> None:
        insert(raw, "setup_links", LINK, id="l2", token="t2", form_key="f2", charge_id="chg_1")
        with pytest.raises(sqlite3.IntegrityError):
            insert(raw, "setup_links", LINK, id="l3", token="t3", form_key="f3", charge_id="chg_1")

    def test_an_attempt_keeps_its_payment_intent(self, raw: sqlite3.Connection) -> None:
        raw.execute("UPDATE attempts SET payment_intent = 'pi_1'")
        for statement in (
            "UPDATE attempts SET payment_intent = 'pi_2'",
            "UPDATE attempts SET payment_intent = NULL",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(statement)
