"""Export and erase what is kept of one person, and say for how long things are kept."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import layout, protection_panel
from lib.ui.context import require

ctx = require(Permission.PROTECT_DATA)

layout.header(
    "Data protection",
    "All that is kept of one person, forgetting them, and for how long things are kept.",
)
customer = st.text_input(
    "Customer",
    key=protection_panel.PARAM,
    bind="query-params",
    placeholder="cus_…",
    help="The id at Stripe, as it stands at the foot of the customer's page.",
)
if customer:
    protection_panel.person(ctx, ctx.services.customers.id_pasted(customer.strip()))
st.subheader("Kept for how long", anchor=False)
protection_panel.rules(ctx)
