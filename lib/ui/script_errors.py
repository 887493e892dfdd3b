"""The message for a page that fails in a way nobody foresaw: an id to quote, never a trace."""

from __future__ import annotations

import logging
import secrets
import sqlite3

import streamlit as st

from lib.store.trouble import in_words
from lib.ui.formats import escape

_logger = logging.getLogger(__name__)


def report(error: Exception) -> bool:
    """Log under a short random id and show that id; True tells Streamlit not to show its own panel."""
    number = secrets.token_hex(4)
    # Streamlit has logged the trace itself, just above this line.
    _logger.error("script error %s: %s", number, type(error).__name__)
    if isinstance(error, sqlite3.Error):
        # Not before Streamlit runs: the cookie's component would be registered with no server.
        from lib.ui import context

        words = in_words(error, context.services().settings.data_dir)
        st.error(f"{escape(words)}  \n:small[:gray[Number: `{number}`]]", icon=":material/error:")
        return True
    st.error(
        "Something went wrong in Onfile, and this page stopped. Nothing more was done than what "
        "you can see after a reload. Reload the page; if it happens again, give the number to "
        f"whoever runs Onfile.  \n:small[:gray[Number: `{number}`]]",
        icon=":material/error:",
    )
    return True
