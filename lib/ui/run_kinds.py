"""The findings of a draft's rows, by kind: how many, what they come to, and one answer for all of a kind."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.correction_fields import Field
from lib.domain.newer_methods import NEWER_METHOD, OLDER_METHOD_CHOSEN
from lib.domain.runs import RunState, Severity
from lib.domain.twins import HAS_TWIN
from lib.errors import InvalidInput
from lib.reports.frames import records
from lib.services.runs.draft_links import NO_CARD
from lib.services.runs.run_object import RunView
from lib.ui import filters, outcome, pickers, run_links, run_words
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

PARAM = "finding"
_SHOWN = 12
_LONGEST = 60
_ICONS = {
    Severity.RED: ":red[:material/block:]",
    Severity.STOPPED: ":orange[:material/front_hand:]",
    Severity.AMBER: ":orange[:material/visibility:]",
}
LABELS = {
    NO_CARD: "No saved method",
    "customer_unknown": "Customer not known",
    "customer_ambiguous": "Several customers fit",
    "customer_deleted": "Customer was deleted",
    "customer_missing": "No customer in the row",
    "customer_not_checked": "Stripe could not be asked about the customer",
    "currency_missing": "No currency",
    "currency_unknown": "Currency not known",
    "currency_contradicts_heading": "Currency contradicts the heading",
    "currency_contradicts_format": "Currency contradicts the cell's format",
    "amount_missing": "No amount",
    "amount_invalid": "Amount cannot be read",
    "amount_negative": "Negative amount",
    "amount_unusual": "Unusual amount",
    "amount_too_small": "Amount too small",
    "amount_too_many_decimals": "Too many decimals for the currency",
    "amount_is_a_sum": "Perhaps a total",
    "amount_not_positive": "Amount of nothing",
    "amount_too_large": "Amount too large",
    "amount_in_other_unit": "Amounts in cents or thousands",
    "amount_of_credits": "Amounts of a column of credits",
    "amount_rounded": "Amount rounded by its format",
    "amount_shown_otherwise": "Amount shown otherwise than it is",
    "amount_with_words": "Words beside the amount",
    "amount_format_unknown": "Amount in a format that is not known",
    "amount_of_two_columns": "Two columns, two amounts",
    "reference_missing": "No reference",
    "reference_repeated": "Reference twice in the file",
    "reference_alike": "Reference like another one",
    "corrected_before": "Corrected to something that is charged",
    "paid_otherwise": "Noted as paid in another way",
    "payer_said_no": "The payer answered “please not”",
    "reference_of_another": "Reference of another customer, too",
    "reference_is_date": "Reference became a date",
    "reference_is_truth": "Reference became a truth value",
    "reference_like_date": "Reference like a date",
    "reference_by_language": "Reference with separators",
    "reference_shown_shorter": "Reference that Excel shows shorter",
    "reference_says_nothing": "Reference that says nothing",
    "reference_unlike_others": "Reference unlike the others",
    "card_never_again": "Card must not be charged again",
    "currency_not_supported": "Method does not take the currency",
    "amount_too_large_for_method": "Method does not take so much at once",
    HAS_TWIN: "Another customer with the same address",
    "charged_elsewhere": "Charged for a customer with the same address",
    "twin_in_another_run": "In a run for a customer with the same address",
    "outcome_unknown": "An earlier outcome is unknown",
    "reference_planned": "A charge of it is planned",
    "credit_note_mentioned": "Perhaps a credit note",
    "row_total_mentioned": "Perhaps a total",
    "reference_like_formula": "Reference is a formula",
    "letters_garbled": "Letters look garbled",
    "letters_in_signs": "Letters written in signs",
    "letters_unusual": "Letters that no language writes so",
    "letters_lost": "Letters were lost",
    "letters_perhaps_lost": "Letters perhaps lost",
    "row_numbered_as_credit": "Numbered like a credit note",
    "row_type_unusual": "A type that may be no charge",
    "row_is_settled": "Marked as settled",
    "row_not_to_charge": "Says: do not charge",
    "decimal_unconfirmed": "Number style not confirmed",
    "decimal_other_style": "Another number style",
    "hidden_unconfirmed": "Hidden rows not decided",
    "damaged_by_spreadsheet": "Damaged by the spreadsheet",
    "formula_without_value": "Formula without a value",
    "cell_too_long": "Cell too long",
    "encoding_unconfirmed": "Letters not confirmed",
    "already_charged": "Charged already",
    "in_another_run": "In another run",
    "another_try": "Failed before, may be tried again",
    "retry_not_allowed": "Failed before, must not be tried again",
    "retry_too_early": "Failed before, too early to try again",
    "too_many_attempts": "Tried too often",
    "similar_charge": "Same amount a few days ago",
    "method_chosen": "One of several methods chosen",
    NEWER_METHOD: "A newer method than the default",
    OLDER_METHOD_CHOSEN: "The default, though a newer method was saved",
    "expires_soon": "Card expires soon",
    "method_confirming": "Bank still confirms",
    "payment_method_unknown": "Saved method not known",
    "payment_method_not_usable": "Saved method cannot be charged",
    "payment_method_of_another_customer": "Saved method of another customer",
    "row_is_heading": "A heading, no charge",
    "row_of_other_table": "Of another table",
    "row_under_title": "Title says: no charge",
    "row_is_total": "A total, no charge",
    "row_is_credit": "A credit, no charge",
    "row_is_credit_note": "A credit note",
    "row_perhaps_credit": "Perhaps a credit",
    "row_hidden": "Hidden in the spreadsheet",
    "row_struck_out": "Struck out in the spreadsheet",
    "row_perhaps_struck_out": "Perhaps struck out in the spreadsheet",
    "cell_partly_struck": "Partly struck out",
    "cell_partly_raised": "With a raised letter, as of a note",
    "cell_partly_unseen": "Partly unseen in the spreadsheet",
    "cell_unseen": "Not seen in the spreadsheet",
    "cell_covered": "Under merged cells in the spreadsheet",
    "cell_perhaps_unseen": "Perhaps hidden in the spreadsheet",
    "corrected": "Corrected by hand",
}
_METHODS = {
    "newest": "The newest that can be charged",
    "own": "The customer's default, else the newest",
}
# One choice for the file: which of two methods is meant.
_NEWER_METHODS = {"newer": "The one saved last", "default": "The default at Stripe"}
_OF_CURRENCY = frozenset(
    {"amount_too_many_decimals", *(code for code in LABELS if code.startswith("currency_"))}
)
_OF_METHOD = frozenset(
    {
        "method_chosen",
        NEWER_METHOD,
        "expires_soon",
        "payment_method_unknown",
        "payment_method_not_usable",
        "payment_method_of_another_customer",
        "retry_not_allowed",
    }
)


def chosen() -> str | None:
    """The kind whose rows are shown alone, as the address says."""
    code = st.query_params.get(PARAM, "")
    return code[:60] or None


def only(code: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Only rows with: {escape(_label(code, code))}", width="content")
        st.button(
            "All rows",
            key="run_kinds_all",
            type="tertiary",
            icon=":material/close:",
            on_click=_show,
        )


def draw(ctx: PageContext, view: RunView) -> None:
    """Of a draft, and before somebody decides; nothing when nothing was found."""
    is_draft = view.run.state is RunState.DRAFT
    if is_draft:
        run_links.made(view)
    kinds = [
        kind
        for kind in records(ctx.services.reports.runs.kinds(view.run.id))
        # What was corrected has a table of its own where it is decided on.
        if is_draft or kind["code"] != "corrected"
    ]
    if not kinds:
        return
    with st.container(border=True, gap="small"):
        st.markdown("**What was found**")
        for kind in kinds[:_SHOWN]:
            _kind(ctx, view, kind)
        if len(kinds) > _SHOWN:
            st.caption(f"And {len(kinds) - _SHOWN:,} other kinds: see the rows.")


def _kind(ctx: PageContext, view: RunView, kind: dict[str, Any]) -> None:
    code = str(kind["code"])
    sums = run_words.totals(kind["totals"], most=3)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{_ICONS[Severity(kind['severity'])]} **{escape(_label(code, kind['message']))}** · "
            f"{escape(plural(kind['rows'], 'row'))}{f' · {escape(sums)}' if sums else ''}",
            width="stretch",
        )
        # Together in a line of their own where the window is narrow.
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.button(
                "Show", key=f"run_kinds_show_{code}", type="tertiary", on_click=_show, args=(code,)
            )
            is_draft = view.run.state is RunState.DRAFT
            if is_draft and code != "corrected" and ctx.actor.may(Permission.CHARGE):
                with st.popover("All of these", icon=":material/checklist:"):
                    _for_all(ctx, view, code, kind["rows"])


def _for_all(ctx: PageContext, view: RunView, code: str, count: int) -> None:
    if code == NO_CARD and ctx.actor.may(Permission.MANAGE_LINKS):
        run_links.ask(ctx, view)
    with st.form(f"run_kinds_form_{code}", border=False):
        currency = method = None
        if code in _OF_CURRENCY:
            currency = st.selectbox(
                "Currency of all of these rows",
                pickers.CURRENCY_CODES,
                index=None,
                key=f"run_kinds_currency_{code}",
                format_func=str.upper,
                placeholder="Choose one",
            )
        elif code in _OF_METHOD:
            methods = _NEWER_METHODS if code == NEWER_METHOD else _METHODS
            method = st.radio(
                "Saved method of all of these rows",
                list(methods),
                index=None if code == NEWER_METHOD else 0,
                format_func=methods.__getitem__,
                key=f"run_kinds_method_{code}",
            )
        reason = st.text_input(
            "Why",
            key=f"run_kinds_reason_{code}",
            autocomplete="off",
            max_chars=300,
            placeholder="Whoever approves reads it",
        )
        with st.container(horizontal=True):
            sets = code in _OF_CURRENCY | _OF_METHOD and st.form_submit_button(
                f"Set for {plural(count, 'row')}", key=f"run_kinds_set_{code}", type="primary"
            )
            leaves = st.form_submit_button(
                f"Leave out {plural(count, 'row')}", key=f"run_kinds_leave_out_{code}"
            )
    service = ctx.services.runs.corrections
    if not (sets or leaves):
        return
    with outcome.show() as toast, st.spinner("Checking these rows again …"):
        numbers = service.rows_with(view.run.id, code)
        if leaves:
            done = service.leave_out(view.run.id, numbers, reason=reason, by=ctx.actor)
            toast.message = f"{plural(done, 'row')} left out."
        else:
            if code in _OF_METHOD and method is None:
                raise InvalidInput("Choose which method is charged.", field="method")
            done = _set(ctx, view, numbers, currency, method, reason)
            toast.message = f"{plural(done, 'row')} corrected and checked again."


def _set(
    ctx: PageContext,
    view: RunView,
    numbers: list[int],
    currency: str | None,
    method: str | None,
    reason: str,
) -> int:
    service, run_id = ctx.services.runs.corrections, view.run.id
    if method in _NEWER_METHODS:
        newer_methods = ctx.services.runs.newer_methods
        return newer_methods.choose(run_id, use=method == "newer", reason=reason, by=ctx.actor)
    if method == "newest":
        return service.charge_newest_methods(run_id, numbers, reason=reason, by=ctx.actor)
    changes = {Field.PAYMENT_METHOD: ""} if method else {Field.CURRENCY: currency or ""}
    return service.correct(run_id, numbers, changes, reason=reason, by=ctx.actor)


def _label(code: str, otherwise: str) -> str:
    if code in LABELS:
        return LABELS[code]
    return otherwise if len(otherwise) <= _LONGEST else f"{otherwise[:_LONGEST]}…"


def _show(code: str = "") -> None:
    st.query_params.pop("run_rows_after", None)
    if code:
        st.query_params[PARAM] = code
        filters.go("rows")
    else:
        st.query_params.pop(PARAM, None)
