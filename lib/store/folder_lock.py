"""A lock on the data folder: any number of processes together, or one that puts another file in place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.errors import RuleViolation

_NAME = "onfile.lock"
_UPGRADE_NAME = "onfile.upgrade.lock"


class FolderInUse(RuleViolation):
    """Another process has the data folder."""

    code = "in_use"


class FolderLock:
    """Held as long as the process lives; the system gives it up for a process that dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._descriptor: int | None = None

    def share(self) -> None:
        """
        Use the folder beside others.

        Raises:
            FolderInUse: somebody is putting another database in place.
        """
        self._lock(
            fcntl.LOCK_SH,
            "A backup is being put back into this data folder. Start again when that is done.",
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """
        Raises:
            FolderInUse: another process has the folder.
        """
        self._lock(
            fcntl.LOCK_EX,
            "Onfile is running on this data folder. Stop the dashboard and its workers, then try again.",
        )
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, kind: int, refusal: str) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(refusal) from error


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """
    Waits until no other process does the same in this folder.

    Raises:
        OSError: nothing can be written there.
    """
    descriptor = os.open(folder / _UPGRADE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone_at(folder: Path, name: str) -> Iterator[bool]:
    """
    Whether this process alone does something in the folder: False while another one does. Whoever
    dies gives it up at once.
    """
    descriptor = os.open(folder / f"onfile.{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
