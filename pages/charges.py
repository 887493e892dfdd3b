"""See what was charged, and what became of each charge."""

import streamlit as st

from lib.domain.actors import Permission
from lib.reports.charge_filter import ChargeFilter
from lib.reports.sums import count_of, counts_of
from lib.ui import charge_lists, charge_panel, downloads, filters, layout, lists, page_table
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.charges
zone = ctx.services.settings.timezone
may_charge = ctx.actor.may(Permission.CHARGE)
ALWAYS = ("succeeded", "processing", "needs_customer", "declined", "unknown")
WHEN_ANY = ("attempting", "planned", "cancelled")


def new_charge(key: str) -> None:
    if may_charge and st.button("New charge", key=key, type="primary", icon=":material/add_card:"):
        st.switch_page(page_table.PAGES_DIR / "new_charge.py")


actions = layout.header(
    "Charges", "Everything that was charged, newest first, and what became of it."
)

customer = st.query_params.get("customer", "")[:100] or None
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("charges_period", ctx.now, zone)
    search = filters.search("charges_search", "Customer, reference or id", width=260)
    order = filters.order("charges_order")
since, before = period.moments(zone)
recovered = charge_lists.recovered("charges_recovered")
which = reports.with_hits(ChargeFilter(search, customer, since, before, recovered=recovered))
sums = reports.sums_at_once(which)
counts = dict.fromkeys(ALWAYS) if sums is None else counts_of(sums)
state = filters.states(
    "charges_state",
    {name: counts.get(name, 0) for name in (*ALWAYS, *WHEN_ANY)},
    rare=WHEN_ANY,
)
states = (state,) if state else ()
if customer:
    charge_lists.only_of(ctx, customer)

place = layout.paging("charges", state, period, search, customer, order, recovered)
page = reports.page(which, states=states, order=order, cursor=place.older_than or place.newer_than)
with actions:
    if not page.frame.empty:
        downloads.charges(
            lambda: reports.ids(which, states=states), name="Charges", key="charges_export"
        )
    new_charge("charges_new")
chosen = None
if not page.frame.empty:
    chosen = charge_lists.charges(ctx, page.frame)
    lists.foot(
        "charges",
        page,
        of=None if sums is None else count_of(sums, states),
        noun="charge",
        sums=sums or (),
        states=states,
        period=period,
        timezone=zone,
    )
elif not reports.is_empty():
    layout.empty(
        "filter_alt_off",
        "No charge matches",
        "Clear the search, or choose another state or period.",
    )
else:
    with layout.empty(
        "receipt_long", "No charges yet", "Each that is made stands here, with what became of it."
    ):
        new_charge("charges_new_first")

charge_panel.drawer(chosen, table_key=charge_lists.CHARGES)
