"""Parts of a customer's page: what is open, refunds, disputes, and notes by staff."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.customer_story import MOST_NOTE, MethodLife
from lib.domain.refunds import why
from lib.money import format_money
from lib.ui import downloads, navigation, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import day, escape, exact, plural

_ROWS = 20
_NOTES = 50


def open_words(ctx: PageContext, customer_id: str) -> str:
    """ "3 charges · €120.00, ¥5,000", or nothing."""
    sums = ctx.services.stories.open_sums(customer_id)
    if not sums:
        return ""
    money = ", ".join(format_money(one.amount, one.currency) for one in sums)
    return f"{plural(sum(one.count for one in sums), 'charge')} · {money}"


def all_open(ctx: PageContext, customer_id: str) -> None:
    """One click makes a draft of it, which is checked, submitted and approved like any other."""
    runs = navigation.find("runs")
    if runs is None or not ctx.actor.may(Permission.CHARGE):
        return
    if st.button(
        "Add all that is open to a run", key="customers_open_run", icon=":material/playlist_add:"
    ):
        with outcome.show(rerun=False):
            run = ctx.services.runs.retry_runs.create_from_customer(customer_id, by=ctx.actor)
            st.switch_page(runs.path, query_params={"run": run.id})


def open_payments(ctx: PageContext, customer_id: str) -> None:
    """Made elsewhere, with the reference of a debt, which cannot be charged meanwhile; nothing where there are none."""
    payments = ctx.services.open_payments.of_nobody(customer_id)
    if not payments:
        return
    st.subheader("Open payments made elsewhere", anchor=False)
    for payment in payments:
        sum_ = format_money(payment.amount, payment.currency)
        status = payment.status.replace("_", " ")
        with st.container(border=True, gap="small"):
            st.markdown(f"**{escape(sum_)}** for {escape(payment.reference)} · {status}")
            st.caption(
                escape(
                    f"{payment.id} was begun outside Onfile and may still be paid, so {payment.reference} cannot be charged."
                )
            )
            if ctx.actor.may(Permission.CHARGE):
                _cancel_payment(ctx, payment.id, f"{sum_} for {payment.reference}")


def _cancel_payment(ctx: PageContext, payment: str, what: str) -> None:
    key = f"customers_cancel_payment_{payment}"
    with (
        st.expander("Cancel it", icon=":material/block:"),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(
            escape(
                f"Stripe is asked to cancel {what}. What is held on a card is let go, and no money moves."
            )
        )
        reason = st.text_input("Why", key=f"{key}_reason", max_chars=500, autocomplete="off")
        beside = st.container()
        click = st.form_submit_button("Cancel the payment", key=key, icon=":material/block:")
    if click:
        with beside, outcome.show("The payment is cancelled. No money moved."):
            ctx.services.open_payments.cancel_of_nobody(payment, reason=reason, by=ctx.actor)


def print_button(ctx: PageContext, customer_id: str) -> None:
    downloads.file(
        partial(ctx.services.stories.printed, customer_id, by=ctx.actor),
        file_name=f"customer-{customer_id}.html",
        key="customers_print",
        label="Print record",
    )


def how_saved(ctx: PageContext, life: MethodLife | None) -> str:
    """By which link, and what the bank or somebody did with it since."""
    if life is None:
        return ""
    parts = ["elsewhere at Stripe" if life.session is None else "on Stripe's page"]
    if life.link:
        parts = [f"by link {life.link_reference}" if life.link_reference else "by link"]
    if life.renewed_at:
        parts.append(f"new details from the bank {day(life.renewed_at, ctx.timezone)}")
    if life.removed_at:
        parts.append(f"removed {day(life.removed_at, ctx.timezone)}")
    return ", ".join(parts)


def refunds(ctx: PageContext, customer_id: str) -> None:
    """Nothing where there are none, as for disputes: most customers have neither."""
    orders = ctx.services.stories.refunds(customer_id, limit=_ROWS)
    if not orders:
        return
    st.subheader("Refunds", anchor=False)
    tables.listing(
        pd.DataFrame(
            {
                "reference": [one.reference or "" for one in orders],
                "amount": [one.amount for one in orders],
                "currency": [one.currency for one in orders],
                "state": [one.state for one in orders],
                "at": [one.at for one in orders],
                "why": [one.note or why(one.reason) for one in orders],
            }
        ),
        {
            "reference": tables.text("Reference"),
            "amount": tables.amount(),
            "state": tables.state(),
            "at": tables.time("When"),
            "why": tables.text("Why", width="large"),
        },
        key="customers_refunds",
        alt="Refunds of this customer, newest first",
        timezone=ctx.timezone,
    )


def disputes(ctx: PageContext, customer_id: str) -> None:
    cases = ctx.services.stories.disputes(customer_id, limit=_ROWS)
    if not cases:
        return
    st.subheader("Disputes", anchor=False)
    tables.listing(
        pd.DataFrame(
            {
                "reference": [one.reference or "" for one in cases],
                "amount": [one.amount for one in cases],
                "currency": [one.currency for one in cases],
                "status": [one.status.replace("_", " ").capitalize() for one in cases],
                "reason": [(one.reason or "").replace("_", " ").capitalize() for one in cases],
                "at": [one.at for one in cases],
                "due_by": pd.array([one.due_by for one in cases], dtype="Int64"),
            }
        ),
        {
            "reference": tables.text("Reference"),
            "amount": tables.amount(),
            "status": tables.text("State"),
            "reason": tables.text("Reason"),
            "at": tables.time("Opened"),
            "due_by": tables.time("Evidence until"),
        },
        key="customers_disputes",
        alt="Disputes of this customer, newest first",
        timezone=ctx.timezone,
    )


def notes(ctx: PageContext, customer_id: str) -> None:
    st.subheader("Notes", anchor=False)
    people = {user.username: user.name for user in ctx.services.users.list()}
    written = ctx.services.stories.notes(customer_id, limit=_NOTES)
    for note in written:
        with st.container(border=True, gap=None):
            st.text(note.text)
            by = people.get(note.written_by, note.written_by)
            st.caption(escape(f"{by} · {exact(note.written_at, ctx.timezone)}"))
    if not written:
        st.caption("Nobody wrote anything down yet.")
    if not ctx.actor.may(Permission.NOTE):
        return
    form = outcome.fresh("customers_note")
    with st.form(form, border=False):
        text = st.text_area(
            "New note",
            key=outcome.fresh("customers_note_text"),
            max_chars=MOST_NOTE,
            placeholder="Called on Monday: pays by transfer from December",
            height=80,
        )
        if st.form_submit_button("Add note", key="customers_note_submit"):
            with outcome.show("Note added. Nobody can change it.", clears="customers_note"):
                ctx.services.stories.note(customer_id, text, by=ctx.actor)
