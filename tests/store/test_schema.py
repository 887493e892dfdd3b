"""
The schema: made from nothing, the same the second time, and the last line of defence.

Which tables there are stands in docs/schema.md (test_schema_page.py).
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from json import dumps
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from lib import bootstrap
from lib.domain.identity import address_key, drawn_key
from lib.domain.reference_keys import reference_key
from lib.errors import SettingsError
from lib.settings import load_settings
from lib.store.connection import connect
from lib.store.migrations import migrations
from lib.store.unit_of_work import UnitOfWork

STEPS = ["m001_first_schema"]


def schema(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    result = rows.fetchall()
    connection.close()
    return result


class TestMigrations:
    def test_every_table_of_ours_is_strict(self, raw: sqlite3.Connection) -> None:
        rows = raw.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        tables = {row["name"]: row["strict"] for row in rows if "sqlite" not in row["name"]}
        tables = {name: strict for name, strict in tables.items() if "_fts" not in name}
        assert len(tables) > 40
        assert {name for name, strict in tables.items() if not strict} == set()

    def test_steps_are_only_ever_appended(self, uow: UnitOfWork) -> None:
        database = connect(uow.pool.path)
        applied = [step.name for step in migrations.applied(database)]
        assert applied[: len(STEPS)] == STEPS
        assert migrations.pending(database) == []
        database.close()

    def test_ids_from_before_their_keys_get_one(self) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before="m017_ids_that_look_the_same")
        ids = ["cus_1", "Mu\u0308ller", "M\u00fcller", "4711\u200b"]
        for position, id_ in enumerate(ids):
            database.execute(
                """INSERT INTO customers (id, livemode, created, synced_at_ms, position)
                   VALUES (?, 0, 1, 1, ?)""",
                (id_, position),
            )
        migrations.apply(database)
        keys = {row["id"]: row["id_key"] for row in database.query("SELECT * FROM customers")}
        assert keys == dict(zip(ids, [None, "M\u00fcller", None, "4711"], strict=True))

    def test_links_from_before_their_keys_get_one(self) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before="m035_links_desk")
        addresses = [
            "Anna@Example.com",
            "BÜRO@firma.example",
            "bu\u0308ro@firma.example\u200b",
            "info@xn--bcher-kva.example",
            "Info@Bücher.example",
            "STRASSE@x.example",
            "straße@x.example",
            "\u0130nci@x.example",
            "info@xn--broken-.example",
        ]
        for address in addresses:
            database.execute(
                """INSERT INTO setup_links (id, token, form_key, email, created_by, created_at,
                       expires_at) VALUES (?1, ?1, ?1, ?1, 'alice', 1, 2)""",
                (address,),
            )
        migrations.apply(database)
        keys = {
            row["id"]: row["address_key"] for row in database.query("SELECT * FROM setup_links")
        }
        assert keys == {address: address_key(address) for address in addresses}
        assert len(set(keys.values())) == 6

    def test_customers_from_before_are_found_by_what_their_address_is_drawn_as(self) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before="m056_addresses_that_are_drawn_alike")
        addresses = [
            "Anna@Example.com",
            "\u0430nna@example.com",
            "a@straße.example",
            "a@strasse.example",
            "a@xn--strae-oqa.example",
            "a@xn--nxasmm1c.example",
            "Straße@b.example",
            "a@xn--mgba3gch31f060k.example",
            "\uff41nna@b.example",
            "info@xn--broken-.example",
            "o’brien@b\u2010c.example",
        ]
        for at, address in enumerate(addresses):
            before = address.casefold()
            database.execute(
                """INSERT INTO customers (id, livemode, created, synced_at_ms, position, email,
                       address_key) VALUES (?1, 0, 1, 1, ?1, ?2, ?3)""",
                (at, address, before),
            )
        migrations.apply(database)
        rows = list(database.query("SELECT * FROM customers ORDER BY position"))
        assert [row["address_key"] for row in rows] == list(map(address_key, addresses))
        assert [row["drawn_key"] or row["address_key"] for row in rows] == list(
            map(drawn_key, addresses)
        )
        assert sum(row["drawn_key"] is None for row in rows) == 4

    @pytest.mark.parametrize(
        ("step", "earlier"),
        [
            # As a spreadsheet saves them.
            (
                "m054_keys_of_references_with_decimals",
                {
                    "1.50": "1-50",
                    "1.5": "1-5",
                    "INV-2024,10 ": "inv2024-10",
                    "2024.01": "2024-1",
                    "１．５０": "1-50",
                    "1.500": "1500",
                    "2024-10": "2024-10",
                    "1.50.20": "1-50-20",
                },
            ),
            # With what is drawn as a dash or as nothing, and numbers in groups.
            (
                "m062_keys_of_references_that_are_drawn_alike",
                {
                    "INVー1": "invー1",
                    "INVｰ1": "invー1",
                    "2024一001": "2024一1",
                    "INV\u28001": "inv\u28001",
                    "サーバー1": "サーバー1",
                    "第一1": "第一1",
                    "ー": "ー",
                    "1,234.50": "1-234-50",
                    "RE-1.234,05": "re1-234-5",
                    "１，２３４．５０": "1-234-50",
                    "1,234.00": "1234",
                    "1’234.500": "1-234-500",
                    "INV_1_000": "inv1-0",
                    "2024_001": "2024-1",
                    "2026/1_234": "2026-1-234",
                    "12_345": "12-345",
                },
            ),
            # In whatever case a Turkish machine writes them, and with Arabic letters that are drawn apart.
            (
                "m066_keys_of_references_in_turkish_case",
                {
                    "ınv-1": "ınv1",
                    "İNV-01": "i\u0307nv1",
                    "INV-1": "inv1",
                    "فـــاتورة-1": "فـــاتورة1",
                    "1\u06401": "1\u06401",
                },
            ),
        ],
    )
    def test_references_from_before_get_the_keys_of_now(
        self, step: str, earlier: dict[str, str]
    ) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before=step)
        for reference, key in earlier.items():
            database.execute(
                """INSERT INTO setup_links (id, token, form_key, customer, reference, reference_key,
                       created_by, created_at, expires_at) VALUES (?1, ?1, ?1, ?1, ?1, ?2, 'alice', 1, 2)""",
                (reference, key),
            )
        migrations.apply(database)
        rows = database.query("SELECT reference, reference_key FROM setup_links")
        keys = {row["reference"]: row["reference_key"] for row in rows}
        assert keys == {reference: reference_key(reference) for reference in earlier}

    def test_corrected_rows_from_before_know_whom_their_file_names(self) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before="m063_what_files_say_of_corrected_rows")
        people = (
            ("cus_1", "anna@a.example"),
            ("cus_2", "two@b.example"),
            ("cus_3", "two@b.example"),
        )
        for position, (id_, address) in enumerate(people):
            database.execute(
                """INSERT INTO customers (id, livemode, created, synced_at_ms, position, email,
                       address_key) VALUES (?1, 0, 1, 1, ?2, ?3, ?3)""",
                (id_, position, address),
            )
        database.execute(
            """INSERT INTO runs (id, livemode, name, state, header, created_by, created_at)
               VALUES ('run_1', 0, 'May', 'draft', '[]', 'alice', 1)"""
        )
        named = ["cus_1", "Anna@A.example", "two@b.example", "nobody@c.example", None]
        for number, who in enumerate(named, 2):
            original = None if who is None else dumps({"request": dumps({"customer": who})})
            database.execute(
                """INSERT INTO run_rows (run_id, number, cells, request, customer, state, findings,
                       severity, charge_id, original)
                   VALUES ('run_1', ?1, '[]', '{}', 'cus_9', 'blocked', '[]', 'red', 'chg_' || ?1, ?2)""",
                (number, original),
            )
        migrations.apply(database)
        rows = database.query("SELECT file_customer FROM run_rows ORDER BY number")
        assert [row["file_customer"] for row in rows] == ["cus_1", "cus_1", None, None, None]

    def test_names_from_before_are_as_they_are_shown(self) -> None:
        database = Database(memory=True)
        migrations.apply(database, stop_before="m051_names_as_they_are_shown")
        names = [
            "Ac\u2060me \u00adLtd",
            "می\u200cخواهم",
            "Zoë \U0001f469\u200d\U0001f4bb",
            "\u3164",
        ]
        for position, name in enumerate(names):
            address = f"anna\u2060{position}@example.com"
            database.execute(
                """INSERT INTO customers (id, livemode, created, synced_at_ms, position, name, email,
                       address_key) VALUES (?1, 0, 1, 1, ?1, ?2, ?3, ?4)""",
                (position, name, address, address_key(address)),
            )
        migrations.apply(database)
        rows = list(database.query("SELECT * FROM customers ORDER BY position"))
        assert [row["name"] for row in rows] == ["Acme Ltd", *names[1:3], ""]
        assert [row["email"] for row in rows] == [f"anna{n}@example.com" for n in range(4)]
        assert all(row["address_key"] == address_key(row["email"]) for row in rows)

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
        database = connect(uow.pool.path)
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
        with pytest.raises(SettingsError, match="point nowhere"):
            bootstrap.migrate(settings)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                "UPDATE _sqlite_migrations SET name = 'm001_staff_and_audit' WHERE id = 1",
                "before Onfile 0.1.0",
            ),
            (
                """INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
                   VALUES ('onfile', 'm999_of_next_year', '2027')""",
                "newer Onfile",
            ),
        ],
    )
    def test_a_folder_of_another_time_is_refused_and_left_alone(
        self, tmp_path: Path, change: str, message: str
    ) -> None:
        settings = load_settings(tmp_path, {})
        bootstrap.migrate(settings)
        with closing(sqlite3.connect(settings.database)) as connection:
            connection.execute(change)
            connection.commit()
        before = schema(settings.database)
        with pytest.raises(SettingsError, match=message):
            bootstrap.migrate(settings)
        assert schema(settings.database) == before


CHARGE = {
    "id": "chg_1",
    "livemode": 0,
    "customer": "cus_1",
    "payment_method": "pm_1",
    "amount": 100,
    "currency": "usd",
    "reference": "INV-1",
    "reference_key": "inv1",
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
                {"id": "link_2", "token": "t2", "form_key": "f2", "reference": "A"},
            ),
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

    @pytest.mark.parametrize("state", ["declined", "cancelled", "needs_customer"])
    @pytest.mark.parametrize("before", [None, "unknown", "processing", "succeeded"])
    def test_a_debt_has_one_live_attempt_whatever_its_charges_say(
        self, raw: sqlite3.Connection, before: str | None, state: str
    ) -> None:
        """Nor may a charge say that it is over while an attempt of it is not."""
        if before is not None:
            raw.execute("UPDATE attempts SET outcome = ?, outcome_at = 2", (before,))
        insert(raw, "charges", CHARGE, id="chg_2", state=state, amount=5)
        other = {"charge_id": "chg_2", "idempotency_key": "k2"}
        with pytest.raises(sqlite3.IntegrityError, match="another try of this debt"):
            insert(raw, "attempts", ATTEMPT, **other)
        failed = {"outcome": "declined", "outcome_at": 2}
        insert(raw, "attempts", ATTEMPT, **other, **failed)
        for late in ("unknown", "processing", "succeeded"):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(
                    "UPDATE attempts SET outcome = ?, outcome_at = 3 WHERE charge_id = 'chg_2'",
                    (late,),
                )
        with pytest.raises(sqlite3.IntegrityError, match=r"paid or not over|cannot go there"):
            raw.execute("UPDATE charges SET state = ? WHERE id = 'chg_1'", (state,))

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


def test_what_triggers_keep_is_found_by_its_key(raw: sqlite3.Connection) -> None:
    """They run at each charge: one that read all that is paid would stop a large ledger."""
    read = re.compile(r"SCAN (?!CONSTANT|json_each)\w+|USING (COVERING )?INDEX charges_by_state")
    statements = [
        (row["name"], re.sub(r"\b(NEW|OLD)\.\w+", "?1", statement))
        for row in raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for statement in row["sql"].partition("\nBEGIN")[2].removesuffix("END").split(";")
        if re.search(r"INTO (open_failures|refund_lines|fees_to_come)\b", statement)
    ]
    assert len(statements) > 10
    for name, statement in statements:
        plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", (1,)).fetchall()
        assert not [step[3] for step in plan if read.search(step[3])], name
