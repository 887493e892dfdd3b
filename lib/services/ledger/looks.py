"""When to look again at what became of a request."""

from __future__ import annotations

from lib.domain.charges import LONGEST_LOOK_SECONDS, Outcome

# When to look again at an attempt whose outcome is not known. The first looks come quickly,
# because most lost replies are settled by the next request; later ones only wait for a key to age.
_LOOK_AGAIN_SECONDS = (10, 60, 300, 900, 3600)


def next_look(outcome: Outcome, looks: int, at: int) -> int | None:
    if outcome is Outcome.PROCESSING:
        # Bank debits take days; a webhook usually tells us first.
        return at + LONGEST_LOOK_SECONDS
    if outcome is Outcome.UNKNOWN:
        return look_again_at(looks, at)
    return None


def look_again_at(looks: int, at: int) -> int:
    """After so many looks at what is unknown."""
    return at + _LOOK_AGAIN_SECONDS[min(looks, len(_LOOK_AGAIN_SECONDS) - 1)]
