"""The composition root: prepares the database and wires services, once per process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from lib.clock import Clock, utcnow
from lib.errors import SettingsError
from lib.services.users import UserService
from lib.settings import Settings, load_settings
from lib.store.connection import connect
from lib.store.migrations import migrations
from lib.store.unit_of_work import UnitOfWork

ROOT = Path(__file__).resolve().parent.parent
# Larger pages wrote faster and made the file a quarter smaller for rows of a few hundred bytes.
_PAGE_SIZE = 16_384


@dataclass(frozen=True)
class Services:
    settings: Settings
    clock: Clock
    users: UserService


@functools.cache
def settings() -> Settings:
    return load_settings(ROOT)


@functools.cache
def services() -> Services:
    """The process's own services. Built lazily: an edited module may empty module-level state."""
    configured = settings()
    migrate(configured)
    return build_services(configured, clock=utcnow)


def migrate(configured: Settings) -> None:
    """
    Bring the database to the current schema and bind it to this mode.

    Raises:
        SettingsError: the database belongs to another mode; rows of two accounts must never mix.
    """
    configured.data_dir.mkdir(parents=True, exist_ok=True)
    database = connect(configured.database)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA foreign_keys = OFF")
        migrations.apply(database)
        broken = list(database.query("PRAGMA foreign_key_check"))
        if broken:
            raise SettingsError(f"onfile.db has rows that point nowhere: {broken[:3]}")
        database.execute(
            "INSERT INTO meta (name, value) VALUES ('mode', ?) ON CONFLICT (name) DO NOTHING",
            (configured.mode.value,),
        )
        bound = next(database.query("SELECT value FROM meta WHERE name = 'mode'"))["value"]
        if bound != configured.mode.value:
            raise SettingsError(
                f"This data folder holds {bound} data, but the Stripe key is for {configured.mode.value} mode. "
                "Point ONFILE_DATA_DIR at another folder; rows of two accounts must never mix."
            )
    finally:
        database.close()


def build_services(configured: Settings, *, clock: Clock, bcrypt_rounds: int = 12) -> Services:
    uow = UnitOfWork(configured.database)
    return Services(
        settings=configured,
        clock=clock,
        users=UserService(uow, clock=clock, bcrypt_rounds=bcrypt_rounds),
    )
