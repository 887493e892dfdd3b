"""Tries after each other, by stamina, which is loaded with the first: most commands need none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stamina import Attempt


def tries(
    *,
    on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool],
    attempts: int,
    timeout: float,
    wait_initial: float,
    wait_max: float,
) -> Iterable[Attempt]:
    """
    Each is entered as a context, which swallows what it failed by while there are more.

    Args:
        on: what another try may help against.
        timeout: of all tries together; this and the waits between them in seconds.
    """
    import stamina

    return stamina.retry_context(
        on=on, attempts=attempts, timeout=timeout, wait_initial=wait_initial, wait_max=wait_max
    )
