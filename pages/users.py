"""Decide who may sign in, and with which roles."""

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.store.users import User
from lib.ui import admin_changes, layout, link_identity, outcome, tables, user_forms
from lib.ui.context import require
from lib.ui.formats import escape, when

ctx = require(Permission.MANAGE_USERS)
users = ctx.services.users


def state_of(user: User) -> str:
    return "active" if user.is_active else "disabled"


with layout.header("Users", "Who may sign in, and what their roles let them do."):
    user_forms.add_button()
user_forms.add_dialog()
admin_changes.show_invitation()

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
        "role": tables.text("Roles"),
        "state": tables.state(),
        "address": tables.text("E-mail"),
        "seen": tables.date("Last sign-in", ctx.now),
    },
    key="users_rows",
    alt="People who have an account",
    timezone=ctx.timezone,
)
user = users.find(chosen) if chosen else None
if user is None:
    st.caption(
        "Choose a row to change roles, invite somebody to a new password, or disable the account."
    )
    st.stop()

with st.container(border=True):
    head, switch = st.columns([4, 1], vertical_alignment="center")
    titles = head.container(gap=None)
    titles.subheader(escape(user.name), anchor=False)
    titles.caption(f"Last sign-in {when(user.last_sign_in_at, ctx.now, ctx.timezone)}")
    label = "Disable" if user.is_active else "Enable"
    if switch.button(f"{label} account", key="users_switch", width="stretch"):
        with outcome.show(f"{user.name}: account {label.lower()}d.") as toast:
            switch_to = users.disable if user.is_active else users.enable
            admin_changes.tell(toast, switch_to(user.username, by=ctx.actor))
    left, right = st.columns(2)
    with left.form(f"users_roles_{user.username}", border=False):
        roles = user_forms.roles_input(f"users_roles_{user.username}_chosen", sorted(user.roles))
        if st.form_submit_button("Save roles", key="users_roles_submit"):
            with outcome.show(f"Roles of {user.name} saved.") as toast:
                admin_changes.tell(toast, users.set_roles(user.username, roles, by=ctx.actor))
    with right:
        st.write("Password")
        st.caption("Somebody who forgot theirs, or never had one, chooses it with an invitation.")
        if st.button("Make an invitation", key="users_invite", disabled=not user.is_active):
            with outcome.show() as toast:
                made = ctx.services.invitations.invite(user.username, by=ctx.actor)
                if not admin_changes.tell(toast, made):
                    admin_changes.keep_invitation(user.name, str(made))
        factors = ctx.services.second_factors
        if user.username in factors.everybody() and st.button(
            "Reset second factor", key="users_reset_factor", help="For somebody who lost theirs."
        ):
            with outcome.show(f"{user.name} signs in without a second factor now.") as toast:
                admin_changes.tell(toast, factors.reset(user.username, by=ctx.actor))
        link_identity.panel(ctx, user)
