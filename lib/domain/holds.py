"""
Holds: customers who must not be charged, and how that is written on the customer at Stripe.

What a customer's metadata say is judged here, too: when in doubt the switch is on (docs/decisions/028).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lib.domain.identity import readable_line
from lib.errors import InvalidInput

METADATA_KEY = "onfile_do_not_charge"
"""Of the customer at Stripe."""
CODE = "do_not_charge"
"""Of the finding in `admit`."""
AT_STRIPE = "@stripe"
"""In place of a name, which no user can have: somebody wrote the metadata by hand."""
MOST_REASON = 300

# Metadata hold at most 500 characters: https://docs.stripe.com/api/metadata
_MARK = re.compile(
    r"(?P<word>on|lifted) (?P<id>hld_[0-9a-z]{4,40}) (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) "
    r"(?P<by>\S{1,60}): (?P<reason>.{1,400})",
    re.DOTALL | re.ASCII,
)
_WRITTEN_AS = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Hold:
    id: str
    customer: str
    reason: str
    set_by: str
    set_at: int
    is_from_stripe: bool = False
    """Nobody set it here."""
    lifted_by: str | None = None
    lifted_at: int | None = None
    lift_reason: str | None = None
    lift_confirmed_at_ms: int | None = None
    """When Stripe was known to say so; what was asked before may be old news."""

    @property
    def is_open(self) -> bool:
        return self.lifted_at is None

    @property
    def setter(self) -> str:
        """For a person."""
        return "written at Stripe by hand" if self.set_by == AT_STRIPE else self.set_by


@dataclass(frozen=True, slots=True)
class HoldMark:
    """A hold as the metadata of its customer say it."""

    id: str
    is_on: bool
    at: int
    by: str
    reason: str


class HoldStep(StrEnum):
    """What news from Stripe do to the holds here."""

    NOTHING = "nothing"
    ADD = "add"
    """Switched on elsewhere."""
    SWITCH_ON_AGAIN = "switch_on_again"
    REMEMBER = "remember"
    """Lifted elsewhere and not known here: older news must not switch it on."""
    LIFT = "lift"
    WRITE = "write"
    """Stripe does not say what is true here."""


def clean_reason(text: str) -> str:
    """
    Raises:
        InvalidInput: none, too long, or with a letter that cannot be shown.
    """
    cleaned = readable_line(text, what="reason", field="reason")
    if not cleaned:
        raise InvalidInput("Write down why: it is read again in a year.", field="reason")
    if len(cleaned) > MOST_REASON:
        raise InvalidInput(f"A reason has at most {MOST_REASON} characters.", field="reason")
    return cleaned


def written(hold: Hold) -> str:
    """The value in the metadata."""
    if hold.lifted_at is None:
        word, at, by, reason = "on", hold.set_at, hold.set_by, hold.reason
    else:
        word, at = "lifted", hold.lifted_at
        by, reason = str(hold.lifted_by), str(hold.lift_reason)
    return f"{word} {hold.id} {datetime.fromtimestamp(at, UTC):{_WRITTEN_AS}} {by}: {reason}"


def mark_of(customer: str, value: str | None, *, at: int) -> HoldMark | None:
    """
    None where nothing is written. Whatever is no mark of Onfile's switches charges off.

    Args:
        at: when it was read, for what names no time itself.
    """
    if value is None or not value.strip():
        return None
    match = _MARK.fullmatch(value.strip())
    if match is not None and match["by"] != AT_STRIPE:
        try:
            moment = datetime.strptime(match["at"], _WRITTEN_AS).replace(tzinfo=UTC)
        except ValueError:
            moment = datetime.fromtimestamp(at, UTC)
        return HoldMark(
            match["id"],
            match["word"] == "on",
            int(moment.timestamp()),
            match["by"],
            " ".join(match["reason"].split())[:MOST_REASON],
        )
    digest = hashlib.sha256(f"{customer}\n{value}".encode()).hexdigest()[:16]
    words = " ".join(value.split())[:MOST_REASON]
    by_hand = match["id"] if match is not None else f"hld_{digest}"
    return HoldMark(by_hand, True, at, AT_STRIPE, match["reason"] if match else words)


def step_of(
    mark: HoldMark | None, holds: Sequence[Hold], *, asked_at_ms: int, now_ms: int
) -> HoldStep:
    """What Stripe's word about one customer does, by all holds of that customer here."""
    known = next((one for one in holds if mark is not None and one.id == mark.id), None)
    if mark is not None and mark.is_on:
        if known is None:
            return HoldStep.ADD
        if known.is_open or _may_be_old(known, asked_at_ms, now_ms):
            return HoldStep.NOTHING
        return HoldStep.SWITCH_ON_AGAIN
    if mark is not None and known is None:
        return HoldStep.REMEMBER
    if mark is not None and known is not None and known.is_open and known.is_from_stripe:
        return HoldStep.LIFT if mark.by != known.set_by else HoldStep.NOTHING
    ours = [one for one in holds if one.is_open and not one.is_from_stripe]
    is_told = known is not None and known in ours
    return HoldStep.WRITE if ours and not is_told else HoldStep.NOTHING


def _may_be_old(lifted: Hold, asked_at_ms: int, now_ms: int) -> bool:
    """Not by a lift that is later than now: it is of a clock that has been set back since."""
    confirmed = lifted.lift_confirmed_at_ms
    return confirmed is None or asked_at_ms <= confirmed <= now_ms
