"""The result of a rebuild: rows taken over, conflicts, and what Stripe cannot give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_ADOPTED = ("charges", "attempts", "refunds", "links")


@dataclass(slots=True)
class Rebuilt:
    """What was taken over, also before a process died that worked at the same job."""

    adopted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ADOPTED, 0))
    reads: list[str] = field(default_factory=list)
    """Sentences on what is read, known before anything is."""
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    not_restored: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            "adopted": self.adopted,
            "conflicts": self.conflicts,
            "not_restored": self.not_restored,
            "reads": self.reads,
        }
