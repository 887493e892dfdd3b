"""Words for what stopped a reading of Stripe: each missing permission once, and who gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PERMISSION = re.compile(
    r"The key may not read (.+?): give it the permission (\S+) in the Stripe Dashboard\.\s*"
)


@dataclass(frozen=True, slots=True)
class SyncStop:
    says: str
    next_step: str
    """Empty when the sentence names no permission."""


def stop(error: str | None) -> SyncStop:
    """One sentence for all that the key may not read; anything else as it was kept."""
    text = (error or "").strip()
    lacking = _PERMISSION.findall(text)
    if not lacking:
        return SyncStop(text, "")
    what = _and([name for name, _ in lacking])
    permissions = _and([permission for _, permission in lacking])
    others = _PERMISSION.sub("", text).strip()
    return SyncStop(
        f"The Stripe key may not read {what}. {others}".strip(),
        f"An admin gives the key in the Stripe Dashboard: {permissions}.",
    )


def _and(names: list[str]) -> str:
    """ "a, b and c", each once."""
    *rest, last = dict.fromkeys(names)
    return f"{', '.join(rest)} and {last}" if rest else last
