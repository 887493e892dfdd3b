"""The steps by name, in their order, and what they are made with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlite_utils import Database, Migrations

migrations = Migrations("onfile")

_STORE = Path(__file__).parent.parent
FIRST_SCHEMA = _STORE / "first_schema"
LATER_STEPS = _STORE / "later_steps"


def set_aside(
    database: Database, table: str, *, key: Sequence[str], where: str, kind: str, change: str
) -> int:
    """
    Make room for a guard that rows already there would break: a migration never fails over data.

    Each row of `table` where `where` holds becomes an open incident with all that it held, named by
    the columns of its primary key; then `change` is made to exactly these rows: "DELETE FROM table"
    or "UPDATE table SET …", without a WHERE. Returns how many there were.
    """
    names = [column.name for column in database.table(table).columns]
    fields = ", ".join(f"'{name}', {name}" for name in names)
    words = " || ' ' || ".join((f"'{table}'", *key))
    columns = ", ".join(key)
    database.execute(f"CREATE TEMP TABLE offenders AS SELECT {columns} FROM {table} WHERE {where}")
    these = f"WHERE ({columns}) IN (SELECT {columns} FROM offenders)"
    database.execute(
        f"""INSERT INTO incidents (id, kind, subject, details, found_at)
            SELECT 'inc_' || lower(hex(randomblob(10))), ?, {words}, json_object({fields}),
                CAST(strftime('%s', 'now') AS INTEGER)
            FROM {table} {these} ON CONFLICT DO NOTHING""",
        (kind,),
    )
    offenders = database.execute(f"{change} {these}").rowcount
    database.execute("DROP TABLE offenders")
    return offenders


def statements(script: str) -> Iterator[str]:
    """Each statement of a script: `executescript` would commit the migration's transaction."""
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            yield "\n".join(lines)
            lines.clear()
