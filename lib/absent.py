"""Libraries that others load wherever they find them, for what Onfile has no use for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def hidden(*libraries: str) -> Iterator[None]:
    """Whoever looks for these meanwhile finds that they are not installed; loaded ones stay."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    absent = [name for name in libraries if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
