"""Migrated databases, copied from a template: migrating each afresh takes fifty times as long."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lib import bootstrap
from lib.practice.database import Database
from lib.settings import Settings
from lib.store.connection import connect
from lib.store.migrations import bring_up_to_date


def migrated(settings: Settings, prepare: Callable[[Settings], None] | None = None) -> None:
    """
    Lay down the database as `bootstrap.migrate` leaves it.

    Args:
        prepare: writes what every test of its kind begins with; must not depend on anything but
            its argument, for it runs once a process.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(settings, prepare), settings.database)


def begun(settings: Settings) -> None:
    """A new database as `bootstrap.migrate` leaves it, of an installation of its own."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_steps_applied(), settings.database)
    bootstrap.migrate(settings)


def new_account(path: Path) -> None:
    """An empty file of practice Stripe, which makes its secrets when it opens it first."""
    shutil.copyfile(_account(), path)


@functools.cache
def _steps_applied() -> Path:
    """Every step and nothing else: the steps take nine tenths of a start with an empty folder."""
    path = Path(_folder().name) / "steps.db"
    database = connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA foreign_keys = OFF")
    bring_up_to_date(database)
    database.close()
    return path


@functools.cache
def _account() -> Path:
    path = Path(_folder().name) / "practice.db"
    Database(path)
    return path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="onfile-templates-")


_templates: dict[tuple[object, ...], Path] = {}


def _template(settings: Settings, prepare: Callable[[Settings], None] | None) -> Path:
    kind = (settings.mode, settings.timezone, prepare)
    if kind not in _templates:
        like = replace(settings, data_dir=Path(_folder().name) / str(len(_templates)))
        begun(like)
        if prepare is not None:
            prepare(like)
        # Closing the last connection has moved the write-ahead log into the file.
        assert not like.database.with_name("onfile.db-wal").exists()
        _templates[kind] = like.database
    return _templates[kind]
