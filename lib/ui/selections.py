"""The marked rows of a table: an object in a page, a plain mapping where a test or a callback set it."""

from __future__ import annotations

from collections.abc import Mapping


def cleared() -> dict[str, object]:
    """Not what a browser says of a table without marks, so that its next word is heard, whatever it is."""
    return {"selection": {"rows": [], "columns": [], "cells": []}, "by": "onfile"}


def rows(event: object) -> list[int]:
    """Of a marked row and a marked cell: an object in a page, a plain mapping where a test set it."""
    if not isinstance(event, Mapping):
        return []
    selection = event.get("selection", {})
    return [*selection.get("rows", []), *(row for row, _ in selection.get("cells", []))]


def newest(rows: list[int], before: str | None, on_screen: list[str]) -> int | None:
    """Of a marked row and a marked cell the one that is not where both were before."""
    moved = [row for row in rows if id_at(on_screen, [row]) != before]
    return next(iter([*moved, *rows]), None)


def cells(event: object) -> list[tuple[int, str]]:
    return list(event.get("selection", {}).get("cells", [])) if isinstance(event, Mapping) else []


def heading(event: object, last: str | None, *, had_row: bool) -> str | None:
    """
    The column whose heading was clicked. A browser that still has the last one marked takes the mark away.
    """
    if not isinstance(event, Mapping):
        return None
    selection = event.get("selection", {})
    marked = next(iter(selection.get("columns", [])), None)
    is_unmarked = not had_row and not rows(event)
    return str(marked) if marked else last if is_unmarked else None


def id_at(ids: list[str], rows: list[int]) -> str | None:
    return ids[rows[0]] if rows and 0 <= rows[0] < len(ids) else None
