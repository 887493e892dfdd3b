"""Files that pages offer: made when their button is clicked, and safe to open in a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.books import BookColumn, line_of
from lib.reports.frames import records
from lib.services.staff.downloads import Download
from lib.ui import badges, outcome
from lib.ui.context import require

_KINDS = {"xlsx": "Excel", "csv": "CSV"}
_FILES = {"xlsx": "Excel workbook", "csv": "CSV file"}


def table(
    columns: Sequence[BookColumn],
    rows: Callable[[], pd.DataFrame],
    *,
    name: str,
    key: str,
) -> None:
    """
    A menu of kinds of files; the rows are read, and written, when one is chosen; see `file`.

    Args:
        columns: of the frame; moments are seconds, and amounts minor units beside a column `currency`.
        name: of the first sheet and, in small letters, of the file.
    """

    _menu(partial(_written, columns, lambda: records(rows()), name), name=name, key=key)


def for_accounting(
    columns: Sequence[BookColumn],
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    *,
    sheet: str,
    name: str,
    key: str,
) -> None:
    """The same as `table` as a button for each kind of file, for a popover; `name` is of the file."""
    for kind, label in _FILES.items():
        if st.button(label, key=f"{key}_{kind}", icon=":material/download:"):
            _make(partial(_written, columns, rows, sheet), f"{name}.{kind}")


def _written(
    columns: Sequence[BookColumn],
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    name: str,
    file_name: str,
) -> tuple[bytes, int]:
    lines = [line_of(row, columns, words=_words) for row in rows()]
    return require().services.account_files.make(name, columns, lines, file_name), len(lines)


def charges(ids: Callable[[], list[str]], *, name: str, key: str) -> None:
    """The same of charges, with what the books know of each."""

    def made(file_name: str) -> tuple[bytes, int]:
        ctx = require()
        chosen = ids()
        return ctx.services.books.file(chosen, file_name, by=ctx.actor), len(chosen)

    _menu(made, name=name, key=key)


def _menu(made: Callable[[str], tuple[bytes, int]], *, name: str, key: str) -> None:
    kind = st.menu_button(
        "Export",
        list(_KINDS),
        key=key,
        format_func=_KINDS.__getitem__,
        icon=":material/download:",
    )
    if kind:
        _make(made, f"{name.lower().replace(' ', '-')}.{kind}")


def _make(made: Callable[[str], tuple[bytes, int]], file_name: str) -> None:
    with outcome.show(rerun=False), st.spinner("The file is written …"):
        content, rows = made(file_name)
        _send(content, file_name, rows=rows)


def _words(state: str) -> str:
    return badges.look(state).label


def file(made: Callable[[], bytes], *, file_name: str, key: str, label: str) -> None:
    """
    A button that makes a file when it is clicked, and has the browser fetch it by our own route.

    Streamlit's download button would keep it where anybody who learns the address may read it.
    """
    if st.button(label, key=key, icon=":material/download:"):
        with outcome.show(rerun=False):
            _send(made(), file_name)


def _send(content: bytes, file_name: str, *, rows: int | None = None) -> None:
    ctx = require()
    token = ctx.services.downloads.offer(
        Download(file_name, content), by=ctx.actor, filters=st.query_params.to_dict(), rows=rows
    )
    # The answer is an attachment: the page stays where it is.
    st.html(
        f"<script>window.location.assign({json.dumps(f'/download/{token}')})</script>",
        unsafe_allow_javascript=True,
    )
