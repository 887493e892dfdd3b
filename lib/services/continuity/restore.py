"""
Restores: puts a backup in the database's place, and says before and afterwards what is lost.

Everything is prepared in a file beside the database and becomes it in one step, so that a restore that
dies leaves either the old database or the finished new one. What Stripe knows and the backup does not
comes back by a rebuild; until then the ledger counts as behind, and nothing is charged.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.errors import RuleViolation
from lib.services.continuity.backup_files import (
    BackupFailed,
    file_name,
    note_path,
    sweep,
    take_copy,
)
from lib.store import erasure_file
from lib.store.anchor import Anchor
from lib.store.connection import connect, write_transaction
from lib.store.copies import (
    UNFINISHED,
    CopyFacts,
    copy_database,
    digest_of,
    facts_of,
    keep_file,
    problem_of,
    read_facts,
    remove,
    replace_file,
    rows_lost,
    write_over,
)
from lib.store.folder_lock import FolderLock
from lib.store.meta import BEHIND, DECISIONS_REST
from lib.store.migrations import bring_up_to_date
from lib.store.stores import Stores
from lib.store.trouble import DamageNote


class RestoreRefused(RuleViolation):
    """This copy cannot take the database's place; nothing was changed."""

    code = "restore_refused"


@dataclass(frozen=True, slots=True)
class Restore:
    """What a restore does, or would do."""

    taken_at: int | None
    """When the copy was taken; without its note, when its newest audit entry was made."""
    loses: dict[str, int | None]
    """Rows that are here and not in the copy, by kind; None where the present database cannot be read."""
    notes: tuple[str, ...]
    """What a person should know of the copy itself."""
    audit_head: str
    """ID:HASH of the newest audit entry in the copy."""
    kept_as: Path | None = None
    """Where the database that was replaced lies now; None for a dry run or where there was none."""


class RestoreService:
    def __init__(
        self,
        database: Path,
        *,
        mode: str,
        backup_folder: Path,
        lock: FolderLock,
        clock: Clock,
        timezone: str,
    ) -> None:
        self._database = database
        self._mode = mode
        self._backup_folder = backup_folder
        self._lock = lock
        self._clock = clock
        self.timezone = timezone

    def look(self, copy: Path, *, by: Actor) -> Restore:
        """
        What a restore of this copy would lose; nothing is changed.

        Raises:
            InvalidInput, RestoreRefused: the copy cannot be used, and why.
        """
        by.must(Permission.RESTORE)
        return self._plan(copy, self._readable())

    def restore(self, copy: Path, *, by: Actor) -> Restore:
        """
        Put the copy in the database's place; the ledger counts as behind until it was rebuilt.

        Raises:
            InvalidInput, RestoreRefused: the copy cannot be used, and why.
            FolderInUse: another process has the data folder.
            BackupFailed: the present database could not be kept.
        """
        by.must(Permission.RESTORE)
        with self._lock.alone():
            sweep_restoring(self._database)
            sweep(self._backup_folder)
            present = self._readable()
            plan = self._plan(copy, present)
            now = epoch(self._clock())
            kept_as = self._keep_present(now, present)
            prepared = prepared_path(self._database)
            try:
                copy_database(copy, prepared)
                self._prepare(prepared, plan, by=by, now=now)
                self._erase_again(prepared, copy)
                if present is not None:
                    write_over(prepared, present)
                else:
                    replace_file(prepared, self._database)
                anchor = Anchor(self._database)
                head, lost = read_facts(self._database).head, anchor.head()
                if lost is None:
                    anchor.write(head)
                else:
                    anchor.supersede(lost, head)
                DamageNote(self._database).clear()
            finally:
                remove(prepared)
        return Restore(plan.taken_at, plan.loses, plan.notes, plan.audit_head, kept_as)

    def _readable(self) -> Path | None:
        """The present database; None where there is none, or it is not sound. Reads all of it."""
        return self._database if problem_of(self._database) is None else None

    def _plan(self, copy: Path, present: Path | None) -> Restore:
        facts = facts_of(copy)
        note = self._checked_note(copy, facts, present)
        taken_at = note.get("taken_at", facts.newest_at)
        return Restore(
            taken_at=int(str(taken_at)) if taken_at is not None else None,
            loses=rows_lost(present, copy),
            notes=(*_notes(facts), *_notes_on_replication(self._database)),
            audit_head=facts.audit_head,
        )

    def _checked_note(
        self, copy: Path, facts: CopyFacts, present: Path | None
    ) -> dict[str, object]:
        note = _note_beside(copy)
        if "sha256" in note and note["sha256"] != digest_of(copy):
            raise RestoreRefused(
                f"{copy.name} is not what was written then: its checksum differs from the one in "
                f"{note_path(copy).name}. Use another backup."
            )
        if facts.mode != self._mode:
            raise RestoreRefused(
                f"{copy.name} holds {facts.mode} data, and this installation is in {self._mode} mode. "
                "Rows of two modes must never mix."
            )
        ours_now = read_facts(present) if present is not None else None
        # Where nobody has done anything yet, an installation may move in.
        if ours_now is not None and ours_now.newest_at is not None:
            for what in ("account", "installation"):
                ours, theirs = getattr(ours_now, what), getattr(facts, what)
                if ours is not None and theirs is not None and ours != theirs:
                    raise RestoreRefused(
                        f"{copy.name} belongs to another {_WHOSE[what]} ({theirs}) than this data folder ({ours}). "
                        "To move an installation here, restore it into an empty data folder."
                    )
        return note

    def _keep_present(self, now: int, present: Path | None) -> Path | None:
        """The database that is about to be replaced stays beside the backups."""
        if not self._database.exists():
            return None
        target = self._backup_folder / file_name(now, why="-before-restore")
        if present is not None:
            return take_copy(present, target, now=now).path
        damaged = target.with_name(f"{target.name}.damaged")
        try:
            self._backup_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # As it is, with its log: somebody may still get at what is in it.
            for suffix in ("-wal", ""):
                file = self._database.with_name(self._database.name + suffix)
                if file.exists():
                    keep_file(file, damaged.with_name(damaged.name + suffix))
        except OSError as error:
            raise BackupFailed(
                f"The damaged database could not be kept in {self._backup_folder}: {error}. Nothing was changed."
            ) from error
        return damaged

    def _erase_again(self, prepared: Path, copy: Path) -> None:
        """Whoever was erased since the copy was taken is erased in it, too."""
        present = self._database.parent
        with closing(connect(prepared)) as database:
            erasure_file.reconcile(database, (present, self._backup_folder, copy.absolute().parent))

    def _prepare(self, prepared: Path, plan: Restore, *, by: Actor, now: int) -> None:
        """Bring an older schema along, and write into the copy itself that it was put back."""
        with closing(connect(prepared)) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            bring_up_to_date(database)
            with write_transaction(database):
                stores = Stores(database)
                anchored = Anchor(self._database).head()
                stores.meta.set(BEHIND, str(now))
                stores.meta.set(DECISIONS_REST, str(now))
                stores.audit.record(
                    at=now,
                    actor=by.username,
                    action="ledger.restore",
                    subject=plan.audit_head,
                    detail={
                        "taken_at": plan.taken_at,
                        "restored_head": plan.audit_head,
                        "lost": plan.loses,
                        "anchor": str(anchored) if anchored else None,
                    },
                )


def prepared_path(database: Path) -> Path:
    """Where a restore prepares what becomes the database."""
    return database.with_name(f"{database.stem}.restoring.db")


def sweep_restoring(database: Path) -> None:
    """What restores left that died; whoever holds the folder's lock, alone or not, knows that none runs."""
    prepared = prepared_path(database)
    for left in (prepared, prepared.with_name(prepared.name + UNFINISHED)):
        remove(left)


_WHOSE = {"account": "Stripe account", "installation": "installation of Onfile"}


def _note_beside(copy: Path) -> dict[str, object]:
    path = note_path(copy)
    if not path.is_file():
        return {}
    try:
        note = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise RestoreRefused(f"{path.name} cannot be read: {error}. Use another backup.") from error
    return note if isinstance(note, dict) else {}


def _notes_on_replication(database: Path) -> tuple[str, ...]:
    if not database.with_name(f".{database.name}-litestream").is_dir():
        return ()
    return (
        "Litestream copies this data folder: stop it before a restore, and run “litestream reset” with the "
        "database's path before it is started again.",
    )


def _notes(facts: CopyFacts) -> tuple[str, ...]:
    if not facts.may_miss_its_log:
        return ()
    return (
        "This file was copied from a database in use, and the file with its newest entries (-wal) is not "
        "beside it: it may miss the last minutes. Prefer a copy made by “python -m lib backup”.",
    )
