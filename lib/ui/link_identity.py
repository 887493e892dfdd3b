"""On the page Users: who somebody is at the provider of the single sign-on."""

from __future__ import annotations

import streamlit as st

from lib.store.users import User
from lib.ui import admin_changes, outcome
from lib.ui.context import PageContext
from lib.ui.formats import escape


def panel(ctx: PageContext, user: User) -> None:
    """Nothing where there is no provider."""
    service = ctx.services.single_sign_on
    if service.provider is None:
        return
    st.write("Single sign-on")
    identity = service.identities().get(user.username)
    if identity is not None:
        st.caption(
            f"Signs in with {escape(service.provider.name)} as {escape(identity.subject)}, and with no password."
        )
        if st.button("Unlink", key="users_unlink", help="They need a password again."):
            with outcome.show(f"{user.name} is not linked any more.") as toast:
                admin_changes.tell(toast, service.unlink(user.username, by=ctx.actor))
        return
    if service.is_expected(user.username):
        st.caption("Their first sign-in with the same verified address links them.")
    with st.form(f"users_link_{user.username}", border=False):
        subject = st.text_input(
            "Subject",
            key=f"users_subject_{user.username}",
            help="What the provider calls them (“sub”). Somebody who signs in unlinked is shown theirs.",
        )
        if st.form_submit_button("Link", key="users_link"):
            with outcome.show(f"{user.name} signs in with {service.provider.name} now.") as toast:
                admin_changes.tell(toast, service.link(user.username, subject, by=ctx.actor))
    if st.button(
        "Link by e-mail at their first sign-in",
        key="users_expect",
        help=f"For three days, if the provider has verified {user.email}.",
    ):
        with outcome.show(f"Expected for three days: {user.email}.") as toast:
            admin_changes.tell(toast, service.expect(user.username, by=ctx.actor))
