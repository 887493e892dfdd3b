"""Stripe's SDK, without the HTTP client of its asynchronous calls: that one loads a terminal's renderers."""

from __future__ import annotations

from lib.absent import hidden

with hidden("httpx"):
    import stripe

__all__ = ["stripe"]
