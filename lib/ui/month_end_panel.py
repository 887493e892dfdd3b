"""The month-end page: choosing a month and one of its closings, closing it, and what a closing holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.domain.actors import Permission
from lib.domain.books import state_of
from lib.domain.month_end import Closing, readable
from lib.domain.periods import Period
from lib.printing.month_end import to_html
from lib.services.books.month_view import MonthLine, MonthState
from lib.ui import badges, downloads, layout, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Figure

_MONTH, _CLOSING, _NOTES = "month", "closing", "month_end_notes"
_MOST_DIFFERENCES = 500


def choose_month(lines: Sequence[MonthLine]) -> MonthLine:
    """The one of the address; at first the last that is over."""
    by_name = {str(line.month): line for line in lines}
    usual = next((name for name, line in by_name.items() if line.is_over), next(iter(by_name)))
    named = st.query_params.get(_MONTH, "")
    st.session_state["month_end_month"] = named if named in by_name else usual
    name = st.selectbox(
        "Month",
        list(by_name),
        key="month_end_month",
        format_func=lambda name: _label(by_name[name]),
        label_visibility="collapsed",
        width=300,
        filter_mode=None,
        on_change=_keep_month,
    )
    return by_name[name]


def _label(line: MonthLine) -> str:
    if line.closings:
        return f"{line.month.in_words} · closed"
    return line.month.in_words if line.is_over else f"{line.month.in_words} · not over yet"


def _keep_month() -> None:
    st.query_params[_MONTH] = st.session_state["month_end_month"]
    st.query_params.pop(_CLOSING, None)
    st.session_state.pop(_NOTES, None)


def choose_closing(ctx: PageContext, line: MonthLine) -> Closing | None:
    """The newest, or the one of the address; None where the month was not closed yet."""
    if not line.closings:
        return None
    numbers = [one.number for one in line.closings]
    named = st.query_params.get(_CLOSING, "")
    number = int(named) if named.isdecimal() and int(named) in numbers else numbers[0]
    if len(numbers) > 1:
        st.session_state["month_end_closing"] = number
        st.segmented_control(
            "Closing",
            numbers,
            key="month_end_closing",
            required=True,
            format_func=lambda one: f"Closing {one}",
            label_visibility="collapsed",
            on_change=_keep_closing,
        )
    return ctx.services.month_end.kept(line.month, number, by=ctx.actor)


def _keep_closing() -> None:
    st.query_params[_CLOSING] = str(st.session_state["month_end_closing"])


def close_button(ctx: PageContext, line: MonthLine, place: DeltaGenerator) -> None:
    """Reads Stripe's news and keeps the figures; `place` shows how far it is."""
    if not ctx.actor.may(Permission.SYNC):
        return
    month = line.month.in_words
    if not st.button(
        f"Close {month} again" if line.closings else f"Close {month}",
        key="month_end_close",
        type="primary" if line.is_over and not line.closings else "secondary",
        icon=":material/event_available:",
        help="Reads what is new at Stripe, then keeps the figures as they are. An earlier closing stays as it is.",
    ):
        return
    with outcome.show() as toast:
        bar = place.progress(0.1, text="Begins …")

        def tell(step: str) -> None:
            bar.progress(0.5, text=step)

        notes = ctx.services.month_news.read(by=ctx.actor, telling=tell)
        bar.progress(0.9, text="Keeping the figures …")
        before = {one.number for one in line.closings}
        made = ctx.services.month_end.close(line.month, by=ctx.actor)
        st.query_params.pop(_CLOSING, None)
        st.session_state[_NOTES] = (made.month, tuple(notes))
        toast.message = _closed(made, is_new=made.number not in before)


def _closed(made: Closing, *, is_new: bool) -> str:
    if not is_new:
        return f"Nothing has changed since closing {made.number}."
    if made.number == 1:
        return "Closed."
    return f"Closed again: {plural(len(made.differences), 'difference')}."


def figures(line: MonthLine, state: MonthState, one: Closing | None) -> None:
    """What is known today, whatever was closed."""
    days = str(Period(line.month.first, line.month.last))
    layout.figures(
        [
            Figure(
                "Charges",
                f"{state.charges:,}",
                page="charges" if state.charges else "",
                query={"charges_period": days},
            ),
            Figure(
                "Paid",
                f"{state.paid:,}",
                page="charges" if state.paid else "",
                query={"charges_period": days, "charges_state": "succeeded"},
            ),
            Figure(
                "Failed",
                f"{state.failed:,}",
                page="failures" if state.failed else "",
                query={"failures_period": days},
                help="Of this month, and not collected.",
            ),
            Figure(
                "Not settled",
                f"{state.open:,}",
                page="unknown" if state.open else "",
                help="Processing at the bank, or with an outcome that is not known yet.",
            ),
        ]
    )
    of_month, notes = st.session_state.get(_NOTES, ("", ()))
    for note in notes if of_month == str(line.month) else ():
        st.warning(escape(note), icon=":material/warning:")
    fees = state.fees_unknown
    if one is not None and one.facts["fees_unknown"] == fees:
        # The closing says so itself.
        fees = 0
    if state.open or fees:
        parts = [
            f"{plural(state.open, 'charge is', 'charges are')} not settled" if state.open else "",
            f"the fee of {plural(fees, 'paid charge is', 'paid charges are')} not known yet"
            if fees
            else "",
        ]
        words = ", and ".join(filter(None, parts))
        st.info(
            f"{words[0].upper()}{words[1:]}. What comes later is a second closing with its differences.",
            icon=":material/hourglass_top:",
        )


def not_closed(line: MonthLine) -> None:
    text = (
        "Nobody has closed this month. The figures below are today's."
        if line.is_over
        else "This month is not over: more will be charged in it. The figures below are today's."
    )
    st.caption(text)


def closing(ctx: PageContext, line: MonthLine, one: Closing) -> None:
    """Who closed it and when, whether its sums agree, and its files."""
    failed = [check for check in one.facts["checks"] if not check["ok"]]
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            with st.container(width="stretch", gap="small"):
                st.markdown(
                    f"**{escape(line.month.in_words)}, closing {one.number}** {_badge(one)}"
                )
                st.caption(escape(_by(ctx, one)))
            with st.container(horizontal=True, width="content"):
                downloads.file(
                    lambda: (
                        ctx.services.month_end.pack(
                            line.month, by=ctx.actor, number=one.number
                        ).content
                    ),
                    file_name=f"month-end-{one.month}-closing-{one.number}.zip",
                    key="month_end_pack",
                    label="All files (ZIP)",
                )
                downloads.file(
                    partial(to_html, one),
                    file_name=f"month-end-{one.month}-closing-{one.number}.html",
                    key="month_end_summary",
                    label="Summary to print",
                )
        for check in failed:
            detail = f" ({check['detail']})" if check["detail"] else ""
            st.markdown(f":red[:material/error:] Does not agree: {escape(check['name'] + detail)}")
        if one.facts["fees_unknown"]:
            count = plural(one.facts["fees_unknown"], "paid charge")
            st.markdown(
                f":orange[:material/hourglass_top:] When it was closed, the fee of {count} was not known."
            )


def _badge(one: Closing) -> str:
    if not all(check["ok"] for check in one.facts["checks"]):
        return badges.badge("certificate_red")
    return badges.badge("certificate_amber" if one.facts["fees_unknown"] else "certificate_green")


def _by(ctx: PageContext, one: Closing) -> str:
    user = ctx.services.users.find(one.closed_by)
    name = user.name if user else one.closed_by
    return f"{name}, {when(one.closed_at, ctx.now, ctx.timezone)}. Days of {one.facts['timezone']}."


def differences(ctx: PageContext, one: Closing) -> None:
    """What is otherwise than in the closing before; nothing of the first."""
    if one.number == 1:
        return
    lines = one.differences
    st.subheader(f"{plural(len(lines), 'difference')} from closing {one.number - 1}", anchor=False)
    if not lines:
        st.caption("Every line is as it was. Sums or certificates have changed.")
        return
    shown = readable(lines[:_MOST_DIFFERENCES], one.facts)
    tables.listing(
        pd.DataFrame(shown),
        {
            "what": tables.text("What", width=80),
            "reference": tables.text("Reference", width=120),
            "field": tables.text("Field", width=130),
            "before": tables.text("Before", width=170),
            "after": tables.text("Now", width=170),
            "id": tables.text("Id", width=190),
        },
        key="month_end_differences",
        alt="What this closing has otherwise than the one before",
        timezone=ctx.timezone,
    )
    if len(lines) > _MOST_DIFFERENCES:
        st.caption(f"The first {_MOST_DIFFERENCES}; the ZIP lists all {len(lines):,}.")


def sums_of(ctx: PageContext, one: Closing) -> None:
    """As they were when it was closed."""
    _sums(
        ctx,
        [
            {**line, "currency": str(line["currency"]).lower(), "state": state_of(line["state"])}
            for line in one.facts["sums"]
        ],
        f"Sums of closing {one.number}",
    )


def sums_today(ctx: PageContext, state: MonthState) -> None:
    _sums(
        ctx,
        [asdict(one) for one in sorted(state.sums, key=lambda one: (one.currency, one.state))],
        "Sums of today",
    )


def _sums(ctx: PageContext, lines: Sequence[dict[str, object]], title: str) -> None:
    if not lines:
        st.caption("Nothing was charged in this month.")
        return
    frame = pd.DataFrame(lines)
    tables.listing(
        frame.assign(code=frame["currency"].str.upper()),
        {
            "code": tables.text("Currency", width=90),
            "state": tables.state(width=150),
            "count": tables.number("Charges", width=90),
            "amount": tables.amount(width=160),
        },
        key="month_end_sums",
        alt=f"{title}, by currency and state",
        timezone=ctx.timezone,
    )
