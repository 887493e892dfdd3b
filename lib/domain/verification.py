"""Results of verifying the mirror against Stripe, and the round in which everything gets its turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Ours in one window of a verification: with a little room, so that one page at Stripe usually holds it.
WINDOW_OBJECTS = 80
LISTED_DIFFERENCES = 50
_DAY = 86_400
# States in which a PaymentIntent or SetupIntent may be changed without any event.
_BEGUN = ("requires_payment_method", "requires_confirmation")
_CHANGED_SILENTLY: dict[str, frozenset[str]] = {
    "payment_intents": frozenset(
        ("status", "customer", "payment_method", "amount", "currency", "description")
    ),
    "setup_intents": frozenset(("status", "customer", "payment_method", "usage")),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not here as it is at Stripe."""

    kind: str
    """
    missing: not here. extra: not at Stripe. differs: another value. late: any of these, where no
    event that Onfile reads would have told of it.
    """
    id: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class VerificationResult:
    """One type, compared at one moment. Numbers are of the windows that were compared."""

    type: str
    verified_at: int
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
    findings: list[Difference] = field(default_factory=list)
    """The first of them; the numbers count all."""
    error: str | None = None
    """Why it could not be compared to the end."""
    is_full: bool = False
    """Everything was compared, not samples."""
    late: int = 0
    """Read late: repaired, and nothing that a sync should have known."""

    @property
    def mismatches(self) -> int:
        return self.missing + self.extra + self.differing

    @property
    def is_clean(self) -> bool:
        return self.error is None and not self.mismatches


@dataclass(slots=True)
class VerificationRound:
    """How far the samples of a type have come in turn, from the newest to the oldest."""

    type: str
    began_at: int
    position: str | None = None
    """Where the next sample begins; None when the next one begins anew."""
    windows_left: int = 0
    stepped_at: int = 0
    covered_since: int | None = None
    """From this moment on everything was compared at least once; None: not yet."""

    @property
    def done_by(self) -> int:
        """When everything will have been compared, at one comparison a day."""
        return self.stepped_at + self.windows_left * _DAY


def differences(
    fields: Sequence[str],
    here: dict[str, tuple[object, ...]],
    there: dict[str, tuple[object, ...]],
) -> list[Difference]:
    """Every difference between two sides, each an id and its values in the order of `fields`."""
    result = [Difference("missing", id_) for id_ in there.keys() - here.keys()]
    result += [Difference("extra", id_) for id_ in here.keys() - there.keys()]
    for id_ in here.keys() & there.keys():
        differing = tuple(
            name
            for name, ours, theirs in zip(fields, here[id_], there[id_], strict=True)
            if ours != theirs
        )
        if differing:
            result.append(Difference("differs", id_, differing))
    return sorted(result, key=lambda finding: (finding.kind, finding.id))


def is_silent(
    type_: str, finding: Difference, ours: Mapping[str, object], theirs: Mapping[str, object]
) -> bool:
    """
    Whether no event that is read tells of such a difference.

    Stripe sends none when somebody edits an intent that was not carried out, or a description.
    Events of charges without a PaymentIntent are not read, nor are those of cards of the old kind.

    Args:
        ours: the row's values by field; empty where it is missing here.
        theirs: Stripe's; empty where it is missing there.
    """
    if type_ == "charges":
        return (theirs or ours).get("payment_intent") is None
    if type_ == "payment_methods":
        return not finding.id.startswith("pm_")
    if finding.kind != "differs" or type_ not in _CHANGED_SILENTLY:
        return False
    if type_ == "payment_intents" and finding.fields == ("description",):
        return True
    was_begun = ours.get("status") in _BEGUN and theirs.get("status") in _BEGUN
    return was_begun and set(finding.fields) <= _CHANGED_SILENTLY[type_]
