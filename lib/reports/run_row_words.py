"""The words for a run's row: its findings before it is sent, its failure afterwards."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from lib.domain.declines import explain
from lib.domain.payment_methods import label_of
from lib.domain.runs import Severity
from lib.reports.frames import records
from lib.store.charge_rows import decline_of

_SEVERITIES = tuple(Severity)


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """With `name`, `method`, `reason`, `why` and `next_step` instead of findings and codes."""
    texts = [_texts(row) for row in records(frame)]
    return frame.assign(
        **{
            name: [row[name] for row in texts]
            for name in ("name", "method", "reason", "why", "next_step")
        }
    )


def _findings(findings: list[dict[str, Any]]) -> str:
    """What keeps a row back comes first: a cell shows the first lines."""
    worst_first = sorted(findings, key=lambda one: _SEVERITIES.index(one["severity"]))
    return " ".join(finding["message"] for finding in worst_first)


def _left_out(findings: list[dict[str, Any]]) -> str:
    """By whom and why; what was found before no longer matters."""
    return " ".join(
        finding["message"]
        for finding in findings
        if finding["code"] == "corrected" and finding["column"] == "left_out"
    )


def _texts(row: dict[str, Any]) -> dict[str, str]:
    label = label_of(row["type"], row["brand"], row["last4"]) if row["type"] else ""
    texts = {
        "name": row["name"] or str(json.loads(row["request"])["customer"]),
        "method": label,
        "reason": "",
        "why": _findings(json.loads(row["findings"])),
        "next_step": "",
    }
    if row["state"] in ("succeeded", "processing"):
        texts["why"] = ""
    elif row["state"] == "cancelled":
        texts["why"] = _left_out(json.loads(row["findings"])) or texts["why"]
    if row["state"] in ("declined", "needs_customer"):
        failure = explain(
            decline_of(row), http_status=row["http_status"], at=row["outcome_at"] or 0
        )
        texts |= {
            "reason": failure.reason.value,
            "why": failure.explanation.staff,
            "next_step": failure.explanation.next_step,
        }
        if row["elsewhere"]:
            texts |= {"why": f"{texts['why']} Collected later {row['elsewhere']}.", "next_step": ""}
    return texts
