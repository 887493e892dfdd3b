"""Incidents: what should not be, noticed by the machine and settled by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    kind: str
    subject: str
    """What it is about: a row as "table id", or an object at Stripe by its id."""
    details: Mapping[str, Any]
    found_at: int
    settled_at: int | None = None
    settled_by: str | None = None
    note: str | None = None
    """What the person who settled it did about it, or why nothing is to do."""

    @property
    def is_open(self) -> bool:
        return self.settled_at is None
