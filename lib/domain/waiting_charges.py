"""
Approved charges of customers without a card: each waits, planned, until its own link brings one.

docs/decisions/039-charge-when-the-card-arrives.md has the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from lib.domain.runs import Finding, RowState, RunRow, Severity

CODE = "waits_for_card"
"""Of the finding of such a row, and of a planned charge that waits."""
NO_CARD = "no_payment_method"
IN_WORDS = "Waits until the customer saves a card by its link, and is charged then, once."
NEXT_STEP = "Send the customer the link, or cancel the charge on the page “Waiting for a card”."


class WaitEnd(StrEnum):
    TRIED = "tried"
    """Its card came, or somebody charged it by hand."""
    CANCELLED = "cancelled"
    PAID_OTHERWISE = "paid_otherwise"
    APPROVAL_ENDED = "approval_ended"
    REFUSED = "refused"
    """Its card came, and our own rules kept it back."""


CARD_CAME = frozenset({WaitEnd.TRIED, WaitEnd.REFUSED})


@dataclass(frozen=True, slots=True)
class WaitingCharge:
    charge_id: str
    run_id: str
    run_row: int
    since: int
    ended_at: int | None = None
    end_reason: WaitEnd | None = None
    ended_by: str | None = None


def may_wait(row: RunRow) -> bool:
    """Whether nothing but a card is missing."""
    red = {finding.code for finding in row.findings if finding.severity is Severity.RED}
    is_whole = None not in (row.customer, row.amount, row.currency, row.reference)
    return row.state is RowState.BLOCKED and red == {NO_CARD} and is_whole


def waiting(row: RunRow) -> RunRow:
    """The row as it is submitted where the approval is to cover a card that comes later."""
    return replace(
        row,
        state=RowState.PLANNED,
        payment_method="",
        findings=tuple(_waits(one) if one.code == NO_CARD else one for one in row.findings),
    )


def blocked_again(row: RunRow) -> RunRow:
    """The row of a draft as it was before it was to wait."""
    return replace(
        row,
        state=RowState.BLOCKED if row.state is RowState.PLANNED else row.state,
        payment_method=None,
        is_submitted=False,
        findings=tuple(_lacks(one) if one.code == CODE else one for one in row.findings),
    )


def _waits(_: Finding) -> Finding:
    return Finding(
        CODE, Severity.AMBER, f"No saved method can be charged. {IN_WORDS}", "payment_method"
    )


def _lacks(_: Finding) -> Finding:
    return Finding(
        NO_CARD,
        Severity.RED,
        "No saved method can be charged. Send a setup link first.",
        "payment_method",
    )
