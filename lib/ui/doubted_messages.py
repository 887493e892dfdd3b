"""Messages of a click that may have gone before an older database was put back: a second click says so."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.services.messages.ask import RequestResult
from lib.ui import message_words, outcome
from lib.ui.formats import plural


def note(key: str, result: RequestResult) -> None:
    """Keep those that nobody knows of, of the button of this key, for `all_the_same`."""
    doubted = [link_id for link_id, code in result.failed if code == "perhaps_sent"]
    if doubted:
        st.session_state[f"{key}_in_doubt"] = doubted


def all_the_same(key: str, send: Callable[[list[str]], RequestResult]) -> None:
    """
    Beside that button: exactly those, once somebody means it.

    Args:
        send: with `in_doubt`, of these links; an empty id stands for messages without one.
    """
    doubted = st.session_state.get(f"{key}_in_doubt")
    if doubted and st.button(
        f"Send {plural(len(doubted), 'message')} all the same",
        key=f"{key}_all_the_same",
        icon=":material/help:",
        help="They may have been sent before an older database was put back: their customers may get them twice.",
    ):
        with outcome.show() as toast:
            toast.message = message_words.result(send(doubted))
            del st.session_state[f"{key}_in_doubt"]
