"""Inputs for staff accounts, and the dialog that adds one."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from lib.domain.actors import Permission, Role
from lib.ui import admin_changes, outcome
from lib.ui.context import require

_OPEN = "users_adding"


def add_button() -> None:
    st.button(
        "Add user",
        key="users_open_add",
        type="primary",
        icon=":material/person_add:",
        on_click=_show,
        kwargs={"shown": True},
    )


def add_dialog() -> None:
    """Draw the dialog while it is open."""
    if st.session_state.get(_OPEN):
        _dialog()


def roles_input(key: str, chosen: Iterable[Role]) -> list[str]:
    return st.pills(
        "Roles",
        [role.value for role in Role],
        selection_mode="multi",
        key=key,
        default=[role.value for role in chosen],
    )


def _show(*, shown: bool) -> None:
    st.session_state[_OPEN] = shown


def _hide() -> None:
    _show(shown=False)


@st.dialog("Add a user", on_dismiss=_hide)
def _dialog() -> None:
    # A dialog reruns alone: the page's own check is as old as the page.
    ctx = require(Permission.MANAGE_USERS)
    with st.form("users_add"):
        username = st.text_input("User name", key="users_add_username", placeholder="maria.k")
        shown = st.text_input("Name", key="users_add_shown_name", placeholder="Maria Kowalska")
        address = st.text_input("E-mail", key="users_add_address", placeholder="maria@example.com")
        roles = roles_input("users_add_roles", [Role.OPERATOR])
        st.caption("They choose their password themself, with an invitation that you send them.")
        click = st.form_submit_button("Add user", key="users_add_submit", type="primary")
    if click:
        with outcome.show() as toast:
            added = ctx.services.users.add(
                username,
                name=shown,
                email=address,
                roles=roles,
                password=None,
                by=ctx.actor,
            )
            if {role.value for role in added.roles} != set(roles):
                toast.message = f"{added.name} begins as a viewer. {admin_changes.WAITS}"
            invitation = ctx.services.invitations.invite(added.username, by=ctx.actor)
            admin_changes.keep_invitation(added.name, str(invitation))
            _hide()
