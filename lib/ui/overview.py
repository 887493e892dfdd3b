"""The parts of the home page: what waits, the picture of a month, the latest activity, a start."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.days import day_of, period_of
from lib.money import format_money
from lib.reports.frames import records
from lib.ui import audit_words, badges, charts, layout, navigation, refused_links, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural
from lib.ui.layout import Figure

_DAYS = 30
_ACTIVITY = 7
# Sending is left out: the outcome follows a second later and says the same and more.
_ACTIVE = (
    "attempt.",
    "charge.cancel",
    "charge.paid_twice",
    "link.",
    "customer.",
    "payment_method.",
)
_STATES = ("succeeded", "processing", "needs_customer", "declined", "unknown", "cancelled")


def waiting(ctx: PageContext) -> None:
    """What needs a person now: approvals in a line, and four figures, each a link to its rows."""
    refused_links.warn(ctx)
    counts = ctx.services.reports.waiting.counts()
    if (counts["approvals"] or counts["admin_changes"]) and ctx.actor.may(Permission.APPROVE):
        _approvals(ctx)
    layout.figures(
        [
            Figure(
                "Unknown",
                counts["unknown"],
                "unknown",
                help="Charges and refunds whose outcome Onfile is finding out.",
            ),
            Figure(
                "Failures",
                counts["failures"],
                "failures",
                help="Charges of the last 30 days that failed and were not made good since.",
            ),
            Figure(
                "Cards without customer",
                counts["unattached"],
                "sessions",
                {"sessions_state": "needs_customer"},
                help="Saved without a customer: cannot be charged before it has one.",
            ),
            Figure(
                "Expiring methods",
                counts["expiring"],
                "payment_methods",
                {"payment_methods_state": "expiring"},
                help="Cards that end this month or next.",
            ),
        ]
    )


def incidents(ctx: PageContext) -> None:
    """Red, with the way there, while one is open."""
    count = ctx.services.reports.waiting.counts()["incidents"]
    spec = navigation.find("incidents")
    if not count or spec is None:
        return
    verb = "waits" if count == 1 else "wait"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.error(
            f"**{plural(count, 'incident')} {verb} to be settled.** Stripe has something that this ledger did not expect.",
            icon=":material/report:",
        )
        st.page_link(
            navigation.page(spec),
            label="See them",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"incidents_state": "open"},
            width="content",
        )


def _approvals(ctx: PageContext) -> None:
    is_admin = ctx.actor.may(Permission.MANAGE_USERS)
    waiting = ctx.services.reports.waiting.approvals(ctx.actor.username, is_admin=is_admin)
    count = waiting.to_decide
    spec = navigation.find("approvals")
    if count and spec is not None:
        verb = "waits" if count == 1 else "wait"
        st.page_link(
            navigation.page(spec),
            label=f"**{count:,} {verb} for your approval**",
            icon=":material/approval_delegation:",
        )


def picture(ctx: PageContext) -> None:
    """The last 30 days of the installation by day and state, one currency at a time, and every currency's totals."""
    zone = ctx.services.settings.timezone
    today = day_of(epoch(ctx.now), zone)
    dates = [today - timedelta(days=back) for back in reversed(range(_DAYS))]
    days = {day.isoformat(): period_of(day, day, zone) for day in dates}
    reports = ctx.services.reports.charges
    totals = reports.totals(since=days[dates[0].isoformat()][0])
    if totals.empty:
        layout.empty(
            "bar_chart", "No charges in the last 30 days", "What is charged is drawn here by day."
        )
        return
    by_sum = totals.groupby("currency")["count"].sum().sort_values(ascending=False)
    currencies = [str(code) for code in by_sum.index]
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown("**Charges of the last 30 days**", width="content")
            shown = currencies[0]
            if len(currencies) > 1:
                shown = (
                    st.segmented_control(
                        "Currency",
                        currencies,
                        default=currencies[0],
                        key="home_currency",
                        format_func=str.upper,
                        label_visibility="collapsed",
                        required=True,
                    )
                    or currencies[0]
                )
        per_day = reports.per_day(days)
        charts.per_day(per_day[per_day["currency"] == shown], list(days), shown)
        _totals(totals, currencies)


def _totals(totals: pd.DataFrame, currencies: list[str]) -> None:
    """One row a currency, one column a state: the sum, and how many charges."""
    states = [state for state in _STATES if state in set(totals["state"])]
    sums = {
        (str(row["currency"]), str(row["state"])): (int(row["amount"]), int(row["count"]))
        for row in totals.to_dict("records")
    }
    lines = [
        "| | " + " | ".join(badges.badge(state) for state in states) + " |",
        "|---|" + "---:|" * len(states),
    ]
    for code in currencies:
        cells = []
        for state in states:
            amount, count = sums.get((code, state), (0, 0))
            cells.append(
                f"{escape(format_money(amount, code))} :gray[· {count:,}]" if count else ""
            )
        lines.append(f"| {code.upper()} | " + " | ".join(cells) + " |")
    st.markdown("\n".join(lines))


def activity(ctx: PageContext) -> None:
    """What happened last, in words: outcomes of charges, links, customers, methods."""
    page = ctx.services.reports.audit.page(rows=_ACTIVITY, actions=_ACTIVE)
    rows = records(page.frame)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown("**Latest activity**", width="content")
        spec = navigation.find("audit")
        if spec is not None and rows:
            st.page_link(
                navigation.page(spec),
                label="All activity",
                icon=":material/arrow_forward:",
                icon_position="right",
                width="content",
            )
    if not rows:
        st.caption("What you and your colleagues do is listed here.")
        return
    tables.listing(
        pd.DataFrame(
            {
                "what": [audit_words.event(row["action"], row["detail"]) for row in rows],
                "about": [row["about"] for row in rows],
                "who": [audit_words.actor(row["actor"], row["actor_name"]) for row in rows],
                "at": [row["at"] for row in rows],
            }
        ),
        {
            "what": tables.text("What", width=240),
            "about": tables.text("About", width=330),
            "who": tables.text("Who", width=140),
            "at": tables.date("When", ctx.now),
        },
        key="home_activity",
        alt="What happened last, newest first",
        timezone=ctx.timezone,
    )
