"""The composition root: prepares the database and wires services, once per process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lib.bootstrap.services import Services, restore_service
from lib.clock import Clock, epoch, utcnow
from lib.errors import OnfileError
from lib.services.continuity.backup_files import file_name, take_copy
from lib.services.continuity.ownership import (
    bind_to_mode,
    bind_to_timezone,
    doubt_without_anchor,
)
from lib.services.continuity.restore import RestoreService, sweep_restoring
from lib.settings import Mode, Settings, load_settings
from lib.store import erasure_file
from lib.store.anchor import Anchor
from lib.store.audit import AuditStore
from lib.store.connection import connect, write_transaction
from lib.store.folder_lock import FolderLock, one_at_a_time
from lib.store.meta import MetaStore
from lib.store.migrations import bring_up_to_date, is_older
from lib.store.private_files import close_to_others, make_private
from lib.store.trouble import told_at_start

if TYPE_CHECKING:
    from lib.practice.engine import PracticeStripe

__all__ = [
    "Services",
    "build_services",
    "migrate",
    "practice",
    "restores",
    "services",
    "settings",
]

ROOT = Path(__file__).resolve().parent.parent.parent
# A page of a hundred sessions touches some hundred leaves of each index over random ids, and each is
# written whole: 4 kB pages took 17.9 ms CPU at 50 000 sessions, 16 kB ones 21.5, and ever more later.
_PAGE_SIZE = 4_096


@functools.cache
def settings() -> Settings:
    make_private()
    configured = load_settings(ROOT)
    close_to_others(configured.data_dir, configured.backup_dir)
    return configured


@functools.cache
def practice() -> PracticeStripe:
    """The embedded practice Stripe of this process, over the shared practice.db."""
    from lib.practice.engine import PracticeStripe

    configured = settings()
    return PracticeStripe(configured.practice_database, public_url=configured.public_url)


@functools.cache
def services() -> Services:
    """The process's own services. Built lazily: an edited module may empty module-level state."""
    configured = settings()
    lock = FolderLock(configured.data_dir)
    try:
        with told_at_start(configured.data_dir):
            configured.data_dir.mkdir(parents=True, exist_ok=True)
            lock.share()
            sweep_restoring(configured.database)
            migrate(configured)
    except OnfileError:
        lock.release()
        raise
    if configured.mode is Mode.PRACTICE:
        return build_services(configured, clock=utcnow, api_base=_practice_address, lock=lock)
    return build_services(configured, clock=utcnow, lock=lock)


def restores() -> RestoreService:
    """Alone, for a database over which no services can be built."""
    configured = settings()
    return restore_service(configured, clock=utcnow, lock=FolderLock(configured.data_dir))


def _practice_address() -> str:
    from lib.practice.server import PracticeServer

    # Lives as long as the process; other processes over the same folder run their own.
    server = PracticeServer(practice())
    server.start()
    return server.base_url


def migrate(configured: Settings) -> None:
    """
    Bring the database to the current schema and bind it to this mode.

    Raises:
        SettingsError: the database belongs to another mode (rows of two accounts must never mix).
        UnusableDatabase: it was made before the first release or by a newer Onfile, or is damaged.
        BackupFailed: a newer schema waits, and the copy that is made before could not be made.
        sqlite3.Error: it cannot be used just now.
    """
    configured.data_dir.mkdir(parents=True, exist_ok=True)
    # Of two that start together after an upgrade the second waits, and finds it done.
    with one_at_a_time(configured.data_dir):
        _migrate(configured)


def _migrate(configured: Settings) -> None:
    database = connect(configured.database)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA foreign_keys = OFF")
        older = is_older(database)
        if older:
            now = epoch(utcnow())
            target = configured.backup_dir / file_name(now, why="-before-upgrade")
            take_copy(configured.database, target, now=now)
        bring_up_to_date(database)
        meta = MetaStore(database)
        bind_to_mode(meta, configured.mode.value)
        with write_transaction(database):
            if not older:
                doubt_without_anchor(
                    meta, AuditStore(database), Anchor(configured.database), now=epoch(utcnow())
                )
            bind_to_timezone(meta, AuditStore(database), configured.timezone, now=epoch(utcnow()))
        # A copy that was put back by hand knows nothing of who was erased since.
        erasure_file.reconcile(database, (configured.data_dir, configured.backup_dir))
    finally:
        database.close()


def build_services(
    configured: Settings,
    *,
    clock: Clock,
    api_base: str | Callable[[], str] | None = None,
    bcrypt_rounds: int | None = None,
    lock: FolderLock | None = None,
) -> Services:
    """Over one database and one Stripe address; a function is called with the first request."""

    def address() -> str:
        base = api_base() if callable(api_base) else api_base
        return base or configured.stripe_api_base

    return Services(
        configured,
        address,
        clock=clock,
        bcrypt_rounds=bcrypt_rounds,
        lock=lock or FolderLock(configured.data_dir),
    )
