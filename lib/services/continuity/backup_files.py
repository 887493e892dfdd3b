"""
Copies of the database as files: made, checked and described, listed, and swept up after a death.

Beside each lies a small JSON file that says when it was taken, what it must hash to, and where the audit
log ended then.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lib.errors import RuleViolation
from lib.services.mirror.result import Progress
from lib.store.copies import UNFINISHED, copy_database, digest_of, problem_of, read_facts

# A copy may leave no less than this many times its own size free: SQLite's log needs room, too.
_FREE_AFTERWARDS = 2


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


@dataclass(frozen=True, slots=True)
class Kept:
    """A copy that lies in the backup folder, and what the note beside it says."""

    path: Path
    kind: str
    """daily, by_hand, before_upgrade or before_restore; empty where nothing says it."""
    bytes: int
    taken_at: int | None
    audit_head: str
    sha256: str


def copies_in(folder: Path) -> list[Path]:
    """The folder's own copies, finished and checked, in no order."""
    return list(folder.glob("onfile-*.db"))


def sweep(folder: Path) -> None:
    """
    What makers of copies left that died; whoever calls makes the only one.

    Raises:
        BackupFailed: it cannot be removed.
    """
    notes = {path.with_name(path.name.removesuffix(".json")) for path in folder.glob("*.db.json")}
    left = [note_path(copy) for copy in notes if not copy.exists()]
    for name in ("Z.db", "Z-before-restore.db", "Z-before-restore.db.damaged*"):
        left += folder.glob(f"onfile-????????T??????{name}{UNFINISHED}*")
    try:
        for path in left:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be written: {error}. No backup was made.") from error


def kept_in(folder: Path, kinds: Mapping[str, str]) -> list[Kept]:
    """
    Newest first.

    Args:
        kinds: of copies that are known, by path.
    """
    return [_kept(path, kinds) for path in sorted(copies_in(folder), reverse=True)]


def _kept(path: Path, kinds: Mapping[str, str]) -> Kept:
    note = note_of(path)
    taken_at = note.get("taken_at")
    return Kept(
        path=path,
        kind=kinds.get(str(path)) or _kind_by_name(path),
        bytes=path.stat().st_size,
        taken_at=taken_at if isinstance(taken_at, int) else None,
        audit_head=str(note.get("audit_head", "")),
        sha256=str(note.get("sha256", "")),
    )


def _kind_by_name(path: Path) -> str:
    """The copies that are made outside the database's own life are not written down in it."""
    return next(
        (
            kind
            for kind in ("before_upgrade", "before_restore")
            if path.stem.endswith(f"-{kind.replace('_', '-')}")
        ),
        "",
    )


def note_of(copy: Path) -> dict[str, object]:
    """What the note beside a copy says; empty where there is none that can be read."""
    try:
        note = json.loads(note_path(copy).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def file_name(at: int, *, why: str = "") -> str:
    """Sorts by time: `onfile-20261129T120000Z.db`."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"onfile-{moment:%Y%m%dT%H%M%SZ}{why}.db"


def note_path(copy: Path) -> Path:
    return copy.with_name(copy.name + ".json")


def take_copy(
    database: Path,
    target: Path,
    *,
    now: int,
    progress: Progress = lambda _: None,
) -> Taken:
    """
    Copy, check, and write the note beside it: what has its name is whole, checked and described.

    Raises:
        BackupFailed: nothing was left behind.
    """
    taken: list[Taken] = []

    def verified(copy: Path) -> None:
        problem = problem_of(copy)
        if problem is not None:
            raise BackupFailed(
                f"The copy is not sound: {problem}. Run “python -m lib doctor”, and keep the earlier backups."
            )
        facts = read_facts(copy)
        size = copy.stat().st_size
        taken.append(Taken(target, size, digest_of(copy), now, facts.audit_head))
        note_path(target).write_text(
            json.dumps(taken[0].note | {"path": target.name}) + "\n", "utf-8"
        )

    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _must_leave_room(database, target)
        copy_database(
            database,
            target,
            verified=verified,
            progress=lambda left, pages: progress({"left": left, "pages": pages}),
        )
    except OSError as error:
        raise BackupFailed(
            f"The backup could not be written to {target.parent}: {error}. Nothing was left behind."
        ) from error
    finally:
        if not target.exists():
            note_path(target).unlink(missing_ok=True)
    return taken[0]


def _must_leave_room(database: Path, target: Path) -> None:
    size = database.stat().st_size
    free = shutil.disk_usage(target.parent).free
    if free < (1 + _FREE_AFTERWARDS) * size:
        raise BackupFailed(
            f"There is too little room for a backup: {free / 1e6:,.0f} MB are free, and a copy of "
            f"{size / 1e6:,.0f} MB must leave twice its size. Make room, or set ONFILE_BACKUP_DIR to another disk."
        )
