"""One row of a run, beside the table: what was found, what the file says, and how to mend it."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.correction_fields import LABELS, Field
from lib.domain.corrections import value_of
from lib.domain.draft_decisions import cell_of
from lib.domain.named_customers import WRITE_THE_ID
from lib.domain.runs import RowState, Run, RunRow, RunState, Severity
from lib.money import format_money
from lib.services.runs.corrections_view import CorrectionsView
from lib.services.runs.run_object import RunView
from lib.ui import (
    badges,
    customer_link,
    drawers,
    filters,
    layout,
    navigation,
    row_form,
    run_announcement,
    run_corrections,
    run_words,
)
from lib.ui.context import PageContext
from lib.ui.formats import escape
from lib.ui.layout import Fact

_ICONS = {
    Severity.RED: ":red[:material/block:]",
    Severity.STOPPED: ":orange[:material/front_hand:]",
    Severity.AMBER: ":orange[:material/visibility:]",
}
_CHOOSE = "Choose below which one is meant."
_TABLE, _PARAM = "run_rows", "row"


def draw(ctx: PageContext, view: RunView, number: int) -> None:
    row = ctx.services.runs.draft_views.row(view.run.id, number)
    with st.container(border=True):
        if row is None:
            layout.empty("search_off", "No such row", "Choose another in the table.")
        else:
            _draw_row(ctx, view, row)


def _draw_row(ctx: PageContext, view: RunView, row: RunRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Row {row.number}**", width="stretch")
        next_blocked(ctx, view, row.number, key="run_row_next")
        st.button(
            "Close",
            key="run_row_close",
            type="tertiary",
            icon=":material/close:",
            on_click=drawers.close,
            args=(_PARAM, _TABLE),
        )
    mends = view.run.state is RunState.DRAFT and ctx.actor.may(Permission.CHARGE)
    state, outcome, charge_id = _outcome(ctx, view, row)
    st.markdown(badges.badge(run_words.shown_state(view.run, state)))
    for finding in sorted(row.findings, key=lambda one: list(Severity).index(one.severity)):
        if finding.code != "corrected":
            message = finding.message.replace(WRITE_THE_ID, _CHOOSE) if mends else finding.message
            st.markdown(f"{_ICONS[finding.severity]} {escape(message)}")
    if outcome:
        st.markdown(escape(outcome))
    corrections = ctx.services.runs.draft_views.corrections(view.run.id)
    facts = [] if mends else _values(row)
    layout.facts(
        [
            _customer(ctx, row),
            *facts,
            *_announced(ctx, view, number=row.number),
            *_unread(view.run, row),
            *_decided(row, corrections),
        ]
    )
    if charge_id:
        _charge_link(charge_id)
    customer_link.draw(row.customer)
    if mends:
        row_form.draw(ctx, view, row, corrections)


def _outcome(ctx: PageContext, view: RunView, row: RunRow) -> tuple[str, str, str]:
    """State, what came of it with what to do next, and the charge; of a row that was sent, its own try."""
    if row.state is not RowState.SENT:
        return row.state.value, "", ""
    frame, _ = ctx.services.reports.runs.rows(view.run.id, after=row.number - 1, rows=1)
    record = frame.iloc[0]
    text = " ".join(filter(None, (record["why"], record["next_step"])))
    return str(record["state"]), text, str(record["charge_id"] or "")


def _customer(ctx: PageContext, row: RunRow) -> Fact:
    customer = ctx.services.reports.customers.find(row.customer) if row.customer else None
    name = (customer["name"] or customer["email"]) if customer else None
    return Fact("Customer", name or row.request.customer)


def _announced(ctx: PageContext, view: RunView, *, number: int) -> list[Fact]:
    words = run_announcement.of_row(ctx, view, number)
    return [Fact("Announced", words)] if words else []


def _values(row: RunRow) -> list[Fact]:
    amount = format_money(row.amount, row.currency) if row.amount and row.currency else None
    return [
        Fact("Amount", amount),
        Fact("Reference", row.reference),
        *([Fact("Description", row.description)] if row.description else []),
    ]


def _unread(run: Run, row: RunRow) -> list[Fact]:
    """What stands in the file where it could not be read."""
    fields = (Field.AMOUNT, Field.CURRENCY, Field.REFERENCE)
    texts = {
        field: cell_of(run, row.request, field)
        for field in fields
        if value_of(row.request, field) is None
    }
    return [Fact(f"{LABELS[field]}, file", text) for field, text in texts.items() if text]


def _decided(row: RunRow, corrections: CorrectionsView) -> list[Fact]:
    """What the file says instead, and who decided otherwise."""
    return [
        Fact(
            "Left out" if entry.field is Field.LEFT_OUT else f"{LABELS[entry.field]}, file",
            ": ".join(filter(None, (run_corrections.was(entry), f"{entry.reason} ({entry.by})"))),
        )
        for entry in corrections.entries
        if entry.row == row.number
    ]


def _charge_link(charge_id: str) -> None:
    charges = navigation.find("charges")
    if charges is not None:
        st.page_link(
            navigation.page(charges),
            label="See its charge",
            icon=":material/receipt_long:",
            query_params={"charge": charge_id},
        )


def next_blocked(ctx: PageContext, view: RunView, after: int, *, key: str) -> None:
    """Of a draft: opens the next row that is kept back, if there is one."""
    if view.run.state is not RunState.DRAFT or not view.counts.get("blocked"):
        return
    number = ctx.services.runs.draft_views.next_blocked(view.run.id, after)
    if number is not None and number != after:
        st.button(
            "Next blocked row" if after else "Mend blocked rows",
            key=key,
            icon=":material/arrow_downward:" if after else ":material/build:",
            on_click=_open,
            args=(number,),
        )


def _open(number: int) -> None:
    drawers.close(_PARAM, _TABLE)
    st.query_params[_PARAM] = str(number)
    filters.go("rows")
