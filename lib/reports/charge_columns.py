"""Columns that staff read beside a charge: the reason in words, the next step, what came since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib.domain.charges import ChargeState
from lib.domain.declines import EXPLANATIONS, Reason, explain, never_executed, shown_code
from lib.domain.payment_methods import label_of
from lib.reports.frames import records
from lib.reports.paging import Query
from lib.store.charge_rows import decline_of

WORDS = (
    *("reason", "what_happened", "next_step", "method", "states", "new_method_id", "new_method"),
    *("code", "decline_code"),
)
FAILED = (ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER)


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """With the reasons in words, method labels, and no secret decline code."""
    rows = [words(row) for row in records(frame)]
    return frame.assign(
        **{
            name: pd.Series([row[name] for row in rows], index=frame.index, dtype=object)
            for name in WORDS
        }
    )


def words(row: Mapping[str, Any]) -> dict[str, Any]:
    """WORDS of one row."""
    reason = reason_of(row)
    explanation = EXPLANATIONS[reason] if reason else None
    return {
        "reason": reason.value if reason else "",
        "what_happened": explanation.staff if explanation else "",
        "next_step": explanation.next_step if explanation else "",
        "method": label_of(row["type"], row["brand"], row["last4"]) if row["type"] else "",
        "states": _states(row),
        "new_method_id": row["new_method"],
        "new_method": label_of(row["new_type"], row["new_brand"], row["new_last4"])
        if row["new_type"]
        else "",
        "code": shown_code(row["code"]),
        "decline_code": shown_code(row["decline_code"]),
    }


def _states(row: Mapping[str, Any]) -> list[str]:
    back = int(row["refunded"] or 0)
    since = []
    if back:
        since.append("refunded" if back >= row["amount"] else "partly_refunded")
    if row["disputed"]:
        since.append("disputed")
    return [str(row["state"]), *since]


def reason_of(row: Mapping[str, Any]) -> Reason | None:
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
