"""Rows that nobody sees in the spreadsheet: hidden ones, struck-out ones, and those of hidden sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lib.domain.files.columns import ColumnTable, Guess
from lib.domain.files.readings import Hidden, Unseen
from lib.domain.files.sheets import Sheet, SheetRow
from lib.money import Money

Amounts = Callable[[Sheet, Mapping[str, int], Sequence[SheetRow]], Iterable[Money | None]]
"""What rows come to; None for what cannot be read."""


def why_unseen(row: SheetRow, columns: Mapping[str, int], table: ColumnTable) -> str:
    """hidden, struck_out when a cell that is acted on is, or nothing."""
    if row.is_hidden:
        return "hidden"
    if row.struck and any(columns.get(name) in row.struck for name in table.acted_on):
        return "struck_out"
    return ""


def unseen_of(
    sheet: Sheet, columns: Mapping[str, int], amounts: Amounts, table: ColumnTable
) -> tuple[Unseen, ...]:
    """By kind, with their sums."""
    groups: dict[str, list[SheetRow]] = {}
    for row in sheet.rows:
        why = why_unseen(row, columns, table)
        if why:
            groups.setdefault(why, []).append(row)
    kinds = [_unseen(why, sheet, columns, rows, amounts) for why, rows in groups.items()]
    for hidden in sheet.hidden_sheets:
        theirs = table.guess(hidden.header)
        if table.may_be_meant(theirs):
            name = hidden.origin.sheet or ""
            kinds.append(_unseen("hidden_sheet", hidden, theirs, hidden.rows, amounts, name))
    return tuple(kinds)


def question(
    sheet: Sheet,
    columns: Mapping[str, int],
    unseen: Sequence[Unseen],
    choice: Hidden | None,
    table: ColumnTable,
) -> str:
    """What a person has to decide before anything is done, in sentences; empty when nothing."""
    hidden_names = [
        f"“{sheet.header[columns[name]][:40]}”"
        for name in table.acted_on
        if columns.get(name) in sheet.origin.hidden_columns
    ]
    if choice is Hidden.LEAVE_OUT and hidden_names:
        return (
            f"The column {' and '.join(hidden_names)} is hidden in the spreadsheet and was to be left out. "
            "Choose a column that is seen, or include what is hidden."
        )
    sheets = [one for one in unseen if one.sheet]
    is_alone = not hidden_names and len(sheets) == len(unseen)
    if choice is Hidden.INCLUDE and sheets and is_alone:
        return (
            "Rows of a hidden sheet cannot be included: show the sheet, move it to the front and save. Or "
            "leave out what is hidden."
        )
    if choice is not None or not (unseen or hidden_names):
        return ""
    parts = [one.in_words() for one in unseen]
    if hidden_names:
        parts.append(f"the column {' and '.join(hidden_names)}, which would be read")
    way = "Choose whether to include or to leave out what is hidden (--hidden include or --hidden leave-out)."
    if sheets and not is_alone:
        way += " Rows of a hidden sheet are left out either way."
    elif sheets:
        way = (
            "Rows of a hidden sheet cannot be included: leave out what is hidden (--hidden leave-out), or "
            "show the sheet, move it to the front and save."
        )
    return f"Not seen in the spreadsheet, but in the file: {'; '.join(parts)}. {way}"


def guess_seen(
    header: Sequence[str],
    remembered: Mapping[str, str],
    hidden: frozenset[int],
    table: ColumnTable,
) -> Guess:
    """As `guess`, from the columns that are seen; from the others only what is missing there."""
    if not hidden:
        return table.guess(header, remembered)
    seen = table.guess(
        [("" if at in hidden else name) for at, name in enumerate(header)], remembered
    )
    every = table.guess(header, remembered)
    taken = dict(seen) | {
        name: every[name] for name in seen.missing if name in every and every[name] in hidden
    }
    others = [header[at] for name, at in every.items() if at in hidden and taken.get(name) != at]
    doubts = [*seen.doubts]
    if others:
        listed = ", ".join(f"“{name[:40]}”" for name in others)
        doubts.append(f"Hidden in the spreadsheet, so it was not taken: {listed}.")
    missing = tuple(name for name in seen.missing if name not in taken)
    return Guess(taken, missing, tuple(doubts))


def _unseen(
    why: str,
    sheet: Sheet,
    columns: Mapping[str, int],
    rows: Sequence[SheetRow],
    amounts: Amounts,
    name: str = "",
) -> Unseen:
    totals: dict[str, int] = {}
    for money in amounts(sheet, columns, rows):
        if money is not None:
            totals[money.currency] = totals.get(money.currency, 0) + money.amount
    return Unseen(why, tuple(row.number for row in rows), totals, name)
