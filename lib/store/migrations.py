"""Brings onfile.db to the current schema, by the steps of `lib.store.steps`."""

from __future__ import annotations

from sqlite_utils import Database

from lib.errors import UnusableDatabase
from lib.store.connection import write_transaction
from lib.store.steps.registry import migrations
from lib.store.steps.release_0_1 import m001_first_schema
from lib.store.trouble import damaged

__all__ = ["bring_up_to_date", "is_older", "migrations"]


def bring_up_to_date(database: Database) -> None:
    """
    Apply every step that the database does not have yet: all of them, or none. Switch foreign keys off
    before.

    Raises:
        UnusableDatabase: it was made before the first release, or by a newer Onfile than this one; or it
            is damaged.
    """
    applied = {step.name for step in migrations.applied(database)}
    if applied and m001_first_schema.__name__ not in applied:
        raise UnusableDatabase(
            "This data folder was made before Onfile 0.1.0, the first release, and cannot be brought "
            "along. Set ONFILE_DATA_DIR to an empty folder, or move the files of this one away; what "
            "Stripe knows is read again from there."
        )
    known = {step.name for step in migrations.pending(Database(memory=True, execute_plugins=False))}
    if applied - known:
        raise UnusableDatabase(
            "This data folder was used by a newer Onfile than this one, which cannot read it safely. "
            "Install the newer version again, or put back the backup that was made before the upgrade: "
            "“python -m lib restore FILE”."
        )
    if not migrations.pending(database):
        _must_point_somewhere(database)
        return
    with write_transaction(database):
        migrations.apply(database)
        _must_point_somewhere(database)


def _must_point_somewhere(database: Database) -> None:
    broken = list(database.query("PRAGMA foreign_key_check"))
    if broken:
        raise UnusableDatabase(
            damaged(f"it has rows that point nowhere, as {tuple(broken[0].values())[:3]}")
        )


def is_older(database: Database) -> bool:
    """Whether it was used before and steps are waiting: what a backup is made before."""
    return bool(migrations.applied(database)) and bool(migrations.pending(database))
