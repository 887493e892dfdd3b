"""Columns that staff read beside a charge: the reason in words, the next step, what came since."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from lib.domain.charges import ChargeState
from lib.domain.declines import EXPLANATIONS, Reason, explain, never_executed, shown_code
from lib.domain.payment_methods import label_of
from lib.reports.paging import Query, records
from lib.store.charge_rows import decline_of

FAILED = (ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER)


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """With the reasons in words, method labels, and no secret decline code."""
    rows = records(frame)
    reasons = [reason_of(row) for row in rows]
    return frame.assign(
        reason=[reason.value if reason else "" for reason in reasons],
        what_happened=[EXPLANATIONS[reason].staff if reason else "" for reason in reasons],
        next_step=[EXPLANATIONS[reason].next_step if reason else "" for reason in reasons],
        method=[
            label_of(row["type"], row["brand"], row["last4"]) if row["type"] else "" for row in rows
        ],
        states=pd.Series([_states(row) for row in rows], index=frame.index, dtype=object),
        new_method_id=[row["new_method"] for row in rows],
        new_method=[
            label_of(row["new_type"], row["new_brand"], row["new_last4"]) if row["new_type"] else ""
            for row in rows
        ],
        **{
            name: pd.Series(
                [shown_code(row[name]) for row in rows], index=frame.index, dtype=object
            )
            for name in ("code", "decline_code")
        },
    )


def _states(row: dict[str, Any]) -> list[str]:
    back = int(row["refunded"] or 0)
    since = []
    if back:
        since.append("refunded" if back >= row["amount"] else "partly_refunded")
    if row["disputed"]:
        since.append("disputed")
    return [str(row["state"]), *since]


def reason_of(row: dict[str, Any]) -> Reason | None:
    if row["state"] == ChargeState.UNKNOWN:
        return Reason.OUTCOME_UNKNOWN
    if row["state"] == ChargeState.PLANNED:
        return never_executed(row["http_status"])
    if row["state"] not in FAILED:
        return None
    return explain(decline_of(row), http_status=row["http_status"], at=0).reason


def because(query: Query, failures: list[dict[str, Any]], reason: str) -> Query:
    """Only rows with a combination of codes that means `reason`."""
    codes = {row["state"] + row["codes"] for row in failures if row["reason"] == reason}
    return query.where(
        "o.state || o.codes IN (SELECT value FROM json_each(?))", json.dumps(sorted(codes))
    )
