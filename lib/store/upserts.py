"""Parts of which every guarded upsert of the mirror is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database


def not_newer(table: str) -> str:
    """
    SQL that lets an upsert change a row only with an answer to a later question.

    A row whose question was asked later than now was stamped by a clock that has been set back since. It
    must not keep the truth out until the clock gets there again: of a payment, that would be a second charge.
    """
    return f"""WHERE excluded.synced_at_ms >= {table}.synced_at_ms
        OR {table}.synced_at_ms > now_ms()"""


def position_for(table: str, created: int) -> str:
    """SQL for the next free position in the second that parameter `created` names."""
    first = f"(?{created} << 20)"
    return f"""coalesce((SELECT max(position) FROM {table}
        WHERE position BETWEEN {first} AND {first} + 1048575), {first} - 1) + 1"""


def marks(count: int) -> str:
    """Numbered parameters, so that one of them can be used twice."""
    return ", ".join(f"?{number}" for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class Upsert:
    """
    One row of a table with a unique `id`: inserted, or changed where it is known.

    Most pages of a backfill are new. Before a row that may be refused halfway, SQLite copies every
    page that it touches aside, twenty a session; what takes the whole transaction back with it needs
    no copy (https://www.sqlite.org/lang_conflict.html). A single row, which may share its transaction
    with others' work, takes nothing else with it.
    """

    table: str
    insert: str
    """The names of its columns and the values, `id` first."""
    update: str
    """From SET on."""

    def write(self, database: Database, rows: Sequence[tuple[object, ...]]) -> int:
        """
        Returns how many rows were written; older news than the mirror has writes none.

        Raises:
            sqlite3.IntegrityError: a row that the schema does not allow. Of several rows, the transaction
                may be rolled back by then: nothing else may be written in it.
        """
        if len(rows) > 1 and not self._has(database, rows[0][0]):
            new = f"INSERT OR ROLLBACK INTO {self.table} {self.insert} ON CONFLICT (id) DO NOTHING"
            written = database.conn.executemany(new, rows).rowcount
            if written == len(rows):
                return written
        # Of rows that were just inserted this changes nothing, but it counts them.
        anew = f"INSERT INTO {self.table} {self.insert} ON CONFLICT (id) DO UPDATE {self.update}"
        return database.conn.executemany(anew, rows).rowcount if rows else 0

    def _has(self, database: Database, object_id: object) -> bool:
        sql = f"SELECT 1 FROM {self.table} WHERE id = ?"
        return database.execute(sql, (object_id,)).fetchone() is not None
