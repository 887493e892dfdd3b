"""What a comparison of the mirror with Stripe found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# Ours in one window of a proof: with a little room, so that one page at Stripe usually holds it.
WINDOW_OBJECTS = 80
LISTED_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not here as it is at Stripe."""

    kind: str
    """missing: not here. extra: not at Stripe. differs: another value."""
    id: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Proof:
    """One type, compared at one moment. Numbers are of the windows that were compared."""

    type: str
    proven_at: int
    windows: int = 0
    windows_of: int = 0
    here: int = 0
    at_stripe: int = 0
    missing: int = 0
    extra: int = 0
    differing: int = 0
    repaired: int = 0
    oldest_here: int | None = None
    oldest_at_stripe: int | None = None
    newest_here: int | None = None
    newest_at_stripe: int | None = None
    findings: list[Finding] = field(default_factory=list)
    """The first of them; the numbers count all."""
    error: str | None = None
    """Why it could not be compared to the end."""

    @property
    def found(self) -> int:
        return self.missing + self.extra + self.differing

    @property
    def is_clean(self) -> bool:
        return self.error is None and not self.found


def compare(
    fields: Sequence[str],
    here: dict[str, tuple[object, ...]],
    there: dict[str, tuple[object, ...]],
) -> list[Finding]:
    """Every difference between two sides, each an id and its values in the order of `fields`."""
    found = [Finding("missing", id_) for id_ in there.keys() - here.keys()]
    found += [Finding("extra", id_) for id_ in here.keys() - there.keys()]
    for id_ in here.keys() & there.keys():
        differing = tuple(
            name
            for name, ours, theirs in zip(fields, here[id_], there[id_], strict=True)
            if ours != theirs
        )
        if differing:
            found.append(Finding("differs", id_, differing))
    return sorted(found, key=lambda finding: (finding.kind, finding.id))
