"""Measurements. They print tables and judge nothing."""

import logging

# Streamlit warns of every import outside a server of its own; errors are still shown.
logging.disable(logging.WARNING)
