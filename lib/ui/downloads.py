"""Files that pages offer: made when their button is clicked, and safe to open in a spreadsheet."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable

import pandas as pd
import streamlit as st

from lib.domain.files.formulas import inert
from lib.money import format_major


def table(
    frame: Callable[[], pd.DataFrame], *, file_name: str, key: str, label: str = "Export CSV"
) -> None:
    """A button that reads the rows, and writes them as CSV, when it is clicked; see `file`."""
    file(lambda: csv(frame()), file_name=file_name, key=key, label=label)


def file(made: Callable[[], bytes], *, file_name: str, key: str, label: str) -> None:
    """
    A button that makes a file when it is clicked.

    Streamlit calls `made` outside of any page run, where nobody is signed in and nothing can be
    drawn: it must hold what it needs.
    """
    st.download_button(
        label,
        made,
        file_name=file_name,
        key=key,
        icon=":material/download:",
        on_click="ignore",
        mime=mimetypes.guess_type(file_name)[0] or "application/octet-stream",
    )


_TIMES = (
    "created",
    "created_at",
    "expires_at",
    "completed_at",
    "saved_at",
    "updated_at",
    "revoked_at",
    "outcome_at",
    "requested_at",
    "session_expires_at",
    "last_charge_at",
    "at",
)


def csv(frame: pd.DataFrame) -> bytes:
    """
    UTF-8 with the mark that Excel wants, and no cell that a spreadsheet would run.

    Times are UTC as spreadsheets read them; amounts are in major units, beside their currency.
    """
    safe = frame.rename(columns=lambda name: inert(str(name)))
    for name in safe.columns.intersection([*_TIMES]):
        safe[name] = pd.to_datetime(safe[name], unit="s", errors="coerce").dt.strftime(
            "%Y-%m-%d %H:%M:%S"
        )
    if {"amount", "currency"} <= set(safe.columns):
        safe["amount"] = [
            format_major(int(amount), str(currency))
            for amount, currency in zip(safe["amount"], safe["currency"], strict=True)
        ]
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name].dtype):
            safe[name] = safe[name].map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
    written: str = safe.to_csv(index=False, lineterminator="\r\n")
    return written.encode("utf-8-sig")
