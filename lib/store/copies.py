"""Copies of onfile.db: made while it is in use, checked, compared with it, and put in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from lib.errors import InvalidInput
from lib.store.anchor import AuditHead
from lib.store.connection import connect

UNFINISHED = ".unfinished"
"""Ends the name of a copy that is being made, or whose maker died."""
# A step of 4 MB; the pause leaves the disk to others.
_PAGES_A_STEP = 1_024
_PAUSE_SECONDS = 0.01
_READ_AT_ONCE = 1 << 20
# Bytes 18 and 19 of the file: 2 where the newest entries may stand in a log beside it.
# https://www.sqlite.org/fileformat.html#file_format_version_numbers
_VERSION_BYTES, _WITH_LOG = slice(18, 20), b"\x02\x02"
_COUNTED = {
    "charges": "SELECT id FROM {}.charges",
    "attempts": "SELECT charge_id, number FROM {}.attempts",
    "refunds": "SELECT id FROM {}.refunds",
    "links": "SELECT id FROM {}.setup_links",
    "audit_entries": "SELECT id, hash FROM {}.audit_log",
}


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What a copy says of itself."""

    mode: str
    account: str | None
    installation: str | None
    audit_head: str
    """ID:HASH of its newest audit entry; 0 and zeros where there is none."""
    newest_at: int | None
    """Unix seconds of its newest audit entry."""
    may_miss_its_log: bool
    """It was copied from a database in use, and the log that held its newest entries is not there."""

    @property
    def head(self) -> AuditHead:
        return AuditHead.parse(self.audit_head)


def copy_database(
    source: Path,
    destination: Path,
    *,
    verified: Callable[[Path], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda left, pages: None,
) -> int:
    """
    A consistent copy of a database in use, as one file on the disk; returns its size in bytes.

    Appears whole or not at all.

    Args:
        verified: looks at the finished copy before it gets its name; what it raises is passed on.
        progress: is told after each step how many pages of how many are left; likewise.

    Raises:
        OSError: it could not be read or written.
    """
    unfinished = destination.with_name(destination.name + UNFINISHED)
    remove(unfinished)
    try:
        with closing(connect(source)) as origin, closing(sqlite3.connect(unfinished)) as target:
            # One snapshot from the first page to the last: without it each write by anybody else
            # would make the copy begin anew, and in a busy house it would never end.
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            origin.conn.backup(
                target,
                pages=_PAGES_A_STEP,
                sleep=_PAUSE_SECONDS,
                progress=lambda _, left, pages: progress(left, pages),
            )
            # The copy is complete by itself: nothing of it stands in a log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        unfinished.chmod(0o600)
        _flush(unfinished)
        verified(unfinished)
        unfinished.replace(destination)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
    finally:
        remove(unfinished)
    _flush(destination.parent)
    return destination.stat().st_size


def remove(path: Path) -> None:
    """With what SQLite keeps beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def write_over(source: Path, destination: Path) -> None:
    """
    Make the sound database `destination` what `source` is, in one transaction.

    Connections that are open elsewhere in this process see the new contents with their next
    transaction.
    """
    with closing(sqlite3.connect(source)) as origin, closing(connect(destination)) as target:
        origin.backup(target.conn)


def replace_file(source: Path, destination: Path) -> None:
    """Make `source` the database `destination`, which cannot be read, or is not there, in one step."""
    _flush(source)
    # Before: a log of the old file would be played into the new one.
    for suffix in ("-wal", "-shm"):
        destination.with_name(destination.name + suffix).unlink(missing_ok=True)
    source.replace(destination)
    _flush(destination.parent)


def keep_file(path: Path, kept: Path) -> None:
    """A second name for a file that is about to be replaced; a copy where that is on another disk."""
    unfinished = kept.with_name(kept.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    try:
        os.link(path, unfinished)
    except OSError:
        shutil.copy2(path, unfinished)
    unfinished.replace(kept)


def problem_of(path: Path) -> str | None:
    """Why a file is no sound database of Onfile's, for people; None when it is."""
    if not path.is_file():
        return "there is no such file"
    try:
        with closing(_read_only(path)) as database:
            problems = [
                str(row["integrity_check"]) for row in database.query("PRAGMA integrity_check(3)")
            ]
            if problems != ["ok"]:
                return f"its pages are damaged ({problems[0]})"
            if not {"meta", "charges", "attempts"} <= set(database.table_names()):
                return "it is not a database of Onfile"
            if list(database.query("PRAGMA foreign_key_check")):
                return "it has rows that point nowhere"
    except sqlite3.DatabaseError as error:
        return f"it cannot be read ({error})"
    return None


def damage_in(path: Path) -> str | None:
    """Whether a page of the file is broken, in a fraction of the time that `problem_of` takes."""
    try:
        with closing(_read_only(path)) as database:
            problem = next(database.query("PRAGMA quick_check(1)"))["quick_check"]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if problem == "ok" else str(problem)


def facts_of(path: Path) -> CopyFacts:
    """
    Raises:
        InvalidInput: not a sound database of Onfile's.
    """
    problem = problem_of(path)
    if problem is not None:
        raise InvalidInput(
            f"{path.name} cannot be used: {problem}.", field="file", code="unsound_copy"
        )
    return read_facts(path)


def read_facts(path: Path) -> CopyFacts:
    """The same of a database that was found sound: looking through all its pages takes a while."""
    has_log = path.with_name(path.name + "-wal").exists()
    with path.open("rb") as file:
        was_in_use = file.read(100)[_VERSION_BYTES] == _WITH_LOG
    with closing(_read_only(path)) as database:
        meta = {row["name"]: row["value"] for row in database.query("SELECT * FROM meta")}
        newest = next(
            database.query("SELECT id, hash, at FROM audit_log ORDER BY id DESC LIMIT 1"), None
        )
    return CopyFacts(
        mode=str(meta.get("mode", "")),
        account=meta.get("account"),
        installation=meta.get("installation"),
        audit_head=f"{newest['id']}:{newest['hash']}" if newest else f"0:{'0' * 64}",
        newest_at=int(newest["at"]) if newest else None,
        may_miss_its_log=was_in_use and not has_log,
    )


def rows_lost(current: Path | None, copy: Path) -> dict[str, int | None]:
    """How many rows of `current` are not in `copy`, by kind; None where there is none to be read."""
    if current is None:
        return dict.fromkeys(_COUNTED)
    with closing(_read_only(current)) as database:
        database.execute("ATTACH DATABASE ? AS copy", (f"{copy.absolute().as_uri()}?mode=ro",))
        return {
            kind: int(
                next(
                    database.query(
                        f"SELECT count(*) AS n FROM ({sql.format('main')} EXCEPT {sql.format('copy')})"
                    )
                )["n"]
            )
            for kind, sql in _COUNTED.items()
        }


def digest_of(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _read_only(path: Path) -> Database:
    """Leaves nothing beside a file that has no log there: SQLite would make an empty one."""
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
    return Database(
        sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None),
        execute_plugins=False,
    )


def _flush(path: Path) -> None:
    """A name or a content that survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
