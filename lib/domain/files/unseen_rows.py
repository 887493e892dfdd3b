"""Rows that nobody sees in the spreadsheet: hidden ones, struck-out ones, and those of hidden sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lib.domain.files.columns import ColumnTable, Guess
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Hidden, Unseen
from lib.domain.files.sheets import Sheet, SheetRow
from lib.money import Money

Amounts = Callable[
    [Sheet, Mapping[str, int], Sequence[SheetRow], DecimalSign | None], Iterable[Money | None]
]
"""What rows come to, with this decimal sign or the file's own; None for what cannot be read."""


def why_unseen(row: SheetRow, columns: Mapping[str, int], table: ColumnTable) -> str:
    """hidden, struck_out when a cell that is acted on is, or nothing."""
    if row.is_hidden:
        return "hidden"
    if row.struck and any(columns.get(name) in row.struck for name in table.acted_on):
        return "struck_out"
    return ""


def unseen_of(
    sheet: Sheet,
    columns: Mapping[str, int],
    amounts: Amounts,
    table: ColumnTable,
    *,
    has_style: bool = True,
) -> tuple[Unseen, ...]:
    """
    By kind, with their sums.

    Args:
        has_style: whether it is known how the amounts are written; otherwise both sums are told.
    """

    def unseen(
        why: str, one: Sheet, theirs: Mapping[str, int], rows: Sequence[SheetRow], name: str = ""
    ) -> Unseen:
        signs: tuple[DecimalSign | None, ...] = (None,) if has_style else tuple(DecimalSign)
        sums = {sign: _sums(amounts(one, theirs, rows, sign)) for sign in signs}
        totals, unread = next(iter(sums.values()))
        numbers = tuple(row.number for row in rows)
        if all(each == (totals, unread) for each in sums.values()):
            return Unseen(why, numbers, totals, name, unread=unread)
        either = {str(sign): total for sign, (total, _) in sums.items()}
        # What one sign cannot read, the other can: what neither can is the least that is said.
        return Unseen(why, numbers, {}, name, either, min(left for _, left in sums.values()))

    groups: dict[str, list[SheetRow]] = {}
    for row in sheet.rows:
        why = why_unseen(row, columns, table)
        if why:
            groups.setdefault(why, []).append(row)
    kinds = [unseen(why, sheet, columns, rows) for why, rows in groups.items()]
    for hidden in sheet.hidden_sheets:
        theirs = table.guess(hidden.header)
        if table.may_be_meant(theirs):
            name = hidden.origin.sheet or ""
            kinds.append(unseen("hidden_sheet", hidden, theirs, hidden.rows, name))
    return tuple(kinds)


def ways(
    sheet: Sheet, columns: Mapping[str, int], unseen: Sequence[Unseen], table: ColumnTable
) -> tuple[Hidden, ...]:
    """
    What can be done with what is hidden; nothing where nothing is.

    Rows of a hidden sheet can only be left out, and a hidden column that is read only be included.
    """
    if _hidden_names(sheet, columns, table):
        return (Hidden.INCLUDE,)
    if not unseen:
        return ()
    is_sheet_alone = all(one.sheet for one in unseen)
    return (Hidden.LEAVE_OUT,) if is_sheet_alone else (Hidden.LEAVE_OUT, Hidden.INCLUDE)


def question(
    sheet: Sheet,
    columns: Mapping[str, int],
    unseen: Sequence[Unseen],
    choice: Hidden | None,
    table: ColumnTable,
) -> str:
    """What a person has to decide before anything is done, in sentences; empty when nothing."""
    possible = ways(sheet, columns, unseen, table)
    if not possible or choice in possible:
        return ""
    parts = [one.in_words() for one in unseen]
    names = " and ".join(_hidden_names(sheet, columns, table))
    has_sheet = any(one.sheet for one in unseen)
    if names:
        parts.append(f"the column {names}, which would be read")
        way = (
            f"The column {names} cannot be left out, as it is read. Choose a column that is seen, or "
            "include what is hidden (--hidden include)."
        )
    elif Hidden.INCLUDE not in possible:
        way = (
            "Rows of a hidden sheet cannot be included: leave out what is hidden (--hidden leave-out), or "
            "show the sheet, move it to the front and save."
        )
    else:
        way = "Choose whether to include or to leave out what is hidden (--hidden include or --hidden leave-out)."
    if has_sheet and Hidden.INCLUDE in possible:
        way += " Rows of a hidden sheet are left out either way."
    return f"Not seen in the spreadsheet, but in the file: {'; '.join(parts)}. {way}"


def _hidden_names(sheet: Sheet, columns: Mapping[str, int], table: ColumnTable) -> list[str]:
    """Headings of hidden columns that are read."""
    return [
        f"“{sheet.header[columns[name]][:40]}”"
        for name in table.acted_on
        if columns.get(name) in sheet.origin.hidden_columns
    ]


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


def _sums(amounts: Iterable[Money | None]) -> tuple[dict[str, int], int]:
    """Minor units by currency, and how many have no amount."""
    totals: dict[str, int] = {}
    unread = 0
    for money in amounts:
        if money is None:
            unread += 1
        else:
            totals[money.currency] = totals.get(money.currency, 0) + money.amount
    return totals, unread
