"""
Every SQL statement that writes, over sqlite-utils.

sqlite-utils loads numpy and pandas wherever it finds them, for types that Onfile never stores: longer
than most commands take. It is loaded here first, where it does not find them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def _hidden(*libraries: str) -> Iterator[None]:
    """Whoever looks for these meanwhile finds that they are not installed; loaded ones stay."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    absent = [name for name in libraries if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]


with _hidden("numpy", "pandas"):
    importlib.import_module("sqlite_utils")
