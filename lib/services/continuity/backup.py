"""
Backups: a checked copy of the database while everything runs, by hand, once a day, before upgrades.

Each copy has a small JSON file beside it that says when it was taken, what it must hash to, and where the
audit log ended then.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.errors import InvalidInput, RuleViolation
from lib.store.backups import Backup
from lib.store.copies import copy_database, digest_of, problem_of, read_facts
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600
# A copy may leave no less than this many times its own size free: SQLite's log needs room, too.
_FREE_AFTERWARDS = 2
_DAILY, _BY_HAND = "daily", "by_hand"


class BackupFailed(RuleViolation):
    """No copy was made; the message says why and what to do."""

    code = "backup_failed"


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy that was made and checked."""

    path: Path
    bytes: int
    sha256: str
    taken_at: int
    """Unix seconds."""
    audit_head: str
    """ID:HASH of the newest audit entry in it."""

    @property
    def note(self) -> dict[str, object]:
        """What is written beside the copy, and given to scripts."""
        return {
            "path": str(self.path),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "taken_at": self.taken_at,
            "audit_head": self.audit_head,
        }


class BackupService:
    def __init__(self, uow: UnitOfWork, *, folder: Path, keep: int, clock: Clock) -> None:
        self._uow = uow
        self._folder = folder
        self._keep = keep
        self._clock = clock

    def newest(self) -> Backup | None:
        """The last try, whatever became of it."""
        with self._uow.read() as stores:
            return stores.backups.newest()

    def newest_good(self) -> Backup | None:
        with self._uow.read() as stores:
            return stores.backups.newest_good()

    def take(self, destination: Path | None = None, *, by: Actor) -> Taken:
        """
        A copy now, into the backup folder or to a file or folder of one's own.

        Raises:
            BackupFailed: no room, no access, or the copy is not sound; nothing was left behind.
        """
        by.must(Permission.BACK_UP)
        return self._take(_BY_HAND, destination, by=by)

    def take_due(self) -> Taken | None:
        """The day's copy, for the worker; one that cannot be made is tried again tomorrow."""
        newest = self.newest()
        now = epoch(self._clock())
        # From the future: a clock was wrong, and says nothing about the age.
        if newest is not None and 0 <= now - newest.taken_at < DAY_SECONDS:
            return None
        try:
            return self._take(_DAILY, None, by=SYSTEM)
        except BackupFailed as failure:
            logger.warning("no backup was made: %s", failure)
            return None

    def _take(self, kind: str, destination: Path | None, *, by: Actor) -> Taken:
        now = epoch(self._clock())
        target = self._target(destination, now)
        try:
            taken = take_copy(self._uow.pool.path, target, now=now)
        except BackupFailed as failure:
            self._write_down(Backup(now, kind, str(target), None, None, None, str(failure)), by=by)
            raise
        self._write_down(
            Backup(now, kind, str(taken.path), taken.bytes, taken.sha256, taken.audit_head, None),
            by=by,
        )
        if destination is None:
            self._rotate()
        return taken

    def _target(self, destination: Path | None, now: int) -> Path:
        name = file_name(now)
        if destination is None:
            return self._folder / name
        if destination.is_dir():
            return destination / name
        if destination.exists():
            raise InvalidInput(
                f"{destination.name} exists already. Choose another name; a backup never replaces a file.",
                field="destination",
                code="file_exists",
            )
        return destination

    def _write_down(self, backup: Backup, *, by: Actor) -> None:
        with self._uow.write() as stores:
            stores.backups.add(backup)
            stores.audit.record(
                at=backup.taken_at,
                actor=by.username,
                action="backup.take" if backup.error is None else "backup.fail",
                subject=Path(backup.path).name,
                detail={
                    "kind": backup.kind,
                    "sha256": backup.sha256,
                    "audit_head": backup.audit_head,
                    "error": backup.error,
                },
            )

    def _rotate(self) -> None:
        """Only the daily folder's own copies, newest kept, each with what stands beside it."""
        copies = sorted(self._folder.glob("onfile-*.db"))
        for path in copies[: -self._keep] if self._keep else []:
            path.unlink()
            note_path(path).unlink(missing_ok=True)


def file_name(at: int, *, why: str = "") -> str:
    """Sorts by time: `onfile-20261129T120000Z.db`."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"onfile-{moment:%Y%m%dT%H%M%SZ}{why}.db"


def note_path(copy: Path) -> Path:
    return copy.with_name(copy.name + ".json")


def take_copy(database: Path, target: Path, *, now: int) -> Taken:
    """
    Copy, check, and write the note beside it.

    Raises:
        BackupFailed: nothing was left behind.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = database.stat().st_size
        free = shutil.disk_usage(target.parent).free
        if free < (1 + _FREE_AFTERWARDS) * size:
            raise BackupFailed(
                f"There is too little room for a backup: {free / 1e6:,.0f} MB are free, and a copy of "
                f"{size / 1e6:,.0f} MB must leave twice its size. Make room, or set ONFILE_BACKUP_DIR to another disk."
            )
        size = copy_database(database, target)
        problem = problem_of(target)
        if problem is not None:
            target.unlink(missing_ok=True)
            raise BackupFailed(
                f"The copy is not sound: {problem}. Run “python -m lib doctor”, and keep the earlier backups."
            )
        taken = Taken(target, size, digest_of(target), now, read_facts(target).audit_head)
        note_path(target).write_text(json.dumps(taken.note | {"path": target.name}) + "\n", "utf-8")
    except OSError as error:
        raise BackupFailed(
            f"The backup could not be written to {target.parent}: {error}. Nothing was left behind."
        ) from error
    return taken
