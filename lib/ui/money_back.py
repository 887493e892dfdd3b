"""The lists of refunds and of disputes, whose rows open the charge that they are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from lib.domain import list_columns
from lib.domain.books import BookColumn, in_words
from lib.domain.refunds import why
from lib.reports.money_back import MoneyBackFilter, MoneyBackReports
from lib.reports.paging import EXPORT_ROWS, whole
from lib.reports.sums import count_of, counts_of
from lib.ui import badges, charge_panel, downloads, filters, layout, lists, sync_status, tables
from lib.ui.context import PageContext
from lib.ui.tables import TableColumn


@dataclass(frozen=True, slots=True)
class MoneyBackList:
    noun: str
    """`badges.STATES` has its states with this before them."""
    lead: str
    icon: str
    none_yet: str
    why: Callable[[str], str]
    """Says what Stripe gives as the reason."""
    columns: Callable[[PageContext], dict[str, TableColumn]]
    exported: Sequence[BookColumn]

    @property
    def name(self) -> str:
        """Of the page, and of what is on it."""
        return f"{self.noun}s"

    @property
    def look(self) -> str:
        """What makes the name of a state in `badges.STATES`."""
        return f"{self.noun}_{{}}"

    def lines(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(
            customer_name=frame["name"],
            state=[self.look.format(state) for state in frame["state"]],
            reason=[self.why(reason or "") for reason in frame["reason"]],
        )


REFUNDS = MoneyBackList(
    "refund",
    "What was given back, newest first. A row opens its charge.",
    "undo",
    "Open a charge that was paid, and ask for a refund there; somebody else approves it.",
    why,
    lambda ctx: {
        "at": tables.date("Date", ctx.now),
        "name": tables.text("Customer", width=184),
        "amount": tables.amount(width=90),
        "state": tables.state(width=142),
        "reason": tables.text("Why", width=180),
        "reference": tables.text("Reference", width=100),
        "requested_by": tables.text("Asked for by", width=104),
    },
    list_columns.REFUNDS,
)
DISPUTES = MoneyBackList(
    "dispute",
    "What customers disputed at their banks, newest first. A row opens its charge.",
    "gavel",
    "When a customer disputes a charge at the bank, Stripe tells Onfile, and it is listed here.",
    in_words,
    lambda ctx: {
        "name": tables.text("Customer", width=170),
        "amount": tables.amount(width=90),
        "state": tables.state(width=148),
        "due_by": tables.date("Answer by", ctx.now),
        "at": tables.date("Date", ctx.now),
        "reason": tables.text("Why", width=170),
        "reference": tables.text("Reference", width=105),
    },
    list_columns.DISPUTES,
)


def draw(ctx: PageContext, reports: MoneyBackReports, what: MoneyBackList) -> None:
    name, zone = what.name, ctx.services.settings.timezone
    actions = layout.header(name.capitalize(), what.lead)
    with st.container(horizontal=True, vertical_alignment="center"):
        period = filters.period(f"{name}_period", ctx.now, zone)
        search = filters.search(f"{name}_search", "Customer, reference or id")
    if search:
        sync_status.not_searchable(ctx)
    which = reports.with_hits(MoneyBackFilter(search, *period.moments(zone)))
    sums = reports.sums(which)
    labels = {one.state: badges.look(what.look.format(one.state)).label for one in sums}
    state = filters.states(f"{name}_state", counts_of(sums), labels=labels)
    place = layout.paging(name, state, period, search)
    read = partial(reports.page, which, state=state)
    page = read(cursor=place.older_than or place.newer_than)
    chosen = None
    if not page.frame.empty:
        with actions:
            downloads.table(
                what.exported,
                lambda: what.lines(whole(read(rows=EXPORT_ROWS))),
                name=name.capitalize(),
                key=f"{name}_export",
            )
        chosen = _table(ctx, what, page.frame)
        states = (state,) if state else ()
        lists.foot(
            name,
            page,
            of=count_of(sums, states),
            noun=what.noun,
            sums=sums,
            states=states,
            look=what.look,
            period=period,
            timezone=zone,
        )
    elif sums or search or period.first or period.last:
        layout.empty(
            "filter_alt_off",
            f"No {what.noun} matches",
            "Clear the search, or choose another state or period.",
        )
    else:
        layout.empty(what.icon, f"No {name} yet", what.none_yet)
    charge_panel.drawer(chosen, table_key=f"{name}_rows")


def _table(ctx: PageContext, what: MoneyBackList, frame: pd.DataFrame) -> str | None:
    """The charge of the chosen row."""
    chosen = tables.table(
        what.lines(frame),
        what.columns(ctx),
        key=f"{what.name}_rows",
        alt=f"{what.name.capitalize()}, newest first",
        timezone=ctx.timezone,
    )
    return dict(zip(frame["id"], frame["charge_id"], strict=True)).get(chosen)
