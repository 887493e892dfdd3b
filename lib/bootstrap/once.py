"""Services that are loaded and built when they are first asked for: a command needs a few of all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Service = TypeVar("Service")

# One for all: a service is built from others, and two threads must not wait for each other.
_BUILDING = threading.RLock()


class once(Generic[Service]):  # noqa: N801  # a decorator
    """Like `functools.cached_property`, and one service though threads ask for it together."""

    def __init__(self, build: Callable[[Any], Service]) -> None:
        self._build = build
        self._name = build.__name__
        self.__doc__ = build.__doc__

    def __get__(self, owner: object, _: type) -> Service:
        kept = vars(owner)
        with _BUILDING:
            if self._name not in kept:
                # From now on the attribute of the object is found first.
                kept[self._name] = self._build(owner)
            built: Service = kept[self._name]
            return built
