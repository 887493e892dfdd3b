"""Rows of a run that are stopped, and the approvers' reasons that open them."""

from __future__ import annotations

from dataclasses import replace

from lib.domain.runs import RowState, Run, RunRow, Severity
from lib.services.charges.orders import ChargeOrder
from lib.store.stores import Stores


def stopped_rows(stores: Stores, run_id: str) -> list[str]:
    """A line for each."""
    return [
        f"row {row.number}: {finding.message}"
        for row in stores.run_rows.of(run_id, states=(RowState.PLANNED,))
        for finding in row.findings
        if finding.severity is Severity.STOPPED
    ]


def opened(stores: Stores, run: Run, row: RunRow, order: ChargeOrder) -> ChargeOrder:
    """With the approvers' reasons for what stopped this row when they saw it, and for nothing that came since."""
    shown: dict[str, frozenset[str] | None] = {}
    for one in row.findings:
        if one.severity is Severity.STOPPED:
            known = shown.get(one.code, frozenset())
            # Of a run from before it was written down: approved under what held then.
            is_known = known is not None and one.about
            shown[one.code] = known.union(one.about) if known is not None and is_known else None
    if not shown:
        return order
    approvals = [one for one in stores.run_decisions.approvals(run) if one.reason]
    note = " / ".join(f"{one.by}: {one.reason}" for one in approvals)
    if not note:
        return order
    return replace(order, despite=dict.fromkeys(shown, note[:500]), shown=shown)
