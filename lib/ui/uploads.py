"""A file that was uploaded or pasted: read once, its letters and its columns agreed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import streamlit as st

from lib.domain.files.columns import FileColumn, Guess
from lib.domain.files.sheets import Sheet
from lib.errors import InvalidInput
from lib.ui import file_choices
from lib.ui.formats import distinct, escape

_NOT_THERE = "–"


class Upload(Protocol):
    @property
    def sheet(self) -> Sheet: ...


Read = TypeVar("Read", bound=Upload)
OpenedAs = TypeVar("OpenedAs", bound=Upload, covariant=True)


class Opener(Protocol[OpenedAs]):
    def __call__(self, data: bytes, file_name: str, *, encoding: str | None) -> OpenedAs: ...


class UploadedFile(Protocol):
    """What of Streamlit's is needed here."""

    file_id: str
    name: str

    def getvalue(self) -> bytes: ...


def read_file(key: str, file: UploadedFile, opened: Opener[Read]) -> Read | None:
    """As `read_once`, in the letters that a person chose for this file, and with that choice."""
    encoding = file_choices.encoding(file.file_id)
    return read_once(
        key,
        f"{file.file_id} {encoding}",
        lambda: opened(file.getvalue(), file.name, encoding=encoding),
        choose_anew=lambda: file_choices.choose_encoding(file.file_id, encoding or ""),
    )


def read_once(
    key: str,
    identity: str,
    opened: Callable[[], Read],
    *,
    choose_anew: Callable[[], None] | None = None,
) -> Read | None:
    """
    What `opened` returns, and not again with every choice on the page: a large file takes a second.

    Args:
        key: where it is kept.
        identity: of the file and of what was said of its letters.
        choose_anew: draws the choice of letters, of a file of text.
    """
    kept: tuple[str, Read] | None = st.session_state.get(key)
    if kept is None or kept[0] != identity:
        try:
            kept = (identity, opened())
        except InvalidInput as problem:
            st.error(escape(str(problem)), icon=":material/error:")
            if choose_anew is not None and problem.field == "encoding":
                choose_anew()
            return None
        st.session_state[key] = kept
    upload = kept[1]
    origin = upload.sheet.origin
    if choose_anew is not None and (origin.letters_doubt or origin.encoding_is_chosen):
        file_choices.explain_encoding(origin)
        choose_anew()
    return upload


def columns(
    table: Sequence[FileColumn], sheet: Sheet, guess: Guess, *, digest: str
) -> dict[str, int]:
    """What was guessed, open where a person has to look."""
    for doubt in guess.doubts:
        st.warning(escape(doubt), icon=":material/help:")
    names = distinct(
        {at: name or f"Column {at + 1}" for at, name in enumerate(sheet.header)},
        lambda at: f"column {at + 1}",
    )
    chosen: dict[str, int] = {}
    with st.expander(
        "Columns", icon=":material/view_column:", expanded=bool(guess.missing or guess.doubts)
    ):
        places = st.columns(4)
        for at, column in enumerate(table):
            place = places[at % 4].selectbox(
                column.label,
                list(names),
                index=guess.get(column.name),
                placeholder=_NOT_THERE,
                format_func=names.__getitem__,
                key=f"new_run_column_{column.name}_{digest[:12]}",
            )
            if place is not None:
                chosen[column.name] = place
    return chosen
