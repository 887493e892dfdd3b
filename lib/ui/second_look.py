"""The form with which a second person decides on what another one asked for."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.domain.actors import Permission
from lib.ui.context import PageContext


@dataclass(frozen=True, slots=True)
class Decision:
    approves: bool
    password: str
    note: str


def may_decide(ctx: PageContext, *, makers: set[str | None]) -> bool:
    """Whether this person may; says so when it is only that they asked for it themself."""
    if not ctx.actor.may(Permission.APPROVE):
        return False
    if ctx.actor.username in makers:
        st.caption("You prepared it, so somebody else decides.")
        return False
    return True


def take_back(ctx: PageContext, *, maker: str, key: str) -> bool:
    """The maker's own button while nobody has decided; True when it was pressed."""
    if not ctx.actor.may(Permission.CHARGE) or ctx.actor.username != maker:
        return False
    return st.button("Take back", key=f"{key}_withdraw", icon=":material/undo:")


def form(
    key: str, *, yes: str = "Approve", no: str = "Reject", reason: str = ""
) -> Decision | None:
    """None until a button is pressed; the password is asked because the seat may have changed hands."""
    with st.form(f"{key}_decide_form", border=False):
        password = st.text_input(
            "Your password", type="password", key=f"{key}_password", autocomplete="current-password"
        )
        note = st.text_input(
            reason or "Reason (to reject)", key=f"{key}_reason", autocomplete="off"
        )
        with st.container(horizontal=True):
            approves = st.form_submit_button(
                yes, key=f"{key}_approve", type="primary", icon=":material/thumb_up:"
            )
            rejects = st.form_submit_button(no, key=f"{key}_reject", icon=":material/thumb_down:")
    return Decision(approves, password, note) if approves or rejects else None
