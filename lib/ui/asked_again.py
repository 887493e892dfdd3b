"""
Asks for the password or a code again, before money: the seat may have changed hands since the sign-in.

The services refuse without it (`Actor.must_be_asked`); what was typed goes to `ctx.actor_again` or to the act itself.
"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from lib.ui import provider_sign_in
from lib.ui.context import PageContext


def field(ctx: PageContext, key: str) -> str:
    """In the form of the act."""
    has_factor = ctx.services.second_factors.standing(ctx.actor).is_on
    if not has_factor:
        provider_sign_in.again(ctx, key=f"{key}_again")
    return st.text_input(
        "Your password, or a code of your app" if has_factor else "Your password",
        type="password",
        key=key,
        autocomplete="current-password",
    )


def button(
    ctx: PageContext,
    label: str,
    *,
    key: str,
    icon: str,
    kind: Literal["primary", "secondary"] = "secondary",
    disabled: bool = False,
    text: str = "",
) -> str | None:
    """
    For an act without a form of its own: a button that opens one. What was typed, once it was sent.

    Args:
        text: Markdown above the field: what happens then.
    """
    with (
        st.popover(label, icon=icon, type=kind, disabled=disabled),
        st.form(f"{key}_form", border=False),
    ):
        if text:
            st.markdown(text)
        typed = field(ctx, f"{key}_password")
        click = st.form_submit_button(label, key=key, icon=icon, type="primary", disabled=disabled)
    return typed if click else None
