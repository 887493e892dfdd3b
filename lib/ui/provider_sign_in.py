"""Signing in at the provider of the single sign-on: arriving from there, and being sent there again."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.domain.actors import Actor
from lib.domain.single_sign_on import ProviderSignIn
from lib.errors import NotSignedIn, SecondFactorNeeded
from lib.settings import Settings
from lib.ui import auth, single_sign_on
from lib.ui.context import PageContext, Services
from lib.ui.formats import escape

_WAITING = "provider_waiting"
# Each sign-in is judged once in a tab, and again only with a code.
_JUDGED = "provider_judged"
_AGAIN_IN_VAIN = "provider_again_in_vain"


def arrived(services: Services) -> Actor | None:
    """Whoever comes back from the provider, once they need nothing more; draws nothing."""
    if services.single_sign_on.provider is None or auth.is_leaving():
        return None
    try:
        sign_in = services.single_sign_on.arrival(single_sign_on.claims())
    except NotSignedIn as refusal:
        st.session_state[auth.PROVIDER_REFUSED] = str(refusal)
        return None
    if sign_in is None or sign_in.digest == st.session_state.get(_JUDGED):
        return None
    return _judge(services, sign_in)


def _judge(services: Services, sign_in: ProviderSignIn, code: str = "") -> Actor | None:
    st.session_state[_JUDGED] = sign_in.digest
    for key in (auth.PROVIDER_REFUSED, _WAITING):
        st.session_state.pop(key, None)
    try:
        user = services.single_sign_on.sign_in(sign_in, address=st.context.ip_address, code=code)
    except SecondFactorNeeded:
        st.session_state[_WAITING] = sign_in
        return None
    except NotSignedIn as refusal:
        st.session_state[auth.PROVIDER_REFUSED] = str(refusal)
        if code and sign_in.is_fresh(int(services.clock().timestamp())):
            st.session_state[_WAITING] = sign_in
        return None
    return auth.remember(user, services.sessions, proved_at=sign_in.proved_at)


def draw(services: Services) -> None:
    """On the sign-in page: the button, why it was in vain, and the code where only that is missing."""
    provider = services.single_sign_on.provider
    if provider is None:
        return
    if refusal := st.session_state.get(auth.PROVIDER_REFUSED):
        st.error(escape(refusal), icon=":material/lock:")
    waiting: ProviderSignIn | None = st.session_state.get(_WAITING)
    if waiting is not None:
        _ask_for_code(services, waiting)
    st.button(
        f"Sign in with {escape(provider.name)}",
        key="sign_in_provider",
        type="primary",
        icon=":material/passkey:",
        width="stretch",
        on_click=partial(_go, services.settings),
    )
    st.caption("Or with a password, if your account is not linked to it.")


def _go(settings: Settings) -> None:
    if trouble := single_sign_on.go(settings):
        st.session_state[auth.PROVIDER_REFUSED] = trouble
    else:
        st.session_state.pop(auth.PROVIDER_REFUSED, None)


def _go_again(settings: Settings) -> None:
    st.session_state[_AGAIN_IN_VAIN] = single_sign_on.go(settings, again=True)


def _ask_for_code(services: Services, waiting: ProviderSignIn) -> None:
    with st.form("provider_code_form"):
        code = st.text_input(
            "Code from your app, or a recovery code",
            key="provider_code",
            autocomplete="one-time-code",
        )
        click = st.form_submit_button("Go on", key="provider_code_submit", type="primary")
    if click and code:
        _judge(services, waiting, code)
        st.rerun()


def again(ctx: PageContext, *, key: str) -> None:
    """Inside the form of an act: for whoever is linked, what stands in for a password."""
    provider = ctx.services.single_sign_on.provider
    if provider is None or ctx.actor.username not in ctx.services.single_sign_on.identities():
        return
    if ctx.services.sessions.is_proved(ctx.actor.session):
        st.caption(
            f"You signed in again with {escape(provider.name)} a moment ago: leave the password empty."
        )
        return
    if trouble := st.session_state.pop(_AGAIN_IN_VAIN, ""):
        st.error(escape(trouble), icon=":material/lock:")
    st.form_submit_button(
        f"Sign in again with {escape(provider.name)}",
        key=key,
        icon=":material/passkey:",
        help="Instead of a password. It leads back to Home; what is typed here is lost.",
        on_click=partial(_go_again, ctx.services.settings),
    )
