"""Backups: a checked copy of the database while everything runs, by hand, once a day, before upgrades."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.health_facts import BackupFacts
from lib.domain.jobs import OPEN_STATES
from lib.errors import InvalidInput, StaleState
from lib.services.continuity.backup_files import (
    BackupFailed,
    Kept,
    Taken,
    copies_in,
    file_name,
    kept_in,
    note_path,
    sweep,
    take_copy,
)
from lib.services.mirror.jobs import JobRunner
from lib.services.mirror.result import Progress
from lib.store.backups import Backup
from lib.store.copies import damage_in, problem_of
from lib.store.jobs import Job
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

BACKUP = "backup"
"""The kind of its jobs."""
DAY_SECONDS = 24 * 3600
_DAILY, _BY_HAND = "daily", "by_hand"


class BackupService:
    """One copy at a time: each is a job, which the next process does when its maker died."""

    def __init__(self, uow: UnitOfWork, *, folder: Path, keep: int, clock: Clock) -> None:
        self._uow = uow
        self._folder = folder
        self._keep = keep
        self._clock = clock
        self.jobs = JobRunner(uow, clock=clock)
        self._was_looked_through = False

    def newest(self) -> Backup | None:
        """The last try, whatever became of it."""
        with self._uow.read() as stores:
            return stores.backups.newest()

    def newest_good(self) -> Backup | None:
        with self._uow.read() as stores:
            return stores.backups.newest_good(epoch(self._clock()))

    def facts(self) -> BackupFacts:
        with self._uow.read() as stores:
            return stores.backups.facts(epoch(self._clock()))

    def kept(self) -> list[Kept]:
        """What lies in the backup folder, newest first."""
        with self._uow.read() as stores:
            kinds = stores.backups.kinds()
        return kept_in(self._folder, kinds)

    def request(self, *, by: Actor) -> bool:
        """Ask the worker for a copy now; False when one is on its way."""
        by.must(Permission.BACK_UP)
        return self.jobs.request(BACKUP, by=by)

    def take(self, destination: Path | None = None, *, by: Actor) -> Taken:
        """
        A copy now, into the backup folder or to a file or folder of one's own.

        Raises:
            BackupFailed: no room, no access, or the copy is not sound; nothing was left behind.
            StaleState: another is being made.
        """
        by.must(Permission.BACK_UP)
        target = self._target(destination)
        job = self.jobs.take(BACKUP, request_by=by)
        if job is None:
            raise StaleState("A backup is being made just now. Try again when it is done.")
        return self._run(job, _BY_HAND, target)

    def take_due(self, *, should_stop: Callable[[], bool] = lambda: False) -> Taken | None:
        """For the worker: what a person asked for, or the day's; a day's that fails waits for the next."""
        newest, job = self.newest(), self.jobs.latest(BACKUP)
        now = epoch(self._clock())
        # From the future: a clock was wrong, and says nothing about the age.
        is_due = newest is None or not 0 <= now - newest.taken_at < DAY_SECONDS
        if not is_due and (job is None or job.state not in OPEN_STATES):
            return None
        job = self.jobs.take(BACKUP) or (
            self.jobs.take(BACKUP, request_by=SYSTEM) if is_due else None
        )
        if job is None:
            return None
        kind = _DAILY if job.requested_by == SYSTEM.username else _BY_HAND
        try:
            return self._run(job, kind, self._target(None), should_stop=should_stop)
        except BackupFailed as failure:
            logger.warning("no backup was made: %s", failure)
            return None

    def _run(
        self,
        job: Job,
        kind: str,
        target: Path,
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Taken:
        taken: list[Taken] = []

        def work(progress: Progress) -> dict[str, object]:
            taken.append(self._take(kind, target, by=job.requested_by, progress=progress))
            return taken[0].note

        if self.jobs.run(job, work, should_stop=should_stop) is None or not taken:
            raise BackupFailed("The backup was stopped. Nothing was left behind.")
        return taken[0]

    def _take(self, kind: str, target: Path, *, by: str, progress: Progress) -> Taken:
        now = epoch(self._clock())
        try:
            sweep(self._folder)
            taken = take_copy(self._uow.pool.path, target, now=now, progress=progress)
        except BackupFailed as failure:
            self._look_through_file()
            self._write_down(Backup(now, kind, str(target), None, None, None, str(failure)), by=by)
            raise
        self._write_down(
            Backup(now, kind, str(taken.path), taken.bytes, taken.sha256, taken.audit_head, None),
            by=by,
        )
        if target.parent == self._folder:
            self._rotate()
        return taken

    def _target(self, destination: Path | None) -> Path:
        name = file_name(epoch(self._clock()))
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

    def look_through_file(self) -> None:
        """
        Whether the database itself is damaged, once a process: what is found, every process is told.

        A note of earlier is taken back where the file was replaced by a sound one since.
        """
        if self._was_looked_through:
            return
        self._was_looked_through = True
        if self._uow.pool.damage.words() is None:
            self._look_through_file()
        elif problem_of(self._uow.pool.path) is None:
            self._uow.pool.damage.clear()

    def _look_through_file(self) -> None:
        why = damage_in(self._uow.pool.path)
        if why is not None:
            self._uow.pool.damage.write(why)

    def _write_down(self, backup: Backup, *, by: str) -> None:
        with self._uow.write() as stores:
            stores.backups.add(backup)
            stores.audit.record(
                at=backup.taken_at,
                actor=by,
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
        """Only the backup folder's own copies, newest kept, each with what stands beside it."""
        for path in sorted(copies_in(self._folder))[: -self._keep]:
            try:
                # The other way round a death in between would leave a note that nothing removes.
                path.unlink()
                note_path(path).unlink(missing_ok=True)
            except OSError:
                logger.warning("an old backup could not be removed", exc_info=True)
