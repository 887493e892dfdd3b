"""A button that sends messages; where some may have gone before an older database was put back, a second one says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

import streamlit as st

from lib.ui import outcome
from lib.ui.formats import plural


class Result(Protocol):
    @property
    def failed(self) -> Sequence[tuple[str, str]]:
        """Who got none, and the code of why not."""


R = TypeVar("R", bound=Result)


def draw(
    label: str,
    *,
    key: str,
    send: Callable[[Sequence[str] | None], R],
    in_words: Callable[[R], str],
    about: str = "",
    kind: Literal["primary", "secondary"] = "secondary",
    icon: str = ":material/send:",
    hint: str | None = None,
    disabled: bool = False,
) -> None:
    """
    Args:
        send: all of them; or, given who may have had one before, exactly those, as a person means it.
        about: what the answer is of, where one key serves several.
    """
    in_doubt = f"{key}_in_doubt_{about}"

    def click(only: Sequence[str] | None) -> None:
        with outcome.show() as toast:
            result = send(only)
            st.session_state[in_doubt] = [
                one for one, code in result.failed if code == "perhaps_sent"
            ]
            toast.message = in_words(result)

    if st.button(label, key=key, type=kind, icon=icon, help=hint, disabled=disabled):
        click(None)
    doubted = st.session_state.get(in_doubt)
    if not doubted:
        return
    with st.container(gap="xsmall", width=440):
        st.caption(
            f"{plural(len(doubted), 'message')} may have been sent before an older database was put back. "
            "Sent again, the customer may get the same message twice."
        )
        if st.button(
            f"Send {plural(len(doubted), 'message')} all the same",
            key=f"{key}_all_the_same",
            icon=":material/help:",
        ):
            click(doubted)
