"""See what was charged, and what became of each charge."""

import streamlit as st

from lib.domain.actors import Permission
from lib.ui import charge_panel, charge_words, downloads, filters, layout, navigation, tables
from lib.ui.context import require
from lib.ui.formats import escape, plural

ctx = require()
reports = ctx.services.reports.charges
may_charge = ctx.actor.may(Permission.CHARGE)
ALWAYS = ("succeeded", "processing", "needs_customer", "declined", "unknown")
WHEN_ANY = ("attempting", "planned", "cancelled")
TABLE = "charges_rows"


def new_charge(key: str) -> None:
    if may_charge and st.button("New charge", key=key, type="primary", icon=":material/add_card:"):
        st.switch_page(navigation.PAGES_DIR / "new_charge.py")


actions = layout.header(
    "Charges", "Everything that was charged, newest first, and what became of it."
)

customer = st.query_params.get("customer")
with st.container(horizontal=True, vertical_alignment="center"):
    since = filters.period("charges_period", ctx.now)
    search = filters.search("charges_search", "Customer, reference or id")
counts = reports.counts(since=since)
state = filters.states(
    "charges_state",
    {name: counts[name] for name in (*ALWAYS, *WHEN_ANY) if counts[name] or name in ALWAYS},
)
states = (state,) if state else ()
if customer:
    known = ctx.services.reports.customers.find(customer[:100])
    with st.container(horizontal=True, vertical_alignment="center"):
        who = escape((known["name"] or known["email"]) if known else customer[:40])
        st.markdown(f"Only charges of **{who}**", width="content")
        if st.button("Show all", key="charges_everyone", type="tertiary"):
            del st.query_params["customer"]
            st.rerun()

place = layout.paging("charges", state, since, search, customer)
page = reports.page(
    states=states,
    search=search,
    customer=customer,
    since=since,
    cursor=place.older_than or place.newer_than,
)
with actions:
    downloads.table(
        lambda: reports.export(states=states, search=search, since=since),
        file_name="charges.csv",
        key="charges_export",
    )
    new_charge("charges_new")
chosen = None
if not page.frame.empty:
    chosen = tables.table(
        page.frame.assign(
            why=[charge_words.reason(code) for code in page.frame["reason"]],
            at=page.frame["created_at"],
        ),
        {
            "name": tables.text("Customer", width=170),
            "reference": tables.text("Reference", width=105),
            "amount": tables.amount(width=100),
            "states": tables.state(width=140),
            "created_at": tables.ago("Created"),
            "method": tables.text("Saved method", width=182),
            "why": tables.text("Reason", width=220),
            "at": tables.time("Time"),
            "created_by_name": tables.text("By", width=130),
        },
        key=TABLE,
        alt="Charges, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "charges", newer=page.newer, older=page.older, note=plural(len(page.frame), "charge")
    )
elif sum(counts.values()):
    layout.empty(
        "filter_alt_off", "No charge matches", "Clear the search, or choose another state."
    )
else:
    with layout.empty(
        "receipt_long", "No charges yet", "Charge a saved method, and see here what became of it."
    ):
        new_charge("charges_new_first")

charge_panel.drawer(chosen, table_key=TABLE)
