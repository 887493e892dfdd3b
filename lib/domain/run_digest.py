"""The digest of a run: one number over all that its approvers agree to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.domain.corrections import Correction  # loads how files are read
    from lib.domain.runs import RunRow


def digest_of(
    rows: Iterable[RunRow],
    *,
    canary: int,
    charge_new_cards: bool,
    corrections: Iterable[Correction] = (),
) -> str:
    """
    SHA-256 over all that decides who is charged how much for what, in the order of the rows, over
    what else an approver agrees to, and over every entry of the log of corrections.

    Without corrections it is what it was before there were any: approvals given then still stand.
    """
    digest = hashlib.sha256(json.dumps((canary, charge_new_cards)).encode())
    for row in rows:
        line = _line(
            row.number,
            row.customer,
            row.payment_method,
            row.amount,
            row.currency,
            row.reference,
            row.description,
            row.suffix,
        )
        digest.update(line)
    for entry in corrections:
        line = _line(
            "correction",
            entry.file_version,
            entry.row,
            entry.field.value,
            entry.was,
            entry.value,
            entry.is_undo,
            entry.by,
            entry.at,
            entry.reason,
        )
        digest.update(line)
    return digest.hexdigest()


def _line(*values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
