"""The form that mends one row of a draft: customer, cells, method, leaving out; each with its reason."""

from __future__ import annotations

import streamlit as st

from lib.domain import payment_methods
from lib.domain.correction_fields import LABELS, Field
from lib.domain.corrections import value_of
from lib.domain.mirror import PaymentMethod
from lib.domain.runs import RowState, RunRow
from lib.domain.twins import HAS_TWIN
from lib.money import currency
from lib.services.runs.corrections_view import CorrectionsView, RowChoices
from lib.services.runs.run_object import RunView
from lib.ui import outcome, pickers, typed_amount
from lib.ui.context import PageContext
from lib.ui.formats import distinct, escape

_OWN = ""


def draw(ctx: PageContext, view: RunView, row: RunRow, corrections: CorrectionsView) -> None:
    """
    Refused when somebody else changed the row since it was drawn: a click runs the script anew, so
    what stood on the page is remembered from the run before.
    """
    key = f"run_row_{row.number}_{corrections.version.file}_{_last_entry(row, corrections)}"
    seen = st.session_state.get(f"{key}_seen", corrections.version)
    st.session_state[f"{key}_seen"] = corrections.version
    choices = ctx.services.runs.draft_views.choices(view.run.id, row.number)
    pick = _find(ctx, row, key)
    with st.form(f"{key}_form", border=False):
        changes = _customer(row, choices, pick, key) | _cells(row, choices, key)
        code = changes.get(Field.CURRENCY) or value_of(row.request, Field.CURRENCY)
        sign = None
        if code and Field.AMOUNT in changes:
            sign = typed_amount.ask_in_form("Amount", f"{key}_amount", code)
        reason = st.text_input(
            "Why",
            key=f"{key}_reason",
            autocomplete="off",
            max_chars=300,
            placeholder="Whoever approves reads it",
        )
        is_out = row.state is RowState.CANCELLED
        has_decisions = any(entry.row == row.number for entry in corrections.entries)
        with st.container(horizontal=True):
            saves = st.form_submit_button(
                "Save", key=f"{key}_save", type="primary", icon=":material/check:"
            )
            leaves = st.form_submit_button(
                "Take back in" if is_out else "Leave out", key=f"{key}_leave_out"
            )
            undoes = has_decisions and st.form_submit_button("As in the file", key=f"{key}_undo")
    service, where = ctx.services.runs.corrections, (view.run.id, [row.number])
    if saves:
        with outcome.show(f"Row {row.number} is corrected and checked again."):
            service.correct(
                *where,
                changes,
                reason=reason,
                by=ctx.actor,
                # What a person said elsewhere is no answer to what can mean two sums here.
                sign=sign,
                seen=seen,
            )
    elif undoes:
        with outcome.show(f"Row {row.number} is as in the file."):
            service.undo(*where, reason=reason, by=ctx.actor, seen=seen)
    elif leaves and is_out:
        with outcome.show(f"Row {row.number} is back in."):
            service.take_back(*where, reason=reason, by=ctx.actor, seen=seen)
    elif leaves:
        with outcome.show(f"Row {row.number} is left out."):
            service.leave_out(*where, reason=reason, by=ctx.actor, seen=seen)


def _last_entry(row: RunRow, corrections: CorrectionsView) -> int:
    """So that the form shows what holds now after each change."""
    return max((entry.id for entry in corrections.entries if entry.row == row.number), default=0)


def _find(ctx: PageContext, row: RunRow, key: str) -> str | None:
    """The search for another customer; not part of the form, as it answers while one types."""
    if row.customer is not None and not any(one.column == "customer" for one in row.findings):
        return None
    with st.expander("Find the customer", icon=":material/person_search:"):
        return pickers.customer(ctx, f"{key}_customer")


def _customer(row: RunRow, choices: RowChoices, pick: str | None, key: str) -> dict[Field, str]:
    """Twins beside each other with their cards and last payments; otherwise the cell."""
    twins = {twin.customer.id: twin for twin in choices.customers}
    if len(twins) > 1 and pick is None:
        # Asked, so that the one of the file is chosen like any other.
        before = None if any(one.code == HAS_TWIN for one in row.findings) else row.customer
        labels = distinct({id_: twin.customer.label for id_, twin in twins.items()})
        chosen = st.radio(
            "Which customer is meant?",
            list(twins),
            index=list(twins).index(before) if before in twins else None,
            format_func=lambda id_: escape(labels[id_]),
            captions=[escape(twin.details) for twin in twins.values()],
            key=f"{key}_twin",
        )
        return {Field.CUSTOMER: chosen} if chosen and chosen != before else {}
    before = row.request.customer
    typed = st.text_input(
        "Customer (id or e-mail address)",
        value=pick or before,
        key=f"{key}_customer_cell_{pick or ''}",
        autocomplete="off",
    )
    return {Field.CUSTOMER: typed} if typed != before else {}


def _cells(row: RunRow, choices: RowChoices, key: str) -> dict[Field, str]:
    """What differs from what holds now."""
    before = {field: value_of(row.request, field) or "" for field in Field}
    left, right = st.columns([3, 2])
    typed: dict[Field, str] = {
        Field.AMOUNT: left.text_input(
            "Amount",
            value=before[Field.AMOUNT],
            key=f"{key}_amount",
            autocomplete="off",
            placeholder=typed_amount.example(before[Field.CURRENCY]),
        )
    }
    codes = pickers.CURRENCY_CODES
    code = right.selectbox(
        "Currency",
        codes,
        index=codes.index(before[Field.CURRENCY]) if before[Field.CURRENCY] in codes else None,
        key=f"{key}_currency",
        format_func=str.upper,
        placeholder="Choose",
    )
    typed[Field.CURRENCY] = currency(code).code if code else ""
    typed[Field.REFERENCE] = st.text_input(
        "Reference", value=before[Field.REFERENCE], key=f"{key}_reference", autocomplete="off"
    )
    typed[Field.PAYMENT_METHOD] = _method(before[Field.PAYMENT_METHOD], choices.methods, key)
    # A form has seven fields at most; the text on the statement is seldom what is wrong.
    of_suffix = any(finding.column == Field.SUFFIX for finding in row.findings)
    last = Field.SUFFIX if of_suffix else Field.DESCRIPTION
    typed[last] = st.text_input(
        LABELS[last], value=before[last], key=f"{key}_{last.value}", autocomplete="off"
    )
    return {field: text for field, text in typed.items() if text != before[field]}


def _method(before: str, methods: tuple[PaymentMethod, ...], key: str) -> str:
    labels = distinct(
        {
            _OWN: "The customer's default, else the newest",
            **({before: f"{before}, as it is"} if before else {}),
            **{method.id: payment_methods.label(method) for method in methods},
        }
    )
    options = list(labels)
    chosen = st.selectbox(
        "Saved method",
        options,
        index=options.index(before),
        format_func=lambda id_: labels[id_],
        key=f"{key}_method",
    )
    return chosen or _OWN
