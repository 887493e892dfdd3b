"""A migrated database in a file of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from lib.settings import load_settings
from lib.store import unit_of_work
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from tests.databases import migrated


@pytest.fixture
def uow(tmp_path: Path) -> UnitOfWork:
    settings = load_settings(tmp_path, {})
    migrated(settings)
    return UnitOfWork(settings.database)


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """What the stores of each transaction stand over, the latest last."""
    seen: list[Database] = []

    def over(database: Database) -> Stores:
        seen.append(database)
        return Stores(database)

    monkeypatch.setattr(unit_of_work, "Stores", over)
    return seen


@pytest.fixture
def raw(uow: UnitOfWork) -> Iterator[sqlite3.Connection]:
    """As somebody with a SQLite shell sees it."""
    connection = sqlite3.connect(uow.pool.path)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()
