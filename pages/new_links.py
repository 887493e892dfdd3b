"""Make links for many customers: from a file or a clipboard, each row judged before a link is made."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import batch_page, layout, link_customers, new_links
from lib.ui.context import require

ctx = require(Permission.MANAGE_LINKS)
if batch := st.query_params.get(batch_page.PARAM):
    batch_page.draw(ctx, batch)
    st.stop()
layout.header(
    "Links for many",
    "Ask a whole list of customers for a card. Nothing is sent here, and nobody is asked twice for the same.",
)
source = st.segmented_control(
    "Where the rows come from",
    list(new_links.SOURCES),
    format_func=new_links.SOURCES.__getitem__,
    default="file",
    key="new_links_source",
    label_visibility="collapsed",
    required=True,
)
if source == "customers":
    link_customers.choose(ctx, new_links.open_batch)
    st.stop()
upload = new_links.upload(ctx) if source == "file" else new_links.pasted(ctx)
if upload is not None:
    new_links.check(ctx, upload)
else:
    new_links.earlier(ctx)
