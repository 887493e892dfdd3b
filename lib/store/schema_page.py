"""
Writes docs/schema.md from a database: `make schema`.

A table says in its own text what it means: the first comment in its parentheses is "group: meaning",
and a comment above a column is about that column.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from lib.store.migrations import migrations

GROUPS = {
    "mirror": "What Stripe last said of each object, under Stripe's names, and what is derived from it.",
    "ledger": "What Onfile asked Stripe to do, written before it was asked, and the outcome.",
    "runs": "Files of charges, the decisions on them, and the lease under which one is executed.",
    "messages": "What customers were written, and what staff wrote in the place of the defaults.",
    "staff": "Who works here, what they may spend, and the journal of what they did.",
    "machinery": "What the processes of Onfile keep for themselves, and what they noticed.",
}
_INTRODUCTION = """# The tables of onfile.db

Written by `make schema` from a new database; a test compares them. Change
`lib/store/steps/`, never this page.

**Whose is the bare name.** Where a table of ours and an object of Stripe's share a noun, Stripe's
carries the prefix: `charges` and `refunds` are what Onfile was asked to do, `stripe_charges` and
`stripe_refunds` mirror Stripe's objects. What only Stripe has (`customers`, `disputes`) needs none.

Times are Unix seconds in UTC, or milliseconds where a name ends in `_ms`. Money is an integer of minor
units beside its currency. Every table is `STRICT`.
"""
_SEARCHED = "_search"
_SEARCH = re.compile(r"USING fts5\(.*content = '(\w+)'", re.DOTALL)
_REFUSAL = re.compile(r"RAISE\(ABORT, '((?:[^']|'')*)'\)")
_MOMENT = re.compile(r"(BEFORE|AFTER) (INSERT|DELETE|UPDATE(?: OF [\w, \n]+?)?)\s+ON\s", re.DOTALL)
_CONSTRAINTS = ("CHECK", "FOREIGN", "PRIMARY", "UNIQUE")


@dataclass(frozen=True, slots=True)
class SchemaTable:
    name: str
    group: str
    meaning: str
    columns: list[tuple[str, str, str]]
    """Name, definition, comment."""
    constraints: list[str]


def schema_page(database: Database) -> str:
    """
    Raises:
        ValueError: a table does not say what it means, or belongs to no group.
    """
    tables = [_table(row["sql"]) for row in _objects(database, "table") if _is_ours(row)]
    groups = {table.name: table.group for table in tables}
    lines = [_INTRODUCTION]
    for group, meaning in GROUPS.items():
        lines.append(f"## {group.capitalize()}\n\n{meaning}\n")
        for table in tables:
            # What a search looks through stands with what it finds.
            if groups.get(table.name.removesuffix(_SEARCHED), table.group) == group:
                lines.extend(_section(table, database))
    return "\n".join(lines)


def _objects(database: Database, type_: str) -> list[dict[str, str]]:
    return list(
        database.query(
            "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL ORDER BY rowid",
            (type_,),
        )
    )


def _is_ours(row: dict[str, str]) -> bool:
    return not re.search(r"^sqlite_|^_sqlite_|_fts(_\w+)?$", row["name"])


def _table(sql: str) -> SchemaTable:
    name = sql.split("(")[0].split()[-1].strip('"')
    opening = re.match(r"[^(]*\(\s*-- (\w+): ([^\n]+)\n", sql)
    if opening is None or opening[1] not in GROUPS:
        raise ValueError(
            f"{name} does not say what it means: begin its columns with a comment "
            f"“-- group: meaning”, with one of the groups {', '.join(GROUPS)}."
        )
    columns: list[tuple[str, str, str]] = []
    constraints: list[str] = []
    for comment, definition in _definitions(sql[opening.end() :]):
        word, _, rest = definition.partition(" ")
        if word in _CONSTRAINTS:
            constraints.append(definition)
        else:
            columns.append((word.strip('"'), rest, comment))
    return SchemaTable(name, opening[1], opening[2], columns, constraints)


def _definitions(body: str) -> Iterator[tuple[str, str]]:
    """Each column and constraint up to the closing parenthesis, with the comment above it."""
    comment, definition, depth = "", "", 0
    for line in body.splitlines():
        text = line.strip()
        if text.startswith("--"):
            comment = f"{comment} {text[2:].strip()}".strip()
            continue
        for letter in text:
            depth += (letter == "(") - (letter == ")")
            if depth < 0 or (letter == "," and depth == 0):
                yield comment, _one_line(definition)
                comment, definition = "", ""
                if depth < 0:
                    return
            else:
                definition += letter
        definition += " "


def _one_line(sql: str) -> str:
    return " ".join(sql.split())


def _section(table: SchemaTable, database: Database) -> Iterator[str]:
    yield f"### {table.name}\n\n{table.meaning}\n"
    yield "| column | definition | |\n|---|---|---|"
    for name, definition, comment in table.columns:
        yield f"| `{name}` | `{definition.replace('|', chr(92) + '|')}` | {comment} |"
    yield ""
    notes = [f"- rule: `{constraint}`" for constraint in table.constraints]
    for row in _objects(database, "index"):
        if row["tbl_name"] == table.name:
            kind = "unique index" if row["sql"].startswith("CREATE UNIQUE") else "index"
            notes.append(f"- {kind} `{row['name']}`: `{_one_line(row['sql'].split(' ON ', 1)[1])}`")
    for row in _objects(database, "trigger"):
        if row["tbl_name"] == table.name:
            notes.append(f"- trigger `{row['name']}`: {_effect(row['sql'])}")
    for row in _objects(database, "table"):
        content = _SEARCH.search(row["sql"])
        if content and content[1] == table.name:
            notes.append(f"- full-text index `{row['name']}`")
    if notes:
        yield "\n".join(notes) + "\n"


def _effect(sql: str) -> str:
    moment = _MOMENT.search(sql)
    when = _one_line(f"{moment[1]} {moment[2]}").lower() if moment else ""
    refusal = _REFUSAL.search(sql)
    return f"{when}, may refuse: “{refusal[1]}”" if refusal else when


if __name__ == "__main__":
    built = Database(memory=True)
    migrations.apply(built)
    sys.stdout.write(schema_page(built))
