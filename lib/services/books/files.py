"""Lines as the file an accountant asked for: a workbook with sums by currency and state, or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lib.domain.books import SUM_COLUMNS, BookColumn, Line
from lib.spreadsheets import accounts

_SUMMED = {"amount", "currency", "state"}


class AccountFiles:
    def __init__(self, *, timezone: str) -> None:
        self._timezone = timezone

    def make(
        self, name: str, columns: Sequence[BookColumn], lines: Sequence[Line], file_name: str
    ) -> bytes:
        """
        XLSX where the file's name ends so, CSV otherwise; moments in the installation's time zone.

        Raises:
            InvalidInput: a cell is longer than a workbook takes.
        """
        table = accounts.AccountTable(name, columns, lines)
        if not file_name.lower().endswith(".xlsx"):
            return accounts.to_csv(table, timezone=self._timezone)
        tables = [table]
        if {column.name for column in columns} >= _SUMMED:
            # What is counted are refunds in a file of refunds.
            columns = [
                replace(one, heading=name) if one.name == "count" else one for one in SUM_COLUMNS
            ]
            tables.append(accounts.AccountTable("Sums", columns, _sums(lines)))
        return accounts.to_xlsx(tables, timezone=self._timezone)


def _sums(lines: Sequence[Line]) -> list[Line]:
    sums: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        if line["amount"] is None:
            continue
        one = sums.setdefault((str(line["currency"]), str(line["state"])), [0, 0])
        one[0] += 1
        one[1] += int(line["amount"])
    return [
        {"currency": code, "state": state, "count": count, "amount": amount}
        for (code, state), (count, amount) in sorted(sums.items())
    ]
