"""Charge a saved method once: fill in, review, confirm."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import charge_outcome, focus, layout, navigation, new_charge
from lib.ui.charge_panel import PARAM
from lib.ui.context import require

ctx = require(Permission.CHARGE)

layout.header(
    "New charge", "Charge a saved method once. Nothing is sent before you have reviewed it."
)
if navigation.has_arrived():
    new_charge.enter()
new_charge.take_address()
seen = None if st.query_params.get(PARAM) else new_charge.reviewed(ctx)
focus.on(*new_charge.step(seen))
with st.container(width=640, key=new_charge.STEP):
    if charged := st.query_params.get(PARAM):
        charge_outcome.show(ctx, charged)
    elif seen is not None:
        new_charge.review_panel(ctx, seen)
    else:
        new_charge.form(ctx)
