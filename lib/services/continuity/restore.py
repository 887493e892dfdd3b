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
from lib.services.continuity.backup import file_name, note_path, take_copy
from lib.store.anchor import Anchor
from lib.store.connection import connect, write_transaction
from lib.store.copies import (
    CopyFacts,
    copy_database,
    digest_of,
    facts_of,
    problem_of,
    put_in_place,
    read_facts,
    rows_lost,
)
from lib.store.folder_lock import FolderLock
from lib.store.meta import BEHIND, DECISIONS_REST
from lib.store.migrations import bring_up_to_date
from lib.store.unit_of_work import stores_over


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
        self, database: Path, *, mode: str, backup_folder: Path, lock: FolderLock, clock: Clock
    ) -> None:
        self._database = database
        self._mode = mode
        self._backup_folder = backup_folder
        self._lock = lock
        self._clock = clock

    def look(self, copy: Path, *, by: Actor) -> Restore:
        """
        What a restore of this copy would lose; nothing is changed.

        Raises:
            InvalidInput, RestoreRefused: the copy cannot be used, and why.
        """
        by.must(Permission.BACK_UP)
        facts = facts_of(copy)
        note = self._checked_note(copy, facts)
        taken_at = note.get("taken_at", facts.newest_at)
        return Restore(
            taken_at=int(str(taken_at)) if taken_at is not None else None,
            loses=rows_lost(self._database, copy),
            notes=_notes(facts),
            audit_head=facts.audit_head,
        )

    def restore(self, copy: Path, *, by: Actor) -> Restore:
        """
        Put the copy in the database's place; the ledger counts as behind until it was rebuilt.

        Raises:
            InvalidInput, RestoreRefused: the copy cannot be used, and why.
            FolderInUse: another process has the data folder.
            BackupFailed: the present database could not be kept.
        """
        by.must(Permission.BACK_UP)
        with self._lock.alone():
            plan = self.look(copy, by=by)
            now = epoch(self._clock())
            kept_as = self._keep_present(now)
            prepared = self._database.with_name("onfile.restoring.db")
            try:
                copy_database(copy, prepared)
                self._prepare(prepared, plan, by=by, now=now)
                put_in_place(prepared, self._database)
                anchor = Anchor(self._database)
                head, lost = read_facts(self._database).head, anchor.head()
                if lost is None:
                    anchor.write(head)
                else:
                    anchor.supersede(lost, head)
            finally:
                for suffix in ("", "-wal", "-shm"):
                    prepared.with_name(prepared.name + suffix).unlink(missing_ok=True)
        return Restore(plan.taken_at, plan.loses, plan.notes, plan.audit_head, kept_as)

    def _checked_note(self, copy: Path, facts: CopyFacts) -> dict[str, object]:
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
        if problem_of(self._database) is None:
            present = read_facts(self._database)
            for what in ("account", "installation"):
                ours, theirs = getattr(present, what), getattr(facts, what)
                if ours is not None and theirs is not None and ours != theirs:
                    raise RestoreRefused(
                        f"{copy.name} belongs to another {_WHOSE[what]} ({theirs}) than this data folder ({ours}). "
                        "To move an installation here, restore it into an empty data folder."
                    )
        return note

    def _keep_present(self, now: int) -> Path | None:
        """The database that is about to be replaced stays beside the backups."""
        if not self._database.exists():
            return None
        target = self._backup_folder / file_name(now, why="-before-restore")
        if problem_of(self._database) is None:
            return take_copy(self._database, target, now=now).path
        self._backup_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What cannot be read is kept as it is, with its log: somebody may still get at it.
        for suffix in ("", "-wal"):
            damaged = self._database.with_name(self._database.name + suffix)
            if damaged.exists():
                damaged.replace(target.with_name(f"{target.name}.damaged{suffix}"))
        return target.with_name(f"{target.name}.damaged")

    def _prepare(self, prepared: Path, plan: Restore, *, by: Actor, now: int) -> None:
        """Bring an older schema along, and write into the copy itself that it was put back."""
        with closing(connect(prepared)) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            bring_up_to_date(database)
            with write_transaction(database):
                stores = stores_over(database)
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


def _notes(facts: CopyFacts) -> tuple[str, ...]:
    if not facts.may_miss_its_log:
        return ()
    return (
        "This file was copied from a database in use, and the file with its newest entries (-wal) is not "
        "beside it: it may miss the last minutes. Prefer a copy made by “python -m lib backup”.",
    )
