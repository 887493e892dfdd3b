"""The script: declare the pages, sign the operator in, run the page that was asked for."""

import streamlit as st

from lib.ui import (
    auth,
    context,
    environment,
    frame,
    ledger_panel,
    navigation,
    outcome,
    sign_in_page,
)

st.set_page_config(
    page_title="Onfile", page_icon=environment.FAVICON, layout="wide", initial_sidebar_state="auto"
)
services = context.services()
actor = auth.current_actor(services.users)

# Before anything that can rerun: a rerun without declared pages sends the browser to "/".
page = navigation.declare(actor, waiting=navigation.waiting(services, actor) if actor else None)
environment.strip(services.settings.mode)

if actor is None:
    if auth.remembered(services.users, services.settings):
        st.rerun()
    if auth.is_leaving():
        st.caption("Signing out …")
        st.stop()
    sign_in_page.draw(services.users, services.settings)
    outcome.show_flash()
    st.stop()

frame.sidebar(actor, services)
auth.keep_cookie(services.users, services.settings)
ledger_panel.strip(services)
outcome.show_flash()
page.run()
