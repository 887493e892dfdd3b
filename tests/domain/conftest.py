"""Property tests: the same examples every time, and no verdict from a busy machine's clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("onfile", deadline=None, derandomize=True, database=None)
settings.load_profile("onfile")
