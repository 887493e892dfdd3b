"""People who were erased: how, and what keeps it so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from lib.domain.erasure import Tombstone, pseudonym_of, without_person
from lib.store.connection import connect
from lib.store.meta import ERASURE_SALT, MetaStore
from lib.store.personal import OWN, PERSON, PERSONAL, PersonalStore, asked_of
from lib.store.search import SearchStore

ERASED = "(erased)"
"""In the place of a text that may not be empty."""
_INDEXED_AT_ONCE = 500


class ErasureStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._personal = PersonalStore(database)

    # Whose is what

    def erased_at(self, customer_id: str) -> int | None:
        sql = "SELECT erased_at FROM erasures WHERE id = ? AND kind = 'customer'"
        row = self._database.execute(sql, (customer_id,)).fetchone()
        return None if row is None else int(row[0])

    def of(self, ids: Iterable[str]) -> set[str]:
        """Those of these objects that were erased."""
        rows = self._database.query(
            "SELECT id FROM erasures WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        return {row["id"] for row in rows}

    # Erasing

    def erase(self, customers: Sequence[str], *, at: int) -> None:
        """
        The customers of one person, with whom nothing is under way: what is left are their ids,
        references, sums, tries and switches. Inside a write transaction, with `written_over` around it.
        """
        tombstones = list(self._tombstones_for(customers, at=at))
        rows = self._personal.rows(
            f"SELECT * FROM run_rows WHERE {PERSONAL['run_rows']}", customers
        )
        link_rows = self._personal.rows(
            f"SELECT * FROM link_batch_rows WHERE {PERSONAL['link_batch_rows']}", customers
        )
        self._clean_links(customers)
        self._add(tombstones)
        for row in rows:
            self._clean_row(row)
        for row in link_rows:
            self._clean_link_row(row)
        self._database.execute(
            f"""{PERSON} UPDATE outbox SET address = '', name = '', subject = '', body = '',
                    url = NULL, reply = NULL WHERE {PERSONAL["outbox"]}""",
            asked_of(customers, {}),
        )
        self._touch([one.id for one in tombstones])
        self._database.execute(
            f"{PERSON} UPDATE customer_notes SET text = '{ERASED}' WHERE {OWN}",
            asked_of(customers, {}),
        )
        for _ in range(_INDEXED_AT_ONCE):
            if not SearchStore(self._database).index(_INDEXED_AT_ONCE):
                break

    def _tombstones_for(self, customers: Sequence[str], *, at: int) -> Iterable[Tombstone]:
        salt = MetaStore(self._database).value(ERASURE_SALT)
        if salt is None:
            raise LookupError("whoever erases binds a salt first")
        for row in self._personal.rows(
            "SELECT id, address_key FROM customers WHERE id IN (SELECT id FROM person)", customers
        ):
            key = row["address_key"]
            yield Tombstone(row["id"], "customer", key and pseudonym_of(key, salt=salt), at)
        for kind, table in (
            ("checkout_session", "checkout_sessions"),
            ("payment_method", "payment_methods"),
            ("setup_link", "setup_links"),
        ):
            for row in self._personal.rows(
                f"SELECT id FROM {table} WHERE {PERSONAL[table]}", customers
            ):
                yield Tombstone(row["id"], kind, None, at)
        for kind, table, of in (
            ("run_row", "run_rows", "run_id"),
            ("link_batch_row", "link_batch_rows", "batch_id"),
        ):
            sql = f"SELECT {of} AS of, number FROM {table} WHERE {PERSONAL[table]}"
            for row in self._personal.rows(sql, customers):
                yield Tombstone(f"{row['of']}:{row['number']}", kind, None, at)

    def _add(self, tombstones: Iterable[Tombstone]) -> None:
        self._database.conn.executemany(
            """INSERT INTO erasures (id, kind, pseudonym, erased_at) VALUES (?, ?, ?, ?)
               ON CONFLICT DO NOTHING""",
            [(one.id, one.kind, one.pseudonym, one.erased_at) for one in tombstones],
        )

    def _clean_links(self, customers: Sequence[str]) -> None:
        for table, change in (
            ("link_sessions", "params = '{}', url = NULL"),
            ("stripe_requests", "params = '{}'"),
        ):
            key = "idempotency_key"
            self._database.execute(
                f"""{PERSON} UPDATE {table} SET {change}
                    WHERE {key} IN (SELECT {key} FROM {table} WHERE {PERSONAL[table]})""",
                asked_of(customers, {}),
            )

    def _clean_row(self, row: dict[str, Any]) -> None:
        """Cells that say more than the charge does, and what was said of them."""
        known = (
            row["customer"],
            row["payment_method"],
            row["reference"],
            row["description"],
            row["suffix"],
        )
        request, original = without_person(row["request"], row["original"], row["customer"])
        cells = [
            cell if cell in known or cell.lower() == row["currency"] else ""
            for cell in json.loads(row["cells"])
        ]
        findings = [one | {"message": ERASED} for one in json.loads(row["findings"])]
        self._database.execute(
            """UPDATE run_rows SET cells = ?, request = ?, original = ?, findings = ?
               WHERE run_id = ? AND number = ?""",
            (
                json.dumps(cells, ensure_ascii=False),
                request,
                original,
                json.dumps(findings),
                row["run_id"],
                row["number"],
            ),
        )

    def _clean_link_row(self, row: dict[str, Any]) -> None:
        cells = [""] * len(json.loads(row["cells"]))
        request, _ = without_person(row["request"], None, row["customer"])
        findings = [one | {"message": ERASED} for one in json.loads(row["findings"])]
        self._database.execute(
            """UPDATE link_batch_rows SET cells = ?, request = ?, findings = ?
               WHERE batch_id = ? AND number = ?""",
            (json.dumps(cells), request, json.dumps(findings), row["batch_id"], row["number"]),
        )

    def _touch(self, ids: Sequence[str]) -> None:
        """The schema's triggers erase what is written of whoever was erased, and so what stands there."""
        for table, column in (
            ("customers", "name"),
            ("checkout_sessions", "customer_name"),
            ("payment_methods", "billing_name"),
            ("setup_links", "name"),
        ):
            self._database.execute(
                f"""UPDATE {table} SET {column} = {column}
                    WHERE id IN (SELECT value FROM json_each(?))""",
                (json.dumps(ids),),
            )

    # What outlives the file

    def tombstones(self) -> list[Tombstone]:
        rows = self._database.query("SELECT * FROM erasures ORDER BY id")
        return [Tombstone(**row) for row in rows]

    def obey(self, tombstones: Iterable[Tombstone], *, salt: str) -> int:
        """
        Erase here what was erased later than this file was copied. Returns how many customers they were.
        As `erase`.
        """
        known = {one.id for one in self.tombstones()}
        missing = [one for one in tombstones if one.id not in known]
        if not missing:
            return 0
        MetaStore(self._database).bind(ERASURE_SALT, salt)
        self._add(missing)
        for moment in sorted({one.erased_at for one in missing}):
            new = [one for one in missing if one.erased_at == moment]
            self.erase([one.id for one in new if one.kind == "customer"], at=moment)
            for one in new:
                self._clean_again(one)
        return sum(one.kind == "customer" for one in missing)

    def _clean_again(self, row: Tombstone) -> None:
        """A row of a file that names its customer by an address, or a customer who is not here."""
        if row.kind not in ("run_row", "link_batch_row"):
            return
        of, _, number = row.id.rpartition(":")
        is_run = row.kind == "run_row"
        sql = (
            "SELECT * FROM run_rows WHERE run_id = ? AND number = ?"
            if is_run
            else "SELECT * FROM link_batch_rows WHERE batch_id = ? AND number = ?"
        )
        for cells in list(self._database.query(sql, (of, int(number)))):
            (self._clean_row if is_run else self._clean_link_row)(cells)

    # Who comes back

    def aliases(self, addresses: Iterable[str]) -> dict[str, str]:
        """Pseudonyms of erased people by whom these addresses were used, each with its address's key."""
        salt = MetaStore(self._database).value(ERASURE_SALT)
        if salt is None:
            return {}
        # Whoever was erased before m056 has the pseudonym of an address that was folded in full.
        keys = {
            pseudonym_of(form, salt=salt): key
            for key in set(addresses)
            for form in (key.casefold(), key)
        }
        rows = self._database.query(
            """SELECT DISTINCT pseudonym FROM erasures WHERE kind = 'customer'
                   AND pseudonym IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(keys)),),
        )
        return {row["pseudonym"]: keys[row["pseudonym"]] for row in rows}


@contextmanager
def written_over(database: Database) -> Iterator[None]:
    """What is deleted inside is written over in the file."""
    before = int(database.execute("PRAGMA secure_delete").fetchone()[0])
    database.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        database.execute(f"PRAGMA secure_delete = {before}")


def empty_log(path: Path) -> bool:
    """Of the log beside the database, in which what was erased still stands; False while somebody reads it."""
    with closing(connect(path)) as database:
        busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
