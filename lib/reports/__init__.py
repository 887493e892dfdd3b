"""Read models: read-only SQL to what pages show and export."""

from __future__ import annotations

from lib.reports.reports import Reports

__all__ = ["Reports"]
