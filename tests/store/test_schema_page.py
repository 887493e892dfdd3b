"""docs/schema.md: the tables as they are, each with what it means."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from lib.store.migrations import migrations
from lib.store.schema_page import schema_page

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


@pytest.fixture(scope="module")
def database() -> Database:
    built = Database(memory=True)
    migrations.apply(built)
    return built


def test_the_page_is_what_the_database_is(database: Database) -> None:
    assert PAGE.read_text("utf-8") == schema_page(database), "write it anew: make schema"


def test_it_names_every_table_index_and_trigger_once(database: Database) -> None:
    page = schema_page(database)
    rows = list(
        database.query(
            r"""SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL
                AND name NOT LIKE '%sqlite\_%' ESCAPE '\' AND name NOT LIKE '%\_fts\_%' ESCAPE '\'"""
        )
    )
    assert len(rows) > 150
    for row in rows:
        marks = {"table": f"\n### {row['name']}\n", "index": f"index `{row['name']}`"}
        mark = marks.get(row["type"], f"trigger `{row['name']}`")
        if row["name"].endswith("_fts"):
            mark = f"full-text index `{row['name']}`"
        assert page.count(mark) == 1, row["name"]


def test_it_has_every_column_of_every_table(database: Database) -> None:
    sections = dict(section.split("\n", 1) for section in schema_page(database).split("\n### ")[1:])
    for name, section in sections.items():
        # With those that follow from others.
        columns = {row["name"] for row in database.query(f"PRAGMA table_xinfo({name})")}
        assert {line.split("`")[1] for line in section.splitlines() if line[:3] == "| `"} == columns


def test_what_a_search_looks_through_stands_with_what_it_finds(database: Database) -> None:
    groups = {
        line.removeprefix("### "): group.split("\n", 1)[0]
        for group in schema_page(database).split("\n## ")[1:]
        for line in group.splitlines()
        if line.startswith("### ")
    }
    searched = {name for name in groups if name.endswith("_search")}
    assert len(searched) == 8
    assert {name: groups[name] for name in searched} == {
        name: groups[name.removeprefix("listed_").removesuffix("_search")] for name in searched
    }


class TestATableOfALaterMigration:
    @pytest.mark.parametrize("comment", ["", "-- Receipts.", "-- bureau: Receipts."])
    def test_has_to_say_what_it_means(self, comment: str) -> None:
        other = Database(memory=True)
        other.execute(f"CREATE TABLE receipts ({comment}\n id TEXT) STRICT")
        with pytest.raises(ValueError, match="receipts does not say what it means"):
            schema_page(other)

    def test_shows_columns_that_were_added_to_it(self) -> None:
        other = Database(memory=True)
        other.execute(
            """CREATE TABLE receipts (
                -- staff: What was spent.
                id TEXT PRIMARY KEY,
                -- Minor units.
                amount INTEGER NOT NULL CHECK (amount > 0)
            ) STRICT"""
        )
        other.execute("ALTER TABLE receipts ADD COLUMN currency TEXT NOT NULL DEFAULT 'usd'")
        page = schema_page(other)
        assert "### receipts\n\nWhat was spent.\n" in page
        assert "| `amount` | `INTEGER NOT NULL CHECK (amount > 0)` | Minor units. |" in page
        assert "| `currency` | `TEXT NOT NULL DEFAULT 'usd'` |  |" in page
