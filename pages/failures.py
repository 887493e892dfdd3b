"""Work through charges that did not succeed: why, and what to do next."""

from datetime import timedelta

import streamlit as st

from lib.clock import epoch
from lib.domain.periods import ALWAYS
from lib.reports.charge_filter import ChargeFilter
from lib.reports.sums import count_of
from lib.reports.waiting import FAILURE_DAYS
from lib.ui import (
    charge_lists,
    charge_panel,
    downloads,
    failures,
    filters,
    layout,
    lists,
    sync_status,
)
from lib.ui.context import require

ctx = require()
reports = ctx.services.reports.charges

zone = ctx.services.settings.timezone
actions = layout.header(
    "Failures",
    "Charges that did not work and were not made good since. Each says what to do next.",
)
with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("failures_period", ctx.now, zone, otherwise="Last 30 days")
    search = filters.search("failures_search", "Customer, reference or id")
    order = filters.order("failures_order")
since, before = period.moments(zone)
if period == ALWAYS:
    since = epoch(ctx.now - timedelta(days=FAILURE_DAYS))
if search:
    sync_status.not_searchable(ctx)
which = reports.with_hits(ChargeFilter(search, None, since, before, unresolved=True))
failed = reports.reasons(which)
reasons = failures.by_reason(failed)
if reasons.empty and not search:
    layout.empty(
        "task_alt",
        "Nothing failed",
        "Charges that a bank declines, or that the customer must confirm, are listed here with the way back.",
    )
    charge_panel.drawer(None, table_key=charge_lists.FAILURES)
    st.stop()

reason = failures.pick(reasons, key="failures_reason")
place = layout.paging("failures", reason, period, search, order)
page = reports.page(which, reason=reason, order=order, cursor=place.older_than or place.newer_than)
with actions:
    if not page.frame.empty:
        downloads.charges(
            lambda: reports.ids(which, reason=reason), name="Failures", key="failures_export"
        )
chosen = None
if page.frame.empty:
    layout.empty(
        "filter_alt_off",
        "No failure matches",
        "Clear the search, or choose another reason or period.",
    )
else:
    chosen = charge_lists.failures(ctx, page.frame)
    sums = failures.sums(failed, reason)
    lists.foot(
        "failures",
        page,
        of=count_of(sums),
        noun="failure",
        sums=sums,
        period=period,
        timezone=zone,
    )

charge_panel.drawer(chosen, table_key=charge_lists.FAILURES)
