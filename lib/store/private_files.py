"""Files that Onfile keeps are for the user that it runs as, and nobody else: files 0600 in folders 0700."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

_OTHERS = 0o077
_OURS = ("onfile.*", "practice.*", "cookie.key*", "*.key")
_COPIES = ("onfile-*",)

logger = logging.getLogger(__name__)


def make_private() -> None:
    """
    From now on whatever this process and its children make is theirs alone, whatever umask they were
    started with: also what SQLite lays beside a database, and what a library writes.
    """
    os.umask(_OTHERS)


def close_to_others(data_folder: Path, backup_folder: Path) -> None:
    """
    What an earlier version, or a copy by hand, left open is closed. Raises nothing: what belongs to
    another user, or lies on a disk that is read-only, is told in the log.
    """
    _close(data_folder)
    for folder, names in ((data_folder, _OURS), (backup_folder, _COPIES)):
        for name in names:
            for path in folder.glob(name):
                _close(path)
    if backup_folder.parent == data_folder:
        _close(backup_folder)


def _close(path: Path) -> None:
    try:
        status = path.lstat()
        # A link's own mode means nothing; a folder with the sticky bit, as /tmp, is everybody's.
        if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
            return
        if status.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
    except FileNotFoundError:
        # Another process has put something else in its place, or SQLite is done with it.
        return
    except OSError as error:
        logger.warning("%s stays readable for others: %s", path, error)
