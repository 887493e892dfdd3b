"""
Trouble with the file itself: what an error of SQLite's means for people, and the note that a file is damaged.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.errors import SettingsError, UnusableDatabase

_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# What SQLite adds to a file at once.
_LEAST_ROOM_BYTES = 64 * 1024
_PRIMARY = 0xFF
# https://www.sqlite.org/rescode.html: the low byte is the kind, the rest says more.

logger = logging.getLogger(__name__)


def in_words(error: sqlite3.Error, folder: Path) -> str:
    """What happened, what it means, what to do; `folder` is where the database lies."""
    code = _code_of(error)
    # Where the file that processes share cannot grow, SQLite calls a full disk an error of the disk's.
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(folder)):
        return _full(folder)
    if code in _READ_ONLY:
        return not_writable(folder)
    if code in _DAMAGED:
        return damaged(str(error))
    if code in _BUSY:
        return "Another process is writing to the database for long. Try again in a moment."
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"The disk of {folder} reports an error ({error}). Nothing is charged while it does: look at the "
            "system's log, and make a backup to another disk."
        )
    return f"The database cannot be used just now: {error}. What was done before is kept."


def system_in_words(error: OSError, folder: Path) -> str:
    """The same of an error of the system's, in the folder where the database lies."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(folder)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return not_writable(folder)
    return f"{folder} cannot be used just now: {error}."


@contextmanager
def told_at_start(folder: Path) -> Iterator[None]:
    """
    Raises:
        SettingsError: in place of what the database or the system says, in words.
    """
    try:
        yield
    except sqlite3.Error as error:
        kind = UnusableDatabase if is_damage(error) else SettingsError
        raise kind(in_words(error, folder)) from error
    except OSError as error:
        raise SettingsError(system_in_words(error, folder)) from error


def _has_no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LEAST_ROOM_BYTES
    except OSError:
        return False


def _full(folder: Path) -> str:
    return (
        f"The disk of {folder} is full, so nothing can be written down. Nothing is charged until there "
        "is room: free some, and it goes on by itself."
    )


def not_writable(folder: Path) -> str:
    return (
        f"{folder} cannot be written by the user that Onfile runs as (number {os.geteuid()}), or its disk is "
        "mounted read-only. Nothing is charged. Give that user the folder and all that is in it, then start "
        "Onfile again."
    )


def damaged(why: str) -> str:
    return (
        "The database file is damaged. Nothing is charged or refunded. Stop Onfile, and put the newest backup "
        "back: “python -m lib restore FILE”. The damaged file is kept among the backups. "
        f"(Found: {why.rstrip('.')}.)"
    )


def is_damage(error: sqlite3.Error) -> bool:
    return _code_of(error) in _DAMAGED


def _code_of(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & _PRIMARY


class DamageNote:
    """
    That the database was found damaged, in a file beside it: whoever stumbles on the page tells every
    process, and the next start.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_suffix(".damaged")

    def words(self) -> str | None:
        """Why it is not sound; None while nobody found anything."""
        try:
            return self._path.read_text("utf-8").strip() or "it was found damaged"
        except FileNotFoundError:
            return None

    def write(self, why: str) -> None:
        logger.error("the database is damaged: %s", why)
        try:
            self._path.write_text(why + "\n", "utf-8")
        except OSError:
            logger.exception("that the database is damaged could not be noted")

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
