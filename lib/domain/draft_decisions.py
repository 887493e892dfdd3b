"""Decisions of a person about rows of a draft: what of them is written down, and what is judged anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.domain.correction_fields import Field
from lib.domain.corrections import (
    OUT,
    Correction,
    DraftRow,
    corrected,
    in_effect,
    is_about,
    value_of,
)
from lib.domain.reference_keys import reference_key
from lib.domain.runs import Finding, RowRequest, Run
from lib.domain.twins import HAS_TWIN

Changes = Mapping[Field, str | None]
"""New values by cell; None: none, which only a method and a description can be."""


@dataclass(frozen=True, slots=True)
class CorrectionDecision:
    """Who decides when and why."""

    by: str
    at: int
    reason: str


def entries_of(
    run: Run,
    row: DraftRow,
    changes: Changes | None,
    decision: CorrectionDecision,
    findings: Iterable[Finding] = (),
) -> Iterable[Correction]:
    """
    What is written down: only what changes something.

    Args:
        findings: of the row as it is judged now.
    """
    is_ambiguous = any(one.code in ("customer_ambiguous", HAS_TWIN) for one in findings)
    undoes = changes is None
    if changes is None:
        changes = {field: value_of(row.request, field) for field in row.corrections}
        if row.is_left_out:
            changes = {**changes, Field.LEFT_OUT: None}
    effective = row.corrected
    for field, value in changes.items():
        is_now = OUT if row.is_left_out else None
        if field is not Field.LEFT_OUT:
            is_now = value_of(effective, field)
        # Saying what the file says settles a doubt about the cell, so it is a decision, too.
        settles = (
            not undoes
            and field is not Field.LEFT_OUT
            and (is_about(effective, field) or (field is Field.CUSTOMER and is_ambiguous))
        )
        if value == is_now and not settles and not undoes:
            continue
        of_file = value_of(row.request, field)
        yield Correction(
            row=row.request.number,
            field=field,
            was=of_file if of_file is not None else cell_of(run, row.request, field),
            value=value,
            by=decision.by,
            at=decision.at,
            reason=decision.reason,
            is_undo=undoes or (value == of_file and not settles),
            file_version=run.file_version,
        )


def cell_of(run: Run, request: RowRequest, field: Field) -> str | None:
    """The text in the file, as it stands there; None when it is empty, or nobody knows where."""
    heading = ((run.reading or {}).get("columns") or {}).get(field.value)
    if heading is None or run.header.count(heading) != 1:
        return None
    return request.cells[run.header.index(heading)].strip()[:80] or None


def touched_keys(
    run: Run,
    before: Mapping[int, DraftRow],
    log: Sequence[Correction],
    entries: Sequence[Correction],
) -> set[str]:
    """Of the references that the changed rows had, or have now: who else has one is judged with them."""
    after = _after(run, before, log, entries)
    rows = [rows[entry.row] for entry in entries for rows in (before, after)]
    return {key for row in rows if (key := _key(row)) is not None}


def judged_together(
    run: Run,
    before: Mapping[int, DraftRow],
    log: Sequence[Correction],
    entries: Sequence[Correction],
) -> list[DraftRow]:
    """The changed rows as they are now, and all with a reference that one of them had or has."""
    keys = touched_keys(run, before, log, entries)
    changed = {entry.row for entry in entries}
    after = _after(run, before, log, entries)
    # In the order of the file: of two with one reference, the first is the one that is charged.
    return [after[n] for n in sorted(after) if n in changed or _key(after[n]) in keys]


def _after(
    run: Run,
    before: Mapping[int, DraftRow],
    log: Sequence[Correction],
    entries: Sequence[Correction],
) -> dict[int, DraftRow]:
    decided = in_effect([*log, *entries], file_version=run.file_version)
    left_out = {e.row: not e.is_undo for e in entries if e.field is Field.LEFT_OUT}
    return {
        number: DraftRow(
            row.request,
            decided.get(number, {}),
            left_out.get(number, row.is_left_out),
            row.charge_id,
        )
        for number, row in before.items()
    }


def _key(row: DraftRow) -> str | None:
    reference = corrected(row.request, row.corrections).reference
    return None if reference is None else reference_key(reference)
