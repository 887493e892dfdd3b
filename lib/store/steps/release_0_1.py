"""The first schema, of release 0.1.0."""

from __future__ import annotations

from sqlite_utils import Database

from lib.store.steps.registry import FIRST_SCHEMA as _FIRST_SCHEMA
from lib.store.steps.registry import migrations
from lib.store.steps.registry import statements as _statements

_GROUPS = ("machinery", "staff", "mirror", "ledger", "runs")


@migrations()
def m001_first_schema(database: Database) -> None:
    """Everything of release 0.1.0."""
    for group in _GROUPS:
        for statement in _statements((_FIRST_SCHEMA / f"{group}.sql").read_text("utf-8")):
            database.execute(statement)


@migrations()
def m002_how_files_were_read(database: Database) -> None:
    """Sheet, letters, number style, columns and rows left out of each run's file, as JSON."""
    database.execute("ALTER TABLE runs ADD COLUMN reading TEXT")
