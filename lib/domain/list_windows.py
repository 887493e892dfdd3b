"""
Windows of `created`, into which a long list at Stripe is cut so that several can be read at once.

Lists come newest first, and nothing tells how many objects there are or when they were made. A
window that is being read can be cut: its reader keeps the newer part, another takes the older one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# How many objects must be expected beyond a cut, or the extra page costs more than it saves.
_WORTH_CUTTING = 150
# Most accounts hold more of last month than of five years ago. Cuts follow the logarithm of age,
# which reaches the dense part in a few steps wherever it is.
_SOFTENING_SECONDS = 30 * 86_400


@dataclass(slots=True)
class Window:
    """Objects with `created_from` <= created < `created_before`, in seconds."""

    created_from: int
    created_before: int
    after_id: str | None = None
    """The last object that was read, None before the first page."""
    after_created: int | None = None
    objects: int = 0
    """Read so far."""
    is_done: bool = False
    id: int = 0
    newest: int | None = None
    """When the newest of them was made; None before the first page, and after a stop."""

    @property
    def unread_before(self) -> int:
        """What is unread lies before this moment (or in its second)."""
        return self.created_before if self.after_created is None else self.after_created

    @property
    def expected(self) -> float | None:
        """Objects still to come, if they lie as dense as those read; None before the first page."""
        if self.after_created is None:
            return None
        # What is empty before the newest says nothing about what comes after the last.
        read = (self.created_before if self.newest is None else self.newest) - self.after_created
        return self.objects / max(read, 1) * (self.after_created - self.created_from)

    def depth(self, now: int) -> float:
        """The unread part on a logarithmic scale of age."""
        return _log_age(now, self.created_from) - _log_age(now, self.unread_before)


def best_to_cut(windows: Sequence[Window], now: int) -> Window | None:
    """
    The window whose older part is best given to another reader; None when none is worth it.

    None of which no page was read yet: most of them hold nothing, and many lists are one page long.
    """
    worth = [
        window
        for window in windows
        if window.unread_before - window.created_from >= 2
        and (window.expected or 0) >= _WORTH_CUTTING
    ]
    return max(worth, key=lambda window: window.depth(now), default=None)


def cut(window: Window, now: int) -> Window:
    """Shorten the window to its newer part and return the older one."""
    middle = (_log_age(now, window.created_from) + _log_age(now, window.unread_before)) / 2
    moment = now + _SOFTENING_SECONDS - int(math.exp(middle))
    moment = min(max(moment, window.created_from + 1), window.unread_before - 1)
    older = Window(window.created_from, moment)
    window.created_from = moment
    return older


def parts(window: Window, count: int, now: int) -> list[Window]:
    """
    A window of two seconds or more in so many parts, or fewer where it is short, alike on the
    logarithmic scale of age; two at least.
    """
    oldest, newest = _log_age(now, window.created_from), _log_age(now, window.created_before)
    moments = [
        now + _SOFTENING_SECONDS - int(math.exp(oldest + (newest - oldest) * step / count))
        for step in range(1, count)
    ]
    inner = {m for m in moments if window.created_from < m < window.created_before}
    if not inner:
        inner = {(window.created_from + window.created_before) // 2}
    bounds = [window.created_from, *sorted(inner), window.created_before]
    return [Window(since, before) for since, before in pairwise(bounds)]


def remaining(windows: Sequence[Window]) -> int | None:
    """Objects still to come in all of them; None while nobody can say."""
    expected = [window.expected for window in windows if not window.is_done]
    if any(number is None for number in expected):
        return None
    return round(sum(number for number in expected if number is not None))


def _log_age(now: int, moment: int) -> float:
    return math.log(max(now - moment, 0) + _SOFTENING_SECONDS)
