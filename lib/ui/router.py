"""The script: declare the pages, sign the operator in, run the page that was asked for."""

import streamlit as st

from lib.metrics import PAGE_SECONDS
from lib.ui import (
    account_notice,
    auth,
    context,
    device,
    environment,
    frame,
    invitation_page,
    ledger_panel,
    navigation,
    outcome,
    provider_sign_in,
    session_watch,
    sign_in_page,
)

st.set_page_config(
    page_title="Onfile", page_icon=environment.FAVICON, layout="wide", initial_sidebar_state=240
)
services = context.services()
auth.begin_run()
actor = (
    auth.current_actor(services.sessions, is_act=True)
    or provider_sign_in.arrived(services)
    or auth.remembered(services.sessions, services.settings, now=services.clock())
)
device.name_tab(services.open_tabs, actor.username if actor else None)

# Before anything that can rerun: a rerun without declared pages sends the browser to "/".
page = navigation.declare(actor, waiting=navigation.waiting(services, actor) if actor else None)
environment.strip(services.settings.mode)

if actor is None:
    auth.drop_cookie(services.sessions, services.settings)
    if auth.is_leaving():
        st.caption("Signing out …")
        st.stop()
    if token := st.query_params.get(invitation_page.PARAMETER):
        invitation_page.draw(services, token)
    else:
        sign_in_page.draw(services)
    outcome.show_flash()
    st.stop()

frame.sidebar(actor, services)
auth.keep_cookie(services.sessions, services.settings)
session_watch.watch()
ledger_panel.strip(services)
account_notice.strip(actor, services, context.timezone_of(actor, services))
outcome.show_flash()
try:
    with PAGE_SECONDS.labels(page.url_path or "home").time():
        page.run()
finally:
    auth.end_run()
