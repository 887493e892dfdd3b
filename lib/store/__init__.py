"""
Every SQL statement that writes, over sqlite-utils.

sqlite-utils loads numpy and pandas wherever it finds them, for types that Onfile never stores, and
dateutil finds ctypes, for time zones of Windows: longer than most commands take. It is loaded here first, where
it does not find them.
"""

from __future__ import annotations

import importlib

from lib.absent import hidden

with hidden("numpy", "pandas", "dateutil.tz.win"):
    importlib.import_module("sqlite_utils")
