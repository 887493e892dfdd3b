"""
Approvals of a run when money is about to move: who agreed may have left since, and what was agreed to
long ago is agreed to again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.domain.breaker import RunStop
from lib.domain.runs import ApprovalDecision, Run, RunState

APPROVAL_DAYS = 14
"""An approval older than this is given again before anything more is charged by it."""
_SECONDS = APPROVAL_DAYS * 86_400


class ApprovalStop(StrEnum):
    """Codes of a run that stopped because too few people stand behind it."""

    MISSING = "approval_missing"
    GONE = "approver_gone"
    EXPIRED = "approval_expired"


RENEWABLE = frozenset(ApprovalStop)
"""It goes on once somebody approves it again."""

NOT_OPENED_STATES = frozenset({RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.REJECTED})
"""In which nobody has given a reason yet for what is stopped, or no reason that counts any more."""

_APPROVED_STATES = (RunState.APPROVED, RunState.RUNNING, RunState.PAUSED, RunState.STOPPED)
_AGAIN = "Nothing more is charged until an approver agrees to it again. The rows stay as they are."


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether what people agreed to may be carried out now."""

    people: frozenset[str]
    """User names of those whose approval counts."""
    until: int | None
    """Unix seconds: when too few are left, if nobody is disabled before."""
    stop: RunStop | None
    """Why it may not; None while it may."""

    def as_json(self) -> dict[str, object]:
        return {
            "holds": self.stop is None,
            "until": self.until,
            "why_not": self.stop.message if self.stop else None,
        }


def is_renewable(run: Run) -> bool:
    """Whether it was approved once and something of it may still be charged."""
    return run.state in _APPROVED_STATES or (
        run.state is RunState.FINISHED and (run.charge_new_cards or run.wait_for_cards)
    )


def standing(
    run: Run,
    approvals: Sequence[ApprovalDecision],
    *,
    able: Collection[str],
    makers: Collection[str | None],
    names: Mapping[str, str],
    now: int,
) -> Standing:
    """
    Args:
        approvals: of what is submitted, first ones and renewals.
        able: who is active and may approve at this moment.
        makers: who prepared it; never counts, whatever they decided.
        names: what people are called, by user name.
    """
    newest = {one.by: one.at for one in approvals if one.by not in makers}
    good = {by: at for by, at in newest.items() if by in able and now - at < _SECONDS}
    if len(good) >= run.approvals_needed:
        oldest = sorted(good.values(), reverse=True)[run.approvals_needed - 1]
        return Standing(frozenset(good), oldest + _SECONDS, None)
    return Standing(frozenset(good), None, _why(run, newest, able, names))


def have_expired(run: Run, approvals: Sequence[ApprovalDecision], *, now: int) -> bool:
    """Whether too few approvals are young enough, whoever may approve by now: what waits for them ends."""
    young = {one.by for one in approvals if now - one.at < _SECONDS}
    return len(young) < run.approvals_needed


def _why(
    run: Run, newest: Mapping[str, int], able: Collection[str], names: Mapping[str, str]
) -> RunStop:
    if len(newest) < run.approvals_needed:
        return RunStop(
            ApprovalStop.MISSING.value,
            f"This run was not approved by enough people who did not prepare it. {_AGAIN}",
        )
    gone = sorted(names.get(by, by) for by in newest if by not in able)
    if gone:
        return RunStop(
            ApprovalStop.GONE.value,
            f"{' and '.join(gone)} approved this run and may not approve any more. {_AGAIN}",
        )
    return RunStop(
        ApprovalStop.EXPIRED.value,
        f"The approval of this run is {APPROVAL_DAYS} days old or older. {_AGAIN}",
    )


def stopped_in_words(rows: int, sums: str) -> str:
    """ "1 more row, $5.00, is stopped: an approver has to say why it may be charged."; empty without any."""
    if not rows:
        return ""
    noun, verb, it = ("row", "is", "it") if rows == 1 else ("rows", "are", "they")
    return f"{rows:,} more {noun}, {sums}, {verb} stopped: an approver has to say why {it} may be charged."
