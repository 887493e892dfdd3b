"""A file as it was read: its first rows, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.files.run_columns import COLUMNS
from lib.domain.files.run_files import ParsedFile
from lib.domain.runs import Severity
from lib.services.runs.files import RunUpload
from lib.ui import file_choices, tables
from lib.ui.formats import plural

_SHOWN_ROWS = 8
_SHOWN_PROBLEMS = 20


def first_rows(upload: RunUpload, parsed: ParsedFile) -> None:
    names = [name or f"Column {at + 1}" for at, name in enumerate(upload.sheet.header)]
    shown = upload.sheet.rows[:_SHOWN_ROWS]
    if upload.sheet.origin.letters_doubt or upload.sheet.origin.encoding_is_chosen:
        # Only letters beyond ASCII show whether the encoding is right.
        other = [row for row in upload.sheet.rows if not "".join(row.cells).isascii()]
        shown = tuple(other[:_SHOWN_ROWS]) or shown
    sums = {row.number: str(row.money) if row.money else "" for row in parsed.rows}
    frame = pd.DataFrame([row.cells for row in shown], columns=range(len(names)))
    frame = frame.rename(columns=str).assign(
        row=[row.number for row in shown],
        read=[sums.get(row.number, "left out") for row in shown],
    )
    tables.listing(
        frame,
        {
            "row": tables.number("Row", width=60),
            "read": tables.text("Amount as read", width=130),
            **{str(at): tables.text(name) for at, name in enumerate(names)},
        },
        key="new_run_rows",
        alt="The first rows of the file as they were read",
        timezone=UTC,
    )
    if len(upload.sheet.rows) > len(shown):
        st.caption(f"{len(shown)} of {len(upload.sheet.rows):,} rows.")


def problems(parsed: ParsedFile) -> None:
    entries = sorted(parsed.problems, key=lambda one: one.severity is not Severity.RED)
    if not entries:
        return
    st.markdown(f"**{plural(len(entries), 'problem')}**")
    st.caption(
        "Rows that cannot be charged are kept and listed, and never charged. Correct the file, or go on without them."
    )
    labels = {column.name: column.label for column in COLUMNS}
    frame = pd.DataFrame(
        [
            {
                "rows": problem.places.removeprefix("rows ").removeprefix("row "),
                "what": "cannot be charged" if problem.severity is Severity.RED else "look at it",
                "column": labels.get(problem.column, ""),
                "message": file_choices.without_switches(problem.message),
            }
            for problem in entries[:_SHOWN_PROBLEMS]
        ]
    )
    tables.listing(
        frame,
        {
            "rows": tables.text("Rows", width=120),
            "what": tables.text("Effect", width=120),
            "column": tables.text("Column", width=110),
            "message": tables.text("What is wrong", width=520),
        },
        key="new_run_problems",
        alt="What is wrong with the file, each cause with its rows",
        timezone=UTC,
        wraps=True,
    )
    if len(entries) > _SHOWN_PROBLEMS:
        st.caption(f"And {len(entries) - _SHOWN_PROBLEMS:,} more; all are listed in the run.")
