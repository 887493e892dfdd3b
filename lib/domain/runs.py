"""
Charge runs: many charges that one person prepares, another approves, and a worker executes.

    draft ─▶ awaiting_approval ─▶ approved ─▶ running ◀─▶ paused | stopped ─▶ finished
      ▲            │    └▶ rejected ─┐
      └────────────┴─────────────────┘        cancelled: from anything that is not over
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lib.domain.control_totals import ControlTotals
from lib.domain.identity import readable_line
from lib.errors import InvalidInput
from lib.money import Money

# An executor says that it is alive once a second. After more than this many whole seconds of
# silence, so after four seconds at the latest, another may take its run; with the look that finds
# it, that is always less than five seconds after the last beat.
BEAT_SECONDS = 1
STALE_SECONDS = 3
# Between looks for a run that nobody executes.
LOOK_SECONDS = 0.5
# That one worker executes side by side; others wait for their turn.
RUNS_AT_ONCE = 3
# A lease further in the future was written by a clock that was wrong.
LEASE_MARGIN_SECONDS = 60
_LONGEST_NAME = 80


class RunState(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class RowState(StrEnum):
    """Of a row until it is sent; from then on its charge's state is what counts."""

    PLANNED = "planned"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    SENT = "sent"


RUN_STEPS: dict[RunState, frozenset[RunState]] = {
    RunState.DRAFT: frozenset({RunState.AWAITING_APPROVAL, RunState.CANCELLED}),
    RunState.AWAITING_APPROVAL: frozenset(
        {RunState.DRAFT, RunState.APPROVED, RunState.REJECTED, RunState.CANCELLED}
    ),
    RunState.APPROVED: frozenset({RunState.DRAFT, RunState.RUNNING, RunState.CANCELLED}),
    RunState.REJECTED: frozenset({RunState.DRAFT, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {RunState.PAUSED, RunState.STOPPED, RunState.FINISHED, RunState.CANCELLED}
    ),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.STOPPED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.FINISHED: frozenset(),
    RunState.CANCELLED: frozenset(),
}


class RunOutcome(StrEnum):
    """What came of a run that is finished; its state only says that nothing more is sent."""

    ALL_PAID = "all_paid"
    WITH_FAILURES = "with_failures"
    WITH_OPEN = "with_open"
    """Nothing failed, and of something it is not known yet, or the bank is processing it."""
    NOTHING_CHARGED = "nothing_charged"


UNPAID = ("declined", "needs_customer", "blocked", "planned")
"""States of rows that were to be charged and did not bring money."""
OPEN = ("processing", "attempting", "unknown")


def outcome_of(
    state: RunState, counts: Mapping[str, int], *, waiting: int = 0
) -> RunOutcome | None:
    """
    None until the run is finished; `counts` are rows by state, and so many of those that are planned wait
    for a card. What was left out is no failure.
    """
    if state is not RunState.FINISHED:
        return None
    if any(counts.get(name, 0) - (waiting if name == "planned" else 0) for name in UNPAID):
        return RunOutcome.WITH_FAILURES
    if waiting or any(counts.get(name) for name in OPEN):
        return RunOutcome.WITH_OPEN
    return RunOutcome.ALL_PAID if counts.get("succeeded") else RunOutcome.NOTHING_CHARGED


OVER_STATES = frozenset(state for state, steps in RUN_STEPS.items() if not steps)
"""In which a run stays. Until then its planned rows hold a reference: another run warns of it."""

DRAFT_ROW_STEPS: dict[RowState, frozenset[RowState]] = {
    RowState.PLANNED: frozenset({RowState.CANCELLED, RowState.BLOCKED}),
    # Taken back; a row that was never fit to be charged is blocked then.
    RowState.CANCELLED: frozenset({RowState.PLANNED, RowState.BLOCKED}),
    RowState.BLOCKED: frozenset(),
    RowState.SENT: frozenset(),
}
"""Of the rows of a draft, which its maker may leave out and take back."""

ROW_STEPS: dict[RowState, frozenset[RowState]] = {
    RowState.PLANNED: frozenset({RowState.SENT, RowState.BLOCKED, RowState.CANCELLED}),
    # Never executed, as evidence says: it is sent again, or not, if its run was cancelled meanwhile.
    RowState.SENT: frozenset({RowState.PLANNED, RowState.CANCELLED}),
    RowState.BLOCKED: frozenset(),
    RowState.CANCELLED: frozenset(),
}
"""Of the rows of a run that was submitted. Whatever its state, a row was sent once its own try moves money after all."""


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    name: str
    state: RunState
    header: tuple[str, ...]
    """The columns of the file, in its order."""
    file_name: str | None
    file_digest: str | None
    """SHA-256 of the file's bytes."""
    follows: str | None
    """The run whose failures this one tries again."""
    created_by: str
    created_at: int
    submitted_by: str | None = None
    submitted_at: int | None = None
    digest: str | None = None
    approvals_needed: int = 1
    canary: int = 0
    """Rows after which it pauses to be looked at; 0 for none."""
    passed_canary: bool = False
    charge_new_cards: bool = False
    """Whether the approval covers charging a failed row once more when its customer saves a new card."""
    wait_for_cards: bool = False
    """Whether the approval covers rows without a card, each charged once when its own link brings one."""
    control: ControlTotals | None = None
    """What its maker typed when it was submitted; the file had exactly that."""
    stop_code: str | None = None
    stop_message: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    lease_owner: str | None = None
    lease_fence: int = 0
    lease_at: int | None = None
    reading: Mapping[str, Any] | None = None
    """How its file was read; None for a run that was not made from one."""
    day_limits: Mapping[str, int] | None = None
    """Defaults of a day under which it was submitted, by currency; None before there were any."""
    file_version: int = 1
    """Which file its rows are from, as it may be replaced; corrections belong to one."""

    def has_executor(self, now: int) -> bool:
        """Whether a process that is alive executes it."""
        return self.lease_owner is not None and now - (self.lease_at or 0) <= STALE_SECONDS


@dataclass(frozen=True, slots=True)
class RunRow:
    run_id: str
    number: int
    """As the spreadsheet counts: the header is row 1."""
    cells: tuple[str, ...]
    request: RowRequest
    customer: str | None
    """Of what was asked for: the one that is charged."""
    payment_method: str | None
    amount: int | None
    """Minor units."""
    currency: str | None
    reference: str | None
    description: str | None
    suffix: str | None
    state: RowState
    charge_id: str
    findings: tuple[Finding, ...] = ()
    is_submitted: bool = False
    """Part of what was approved, or is to be."""
    original: RowRequest | None = None
    file_customer: str | None = None
    """As the file says, and whom it names; of a row with a corrected cell."""

    @property
    def waits_for_card(self) -> bool:
        """Of a row that was submitted without a payment method: empty, where a row that cannot be charged has None."""
        return self.payment_method == ""


@dataclass(frozen=True, slots=True)
class RowRequest:
    """A row as its maker wrote it, or corrected it, with what could not be read of it."""

    number: int
    cells: tuple[str, ...]
    customer: str
    """A customer's id, or an e-mail address."""
    money: Money | None
    reference: str | None
    payment_method: str | None = None
    description: str | None = None
    suffix: str | None = None
    findings: tuple[Finding, ...] = ()
    amount_read: str | None = None
    """Major units with the decimals that a person sees; None where it could not be read, or `money` alone was kept."""
    currency_read: str | None = None
    """Without `money`: the currency could be read, and not the amount."""
    chosen_beside: tuple[str, ...] | None = None
    """A correction says the customer, the very one: these others with the address were known then."""


@dataclass(frozen=True, slots=True)
class CollectedElsewhere:
    """Charges that failed in one run and were collected later by another, or singly."""

    run_id: str | None
    """None: singly, also with a new card."""
    run_name: str | None
    currency: str
    charges: int
    amount: int


class Severity(StrEnum):
    RED = "red"
    """Never sent."""
    STOPPED = "stopped"
    """Not sent before a named person opened it with a reason; in a run its approver."""
    AMBER = "amber"
    """Sent, and a person should look."""


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    severity: Severity
    message: str
    column: str | None = None
    reason: str | None = None
    """Of lib.domain.declines, when an earlier try is why."""
    not_before: int | None = None
    """Unix seconds from which the row could be sent, when waiting helps."""
    about: tuple[str, ...] = ()
    """The other references or customers that it speaks of, sorted: whoever opens it was shown these and no others."""


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    run_id: str
    decision: str
    """approve or reject"""
    digest: str
    by: str
    at: int
    reason: str | None
    is_renewal: bool = False
    """Given again, after the first had become too old or its giver had gone."""


def severity_of(findings: Iterable[Finding]) -> str:
    """green, amber or red: the worst of what was found. What is stopped is amber: it may be opened."""
    severities = {finding.severity for finding in findings}
    if Severity.RED in severities:
        return "red"
    return "amber" if severities else "green"


def totals_of(rows: Iterable[RunRow]) -> dict[str, int]:
    """Minor units by currency."""
    totals: dict[str, int] = {}
    for row in rows:
        if row.currency is not None and row.amount is not None:
            totals[row.currency] = totals.get(row.currency, 0) + row.amount
    return totals


def clean_name(name: str) -> str:
    """
    Raises:
        InvalidInput: empty, too long, or with characters that cannot be shown.
    """
    cleaned = readable_line(name, what="name of the run", field="name")
    if not cleaned or len(cleaned) > _LONGEST_NAME:
        raise InvalidInput(
            f"A run needs a name of at most {_LONGEST_NAME} characters.", field="name"
        )
    return cleaned
