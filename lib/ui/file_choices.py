"""Choices for a file that can be read in several ways: letters, number style, what is hidden."""

from __future__ import annotations

import re

import streamlit as st

from lib.domain.files import encodings
from lib.domain.files.number_styles import DecimalSign, readings
from lib.domain.files.readings import Choices, Hidden, Reading
from lib.domain.files.run_files import ParsedFile
from lib.domain.files.sheets import Origin, Sheet
from lib.ui.formats import escape

# (--hidden include or --hidden leave-out)
_SWITCHES = re.compile(r" \(--[a-z]+[^()]*\)")
_HIDDEN = {
    Hidden.LEAVE_OUT.value: "Leave out what is hidden",
    Hidden.INCLUDE.value: "Include what is hidden",
}


def encoding(file_id: str) -> str | None:
    """As it was chosen for this file."""
    chosen: str | None = st.session_state.get(f"new_run_encoding_{file_id}")
    return chosen


def choose_encoding(file_id: str, chosen: str) -> None:
    options = ["utf-8", *encodings.CHOICES]
    st.selectbox(
        "Letters of the file",
        options,
        index=options.index(chosen) if chosen in options else None,
        key=f"new_run_encoding_{file_id}",
        format_func=encodings.label,
        placeholder="Choose the encoding in which the rows look right",
        width=420,
    )


def explain_encoding(origin: Origin) -> None:
    if not origin.encoding_is_certain:
        st.warning(
            f"{escape(origin.letters_doubt)} The rows below are shown as "
            f"{escape(encodings.label(origin.encoding or ''))}: choose the encoding in which they look right.",
            icon=":material/translate:",
        )


def made(digest: str) -> Choices:
    decimal = st.session_state.get(_key("decimal", digest))
    hidden = st.session_state.get(_key("hidden", digest))
    return Choices(DecimalSign(decimal) if decimal else None, Hidden(hidden) if hidden else None)


def ask(digest: str, parsed: ParsedFile) -> None:
    """The choices that this file needs, also after they were made."""
    ask_hidden(digest, parsed.hidden_question, parsed.reading)
    style = parsed.style
    if style.sign is None or style.chosen is not None:
        if style.sign is None:
            st.warning(escape(style.question()), icon=":material/pin:")
        proposal = style.seen.proposal or DecimalSign.COMMA
        st.segmented_control(
            "Number style of the file",
            [proposal.value, proposal.other.value],
            format_func=lambda sign: _meaning(
                DecimalSign(sign), style.seen.doubtful or style.seen.example
            ),
            key=_key("decimal", digest),
        )


def without_switches(text: str) -> str:
    """What a file needs, without the command line's words for what the page has buttons for."""
    return _SWITCHES.sub("", text)


def notes(sheet: Sheet) -> None:
    """What is worth to know of how a file was read; of its letters the page asks above."""
    for note in sheet.notes:
        if note.code != "encoding_proposed":
            st.info(escape(note.message), icon=":material/info:")


def ask_hidden(digest: str, question: str, reading: Reading) -> None:
    """What becomes of what nobody sees, also after it was said; only what can be done is offered."""
    if not reading.hidden_choices:
        return
    if question:
        st.warning(escape(without_switches(question)), icon=":material/visibility_off:")
    key = _key("hidden", digest)
    # Chosen for other columns, or before the file was another one.
    if st.session_state.get(key) not in reading.hidden_choices:
        st.session_state.pop(key, None)
    st.segmented_control(
        "Rows and columns that nobody sees",
        [choice.value for choice in reading.hidden_choices],
        format_func=_HIDDEN.__getitem__,
        key=key,
    )


def _meaning(sign: DecimalSign, example: str) -> str:
    number = readings(example).get(sign)
    word = f"Decimal {sign.value}"
    return word if number is None else f"{word}: {example} is {number:,f}"


def _key(what: str, digest: str) -> str:
    return f"new_run_{what}_{digest[:12]}"
