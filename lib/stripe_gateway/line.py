"""A lock that is given to whoever waited longest."""

from __future__ import annotations

import threading
from collections import deque


class Line:
    """
    A limiter alone lets anybody go first, and under a low ceiling a request could then wait until it is
    taken for one whose reply was lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        turn = threading.Event()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
