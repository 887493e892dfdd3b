"""The company that writes to customers, and whom they ask: at the foot of messages and of the pages they see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sender:
    company: str
    """As customers know it; empty: not known."""
    contact: str
    """An e-mail address or a telephone number; empty: none was set."""

    @property
    def signature(self) -> str:
        return ", ".join(part for part in (self.company, self.contact) if part)
