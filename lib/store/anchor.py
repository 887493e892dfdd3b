"""
The anchor: where the audit log ended last, in a file beside the database, renewed after every commit.

A database whose log ends before its anchor, or holds another entry there, is an older copy or was
tampered with. One line a day is kept in a second file, for whoever rewrites the first.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LOST = "lost"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditHead:
    """An entry of the audit log by its number and its digest."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> AuditHead:
        """
        Raises:
            ValueError: not ID:HASH.
        """
        number, _, digest = text.strip().partition(":")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError("an audit head is ID:HASH, the number of an entry and its digest")
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A line of the file of days."""

    head: AuditHead
    lost: tuple[AuditHead, ...]
    """The heads that older copies lacked which were put back since."""


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(text: bytes) -> AuditHead:
    try:
        return AuditHead.parse(json.loads(text)["head"])
    except (ValueError, KeyError, TypeError):
        # Whoever damages it must not pass for somebody who never had one.
        return AuditHead(2**62, "f" * 64)


class Anchor:
    """Thread-safe; of several processes the newest head stays."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_suffix(".anchor")
        self._days = database.with_suffix(".heads")
        self._written: tuple[bytes, AuditHead] | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _alone(self) -> threading.Lock:
        """A forked process has a lock of its own: its parent's may be held by a thread that is not in it."""
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock

    def head(self) -> AuditHead | None:
        """None where there is no anchor yet."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        # Most often what this process wrote last; it is read each time, as it guards against others.
        if self._written is not None and self._written[0] == text:
            return self._written[1]
        return _read(text)

    def write(
        self,
        head: AuditHead,
        *,
        after_restore: bool = False,
        holds: Callable[[AuditHead], bool] = lambda _: True,
    ) -> None:
        """
        A database that cannot be anchored goes on: the anchor is then an older one, which is true.

        Args:
            holds: whether the log that ends with `head` has this entry, too.
        """
        try:
            with self._alone():
                known = None if after_restore else self.head()
                if known is not None and (known.id >= head.id or not holds(known)):
                    return
                text = (json.dumps({"head": str(head)}) + "\n").encode()
                unfinished = self._path.with_name(f"{self._path.name}.{threading.get_ident()}")
                with open(unfinished, "wb", opener=_for_us_alone) as file:
                    file.write(text)
                unfinished.replace(self._path)
                self._written = text, head
        except OSError:
            logger.warning("the audit log's head could not be anchored", exc_info=True)

    def days(self) -> list[KeptHead]:
        """Oldest first; lines that are none are left out of what can be compared."""
        try:
            lines = self._days.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        heads = [line.split(" ") for line in lines if line.count(" ") == 1]
        return [
            KeptHead(
                AuditHead.parse(text),
                tuple(AuditHead.parse(later) for word, later in heads[place:] if word == _LOST),
            )
            for place, (_, text) in enumerate(heads)
        ]

    def supersede(self, lost: AuditHead, head: AuditHead) -> None:
        """An older copy goes on from `head`; the head that it lacks is kept, so that it is not forgotten."""
        with self._alone(), self._days.open("a", encoding="utf-8") as file:
            file.write(f"{_LOST} {lost}\n")
        self.write(head, after_restore=True)

    def write_day(self, day: str, head: AuditHead) -> bool:
        """One line a day; False when the day has one."""
        with self._alone():
            if self._days.exists() and any(
                line.startswith(day) for line in self._days.read_text("utf-8").splitlines()
            ):
                return False
            with self._days.open("a", encoding="utf-8") as file:
                file.write(f"{day} {head}\n")
        return True
