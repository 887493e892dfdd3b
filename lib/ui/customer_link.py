"""The way from any detail to the customer's page."""

from __future__ import annotations

import streamlit as st

from lib.ui import navigation
from lib.ui.formats import escape


def draw(customer_id: str | None, label: str = "Open customer") -> None:
    """Nothing where nobody is known."""
    spec = navigation.find("customers")
    if customer_id and spec is not None:
        st.page_link(
            navigation.page(spec),
            label=escape(label),
            icon=":material/person:",
            query_params={"customer": customer_id},
        )
