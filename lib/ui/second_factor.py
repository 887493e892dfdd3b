"""A person's second factor on “Your account”: turned on with a code of their app, or off."""

from __future__ import annotations

import segno
import streamlit as st

from lib.services.staff.second_factors import Enrolment
from lib.ui import auth, outcome
from lib.ui.context import PageContext

_ENROLMENT, _CODES = "second_factor_enrolment", "second_factor_codes"


def panel(ctx: PageContext) -> None:
    standing = ctx.services.second_factors.standing(ctx.actor)
    st.subheader("Second factor", anchor=False)
    _show_codes()
    if standing.is_missing:
        st.warning(
            "With a live key approvers and admins sign in with a second factor. Turn it on to go on.",
            icon=":material/phonelink_lock:",
        )
    if standing.is_on:
        st.write(
            f"On. {standing.recovery_codes_left} recovery codes are left. To move to another phone, or for "
            "new recovery codes, set it up again."
        )
    else:
        st.write(
            "Off. With it nobody signs in as you who only knows your password: Onfile also asks for a "
            "code from an app on your phone (Google Authenticator, 1Password and the like)."
        )
    enrolment = st.session_state.get(_ENROLMENT)
    if enrolment is None:
        label = "Set it up again" if standing.is_on else "Turn on"
        if st.button(label, key="second_factor_begin"):
            st.session_state[_ENROLMENT] = ctx.services.second_factors.begin(by=ctx.actor)
            st.rerun()
        if standing.is_on and not standing.is_required:
            _turn_off(ctx)
    else:
        _enrol(ctx, enrolment, replaces=standing.is_on)


def _enrol(ctx: PageContext, enrolment: Enrolment, *, replaces: bool) -> None:
    with st.container(border=True):
        picture, form = st.columns([1, 2])
        with picture:
            # Dark on light with a margin in both themes: cameras read it no other way.
            st.image(
                segno.make(enrolment.address, micro=False).svg_inline(
                    scale=5, border=4, dark="#000", light="#fff"
                )
            )
        with form, st.form(outcome.fresh("second_factor"), border=False):
            st.write("Scan this with your app, or type the key into it:")
            st.code(enrolment.secret, language=None)
            code = st.text_input(
                "Code that the app shows now",
                key=outcome.fresh("second_factor_code"),
                autocomplete="one-time-code",
                placeholder="123456",
            )
            password = st.text_input(
                "Your password",
                key=outcome.fresh("second_factor_password"),
                type="password",
                autocomplete="current-password",
            )
            replaced = ""
            if replaces:
                replaced = st.text_input(
                    "Code of the app you have had, or a recovery code",
                    key=outcome.fresh("second_factor_replaced"),
                    autocomplete="off",
                )
            click = st.form_submit_button("Turn on", key="second_factor_submit", type="primary")
        if click:
            with outcome.show(
                "Second factor on. You are signed out everywhere else.", clears="second_factor"
            ):
                st.session_state[_CODES] = ctx.services.second_factors.turn_on(
                    enrolment, code, password, by=ctx.actor, replaced=replaced
                )
                del st.session_state[_ENROLMENT]
                user = ctx.services.users.find(ctx.actor.username)
                if user is not None:
                    auth.remember(user, ctx.services.sessions)
        if st.button("Cancel", key="second_factor_cancel"):
            del st.session_state[_ENROLMENT]
            st.rerun()


def _show_codes() -> None:
    codes = st.session_state.get(_CODES)
    if codes is None:
        return
    with st.container(border=True):
        st.write(
            "**Keep these recovery codes**, on paper or in a password manager. Each stands in for your phone "
            "once. They are not shown again."
        )
        st.code("\n".join(codes), language=None)
        if st.button("I have kept them", key="second_factor_kept", type="primary"):
            del st.session_state[_CODES]
            st.rerun()


def _turn_off(ctx: PageContext) -> None:
    with st.form(outcome.fresh("second_factor_off"), border=False):
        code = st.text_input(
            "Code from your app, or a recovery code",
            key=outcome.fresh("second_factor_off_code"),
            autocomplete="one-time-code",
        )
        click = st.form_submit_button("Turn off", key="second_factor_off_submit")
    if click:
        with outcome.show("Second factor off.", clears="second_factor_off"):
            ctx.services.second_factors.turn_off(code, by=ctx.actor)
