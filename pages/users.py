"""Decide who may sign in, and with which roles."""

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.store.users import User
from lib.ui import auth, layout, outcome, tables, user_forms
from lib.ui.context import require
from lib.ui.formats import escape, when

ctx = require(Permission.MANAGE_USERS)
users = ctx.services.users


def state_of(user: User) -> str:
    if not user.is_active:
        return "disabled"
    locked = user.locked_until is not None and user.locked_until > ctx.now.timestamp()
    return "locked" if locked else "active"


with layout.header("Users", "Who may sign in, and what their roles let them do."):
    user_forms.add_button()
user_forms.add_dialog()

accounts = users.list()
chosen = tables.table(
    pd.DataFrame(
        {
            "id": [user.username for user in accounts],
            "person": [user.name for user in accounts],
            "address": [user.email for user in accounts],
            "role": [", ".join(sorted(user.roles)) for user in accounts],
            "state": [state_of(user) for user in accounts],
            "seen": pd.array([user.last_sign_in_at for user in accounts], dtype="Int64"),
        }
    ),
    {
        "person": tables.text("Name"),
        "id": tables.text("User name"),
        "address": tables.text("E-mail"),
        "role": tables.text("Roles"),
        "state": tables.state(),
        "seen": tables.ago("Last sign-in"),
    },
    key="users_rows",
    alt="People who have an account",
    timezone=ctx.timezone,
)
user = users.find(chosen) if chosen else None
if user is None:
    st.caption("Choose a row to change roles, set a password, or disable the account.")
    st.stop()

with st.container(border=True):
    head, switch = st.columns([4, 1], vertical_alignment="center")
    titles = head.container(gap=None)
    titles.subheader(escape(user.name), anchor=False)
    titles.caption(f"Last sign-in {when(user.last_sign_in_at, ctx.now, ctx.timezone)}")
    label = "Disable" if user.is_active else "Enable"
    if switch.button(f"{label} account", key="users_switch", width="stretch"):
        with outcome.show(f"{user.name}: account {label.lower()}d."):
            (users.disable if user.is_active else users.enable)(user.username, by=ctx.actor)
    left, right = st.columns(2)
    with left.form(f"users_roles_{user.username}", border=False):
        roles = user_forms.roles_input(f"users_roles_{user.username}_chosen", sorted(user.roles))
        if st.form_submit_button("Save roles", key="users_roles_submit"):
            with outcome.show(f"Roles of {user.name} saved."):
                users.set_roles(user.username, roles, by=ctx.actor)
    with right.form(f"users_password_{user.username}", clear_on_submit=True, border=False):
        password = user_forms.password_input("New password", f"users_password_{user.username}_new")
        if st.form_submit_button("Set password", key="users_password_submit"):
            with outcome.show(f"New password for {user.name}. Their open sessions have ended."):
                changed = users.set_password(user.username, password, by=ctx.actor)
                if user.username == ctx.actor.username:
                    auth.remember(changed)
