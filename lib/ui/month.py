"""The month on Home: each number is a link to its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from lib.clock import epoch
from lib.domain.days import day_of, period_of
from lib.domain.month_end import Month
from lib.domain.periods import Period
from lib.money import format_money
from lib.reports.charge_filter import ChargeFilter
from lib.reports.month import Recovery, Week
from lib.reports.sums import Sum, count_of
from lib.ui import charts, layout, navigation
from lib.ui.context import PageContext
from lib.ui.formats import escape
from lib.ui.layout import Figure

_THIS = "this_month"
_WEEKS = 6
HOW = {
    Recovery.NEW_CARD: "With a new card",
    Recovery.AUTHENTICATED: "Customer confirmed",
    Recovery.LATER_TRY: "By a later try",
}
# Days since the last try, both ends included; the month-end pack has the same groups.
_AGES = ((0, 7), (8, 30), (31, 60), (61, None))


def draw(ctx: PageContext) -> None:
    zone = ctx.services.settings.timezone
    today = day_of(epoch(ctx.now), zone)
    month = Month(today.year, today.month)
    since, before = period_of(month.first, month.last, zone)
    reports = ctx.services.reports
    sums = reports.charges.sums(ChargeFilter(since=since, before=before))
    failed = reports.month.open_failures(since, before)
    recovered = reports.month.recovered(since, before)
    paid, unpaid = count_of(sums, ("succeeded",)), count_of(sums, ("declined", "needs_customer"))
    period = {"charges_period": _THIS}
    st.markdown(f"**{month.in_words}**")
    layout.figures(
        [
            Figure(
                "Charged",
                f"{paid:,}",
                "charges",
                period | {"charges_state": "succeeded"},
                help="Paid by a try of this month.",
                note=_amounts([one for one in sums if one.state == "succeeded"]),
            ),
            Figure(
                "Failed",
                f"{count_of(failed):,}",
                "failures",
                {"failures_period": _THIS},
                help="Tried this month and not made good since.",
                note=_amounts(failed),
            ),
            Figure(
                "Recovered",
                f"{count_of(recovered):,}",
                "charges",
                period | {"charges_recovered": "any"},
                help="Paid this month after a failure, whenever that was.",
                note=_amounts(recovered),
            ),
            Figure(
                "Success rate",
                _rate(paid, unpaid),
                "charges",
                period,
                help="Of this month's charges that a bank answered, how many are paid now, by number.",
                note=f"{paid:,} of {paid + unpaid:,}" if paid + unpaid else "",
            ),
        ]
    )
    left, middle, right = st.container(key="month_panels").columns([2, 1, 1])
    with left.container(border=True, height="stretch"):
        _weeks(ctx, today, zone)
    with middle.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Recovered this month**")
        for how, words in HOW.items():
            of_this = [one for one in recovered if one.state == how]
            _line(
                words,
                f"{count_of(of_this):,}",
                _amounts(of_this),
                "charges",
                period | {"charges_recovered": how.value},
            )
    with right.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Open failures by age**")
        for least, most in _AGES:
            days = Period(
                None if most is None else today - timedelta(days=most),
                today - timedelta(days=least),
            )
            of_age = reports.month.open_failures(*days.moments(zone))
            words = (
                f"{least} to {most} days" if most is not None else f"Older than {least - 1} days"
            )
            _line(
                words,
                f"{count_of(of_age):,}",
                _amounts(of_age),
                "failures",
                {"failures_period": str(days)},
            )


def _weeks(ctx: PageContext, today: date, zone: str) -> None:
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=back) for back in reversed(range(_WEEKS))]
    days = [Period(first, first + timedelta(days=6)) for first in mondays]
    weeks = ctx.services.reports.month.weeks([period_of(one.first, one.last, zone) for one in days])
    st.markdown("**Success rate by week**")
    if not any(week.paid + week.failed for week in weeks):
        st.caption("What is charged is drawn here by week.")
        return
    charts.success_by_week(_frame(days, weeks))
    spec = navigation.find("charges")
    if spec is None:
        return
    for column, first, period in zip(st.columns(_WEEKS, gap=None), mondays, days, strict=True):
        # Under the middle of its bar.
        column.container(horizontal_alignment="center").page_link(
            navigation.page(spec),
            width="content",
            label=f"{first.day} {first:%b}",
            query_params={"charges_period": str(period)},
            help=f"The charges of {period.in_words}",
        )


def _frame(days: Sequence[Period], weeks: Sequence[Week]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "week": period.in_words,
                "rate": week.paid / (week.paid + week.failed) if week.paid + week.failed else None,
                "shown": _rate(week.paid, week.failed),
                "paid": week.paid,
                "failed": week.failed,
            }
            for period, week in zip(days, weeks, strict=True)
        ]
    )


def _line(words: str, count: str, amounts: str, page: str, query: dict[str, str]) -> None:
    spec = navigation.find(page)
    if spec is None:
        return
    st.page_link(
        navigation.page(spec),
        label=f"{words} · **{count}**",
        query_params=query,
        help=escape(amounts) if amounts else "None",
        width="stretch",
    )


def _amounts(sums: Sequence[Sum]) -> str:
    """By currency, the most charged first."""
    totals: dict[str, tuple[int, int]] = {}
    for one in sums:
        count, amount = totals.get(one.currency, (0, 0))
        totals[one.currency] = (count + one.count, amount + one.amount)
    ordered = sorted(totals.items(), key=lambda pair: (-pair[1][0], pair[0]))
    return " · ".join(format_money(amount, code) for code, (_, amount) in ordered)


def _rate(paid: int, failed: int) -> str:
    """Rounded down: 99.97 % are not all."""
    if not paid + failed:
        return "–"
    tenths = 1_000 * paid // (paid + failed)
    return f"{tenths / 10:.1f} %"
