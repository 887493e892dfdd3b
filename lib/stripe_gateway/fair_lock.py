"""A lock that is given to whoever waited longest, money before everything else."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Line:
    """
    A limiter alone lets anybody go first, and under a low ceiling a request could then wait until it is
    taken for one whose reply was lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._money: deque[threading.Event] = deque()
        self.is_taken = False

    def __enter__(self) -> None:
        self._wait(self._waiting)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            waiting = self._money or self._waiting
            if waiting:
                waiting.popleft().set()
            else:
                self.is_taken = False

    @property
    def waiting(self) -> int:
        """How many stand in it, besides the one whose turn it is."""
        with self._lock:
            return len(self._waiting) + len(self._money)

    @contextmanager
    def turn(self, *, is_money: bool) -> Iterator[None]:
        """Money goes before all that wait, behind the money that waits already."""
        self._wait(self._money if is_money else self._waiting)
        try:
            yield
        finally:
            self.__exit__()

    def _wait(self, waiting: deque[threading.Event]) -> None:
        turn = threading.Event()
        with self._lock:
            if not self.is_taken:
                self.is_taken = True
                return
            waiting.append(turn)
        turn.wait()
