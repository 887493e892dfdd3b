"""A person's own account: the time zone of what they see, and their password."""

from __future__ import annotations

from zoneinfo import available_timezones

import streamlit as st

from lib.errors import InvalidInput
from lib.services.staff.passwords import RULE
from lib.ui import auth, outcome
from lib.ui.context import PageContext

_HOUSE = ""


def timezone_form(ctx: PageContext) -> None:
    house = ctx.services.settings.timezone
    own = ctx.services.preferences.timezone(ctx.actor) or _HOUSE
    zones = [_HOUSE, *sorted(available_timezones())]
    with st.form("account_timezone_form"):
        zone = st.selectbox(
            "Time zone",
            zones,
            index=zones.index(own) if own in zones else 0,
            key="account_timezone",
            format_func=lambda name: name or f"The installation's ({house})",
            help="Pages show you times in it. Days, limits, files and what is said of a charge stay in "
            f"the installation's, {house}.",
        )
        click = st.form_submit_button("Save time zone", key="account_timezone_save")
    if click:
        with outcome.show(f"You see times in {zone or house} now."):
            ctx.services.preferences.set_timezone(zone or None, by=ctx.actor)


def password_form(ctx: PageContext) -> None:
    """This session goes on; all others of the person end."""
    actor, users = ctx.actor, ctx.services.users
    with st.form(outcome.fresh("account_password")):
        current = st.text_input(
            "Current password",
            key=outcome.fresh("account_password_current"),
            type="password",
            autocomplete="current-password",
        )
        new = st.text_input(
            "New password",
            key=outcome.fresh("account_password_new"),
            type="password",
            autocomplete="new-password",
            help=RULE,
        )
        again = st.text_input(
            "New password again",
            key=outcome.fresh("account_password_again"),
            type="password",
            autocomplete="new-password",
        )
        click = st.form_submit_button("Change password", key="account_submit", type="primary")
    if click:
        with outcome.show(
            "Password changed. You are signed out everywhere else.", clears="account_password"
        ):
            if new != again:
                raise InvalidInput("The two new passwords differ.", field="password")
            ctx.actor_again(current)
            auth.remember(users.set_password(actor.username, new, by=actor), ctx.services.sessions)
