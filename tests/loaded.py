"""
What a process loads before it forks others: each child would load it for itself.

Services and stores are loaded when they are first asked for; what a bare process loads, `tests/test_start.py` says.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
from types import ModuleType

from lib import bootstrap, domain, services, store, stripe_gateway


def packages(*rooms: ModuleType) -> None:
    for room in rooms:
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)


def services_and_stores() -> None:
    for name in ("bcrypt", "sqlite_utils", "stripe", "lib.logs", "lib.practice.server"):
        importlib.import_module(name)
    packages(bootstrap, domain, services, store, stripe_gateway)


def is_shared() -> None:
    """From now on: a child that looked through it for garbage would copy all of it."""
    gc.collect()
    gc.freeze()
    gc.disable()
