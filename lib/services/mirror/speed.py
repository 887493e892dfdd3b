"""The speed of a long reading, and the time it will take."""

from __future__ import annotations

import time
from collections.abc import Callable


class Speed:
    """Objects a second since this type was begun, and the seconds that are left."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._objects = 0

    def after(self, objects: int, left: int | None) -> dict[str, float | int | None]:
        self._objects += objects
        rate = self._objects / max(self._monotonic() - self._began, 0.001)
        return {
            "done": self._objects,
            "rate": round(rate),
            "remaining": left,
            "seconds_left": None if left is None or rate < 1 else round(left / rate),
        }
