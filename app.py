"""Serve the dashboard and Onfile's own routes as one ASGI application."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config as st_config
from streamlit import logger as st_logger

from lib import bootstrap, logs
from lib.errors import OnfileError
from lib.ui import script_errors, single_sign_on
from lib.web.headers import SafeHeaders
from lib.web.known_hosts import KnownHosts
from lib.web.metrics import Timings
from lib.web.public import closed_routes
from lib.web.request_ids import RequestIds
from lib.web.routes import staff_routes
from lib.web.server import outside_routes
from lib.web.size_limits import SizeLimits
from lib.web.slow_clients import close_slow_clients
from lib.web.staff_uploads import StaffUploads
from lib.web.tab_limits import TabLimits, allow_open_files
from lib.worker.lifespan import lifespan

ROOT = Path(__file__).resolve().parent
# Links are made with the port that is really served, however the server was started.
os.environ.setdefault("PORT", str(st.get_option("server.port")))

logs.configure()
logs.take_all_handlers()
# Streamlit gives each of its loggers a handler of its own when a module first asks for it.
st_logger.setup_formatter = logs.take_handlers
try:
    bootstrap.services()
except OnfileError as error:
    sys.exit(str(error))

close_slow_clients()
allow_open_files()
configured = bootstrap.settings()


@asynccontextmanager
async def started(served: object) -> AsyncIterator[None]:
    # Once uvicorn has set up its own.
    logs.take_all_handlers()
    async with lifespan(served):
        yield


outside = closed_routes if configured.public_apart else outside_routes
# Behind a proxy that asks under another Host Streamlit would not know these as its own pages.
st_config.set_option("server.corsAllowedOrigins", list(configured.own_urls))
st_config.set_option("browser.serverAddress", configured.staff_host)
app = st.App(
    # Absolute, and in a folder without a sibling `pages/`: beside one, Streamlit would run any
    # page that is asked for first, without the router (STYLE F1).
    ROOT / "lib" / "ui" / "router.py",
    routes=[
        *staff_routes(lambda: bootstrap.services()),
        *outside(lambda: bootstrap.services()),
    ],
    middleware=[
        Middleware(RequestIds),
        Middleware(Timings),
        Middleware(SafeHeaders, https=configured.own_urls),
        Middleware(KnownHosts, own=configured.own_urls),
        Middleware(SizeLimits),
        Middleware(StaffUploads, services=lambda: bootstrap.services()),
        Middleware(TabLimits, services=lambda: bootstrap.services()),
    ],
    lifespan=started,
    on_script_error=script_errors.report,
    secrets=single_sign_on.auth_secrets(configured),
)

# Pages are drawn by threads of this process, and webhooks must be answered meanwhile. Python lets
# go of a busy thread after this (5 ms otherwise), and what is loaded by now is never looked through
# for garbage again: that took 0.1 s each time, in which nobody was answered.
sys.setswitchinterval(0.0005)
gc.collect()
gc.freeze()
