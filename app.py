"""Serve the dashboard and Onfile's own routes as one ASGI application."""

import gc
import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from lib import bootstrap
from lib.errors import SettingsError
from lib.practice import hosted
from lib.settings import Mode
from lib.ui import script_errors
from lib.web.headers import SafeHeaders
from lib.web.routes import routes
from lib.worker.lifespan import lifespan

ROOT = Path(__file__).resolve().parent
# Links are made with the port that is really served, however the server was started.
os.environ.setdefault("PORT", str(st.get_option("server.port")))

try:
    bootstrap.services()
except SettingsError as error:
    sys.exit(str(error))

# In practice mode the customer's payment page is ours, too.
practice_routes = (
    hosted.routes(lambda: bootstrap.practice())
    if bootstrap.settings().mode is Mode.PRACTICE
    else []
)
app = st.App(
    # Absolute, and in a folder without a sibling `pages/`: beside one, Streamlit would run any
    # page that is asked for first, without the router (STYLE F1).
    ROOT / "lib" / "ui" / "router.py",
    routes=[*routes(lambda: bootstrap.services()), *practice_routes],
    middleware=[Middleware(SafeHeaders)],
    lifespan=lifespan,
    on_script_error=script_errors.report,
)

# Pages are drawn by threads of this process, and webhooks must be answered meanwhile. Python lets
# go of a busy thread after this (5 ms otherwise), and what is loaded by now is never looked through
# for garbage again: that took 0.1 s each time, in which nobody was answered.
sys.setswitchinterval(0.0005)
gc.collect()
gc.freeze()
