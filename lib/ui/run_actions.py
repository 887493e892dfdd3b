"""Submitting a run, deciding on it, and what can be done with one of its rows."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.approvals import RENEWABLE
from lib.domain.control_totals import ControlTotals, typed, uncounted
from lib.domain.files import typed_sums
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import not_counted
from lib.domain.runs import Run, RunState
from lib.services.runs.run_object import RunView
from lib.ui import outcome, run_words, second_look, typed_amount
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural


def decision(ctx: PageContext, view: RunView) -> None:
    """
    Under the sums: the step that needs more than a click, submit or decide; once it was executed,
    what of it was collected elsewhere.
    """
    run, by = view.run, ctx.actor
    if view.elsewhere:
        st.caption(escape(run_words.elsewhere(view.elsewhere)))
    if run.state is RunState.DRAFT and by.may(Permission.CHARGE):
        _submit(ctx, view)
    elif run.state is RunState.AWAITING_APPROVAL:
        _decide(ctx, view)
    elif run.stop_code in RENEWABLE:
        _renew(ctx, view)


def _submit(ctx: PageContext, view: RunView) -> None:
    planned = view.counts.get("planned", 0)
    with st.container(border=True):
        st.markdown("**Submit for approval**")
        if not planned and not view.without_card:
            st.caption("No row can be charged yet. Look at what blocks them, then check again.")
            return
        blocked, left_out = (view.counts.get(state, 0) for state in ("blocked", "cancelled"))
        st.caption(
            f"{plural(view.chargeable.rows, 'row')} can be charged. {escape(run_words.stopped(view))} Kept back "
            f"and listed: {blocked:,} blocked, {left_out:,} left out. Somebody else then approves exactly this."
        )
        beside = not_counted(view.run.reading)
        st.caption(
            f"“Rows you expect” is the figure Rows above: all {plural(sum(view.counts.values()), 'row')} of this run, "
            "blocked and left out ones too. Totals are of these rows, as they came and with the corrections."
            f"{escape(f' {beside}') if beside else ''}"
        )
        if view.without_card:
            st.caption(
                f"{plural(view.without_card, 'row lacks', 'rows lack')} a card. With “Wait for cards” each of them that nothing else blocks is "
                "charged once when its customer saves one; send the links on the page “Waiting for a card”."
            )
        with st.form("run_submit_form", border=False):
            left, right = st.columns(2)
            rows = left.text_input(
                "Rows you expect (optional)",
                key="run_control_rows",
                autocomplete="off",
                placeholder="As your own books say",
                help="The figure Rows above: all rows of this run, blocked and left out ones too.",
            )
            sums = right.text_input(
                "Totals you expect (optional)",
                key="run_control_totals",
                autocomplete="off",
                placeholder="12345.60 eur, 5000 jpy",
                help="Of these rows, from your own books and not from this page: a wrong file is noticed here.",
            )
            with right:
                sign = typed_amount.ask_of_several(
                    "Totals you expect", "run_control_totals", view.totals
                )
            canary = left.number_input(
                "Stop after the first rows",
                key="run_canary",
                min_value=0,
                value=0,
                step=1,
                help="After so many rows the run pauses, so that you can look before the rest. 0: it does not.",
            )
            new_cards = right.checkbox(
                "The approval covers new cards",
                key="run_new_cards",
                help="When a customer whose charge failed saves a new card, that charge may be tried once more without another approval.",
            )
            wait = right.checkbox(
                "Wait for cards",
                key="run_wait_for_cards",
                help="Rows that lack nothing but a card are part of the run: each is charged once when its customer saves a card by the link of that charge, as long as the approval holds.",
            )
            if st.form_submit_button(
                "Submit", key="run_submit", type="primary", icon=":material/send:"
            ):
                with outcome.show("Submitted. Somebody else has to approve it."):
                    ctx.services.runs.approvals.submit(
                        view.run.id,
                        by=ctx.actor,
                        control=_control(rows, sums, view.totals, sign),
                        canary=int(canary),
                        charge_new_cards=bool(new_cards),
                        wait_for_cards=bool(wait),
                    )


def _control(
    rows: str, sums: str, currencies: Collection[str], sign: DecimalSign | None
) -> ControlTotals | None:
    """
    Raises:
        InvalidInput: what was typed is no number, or no list of amounts with their currencies.
    """
    return typed(rows, typed_sums.listed(sums, currencies), sign)


def _decide(ctx: PageContext, view: RunView) -> None:
    run, by = view.run, ctx.actor
    with st.container(border=True):
        st.markdown("**Waits for approval**")
        approvers = _given(view)
        st.caption(
            f"{plural(view.chargeable.rows, 'row')}, {escape(run_words.all_planned(view))}. "
            + (f"{escape(run_words.stopped(view))} " if view.stopped.rows else "")
            + ("It is over a limit and needs two approvers. " if run.approvals_needed > 1 else "")
            + (
                f"The maker expected {escape(run.control.in_words())} in all, and that is what it holds. "
                if run.control is not None
                else ""
            )
            + (
                f"Pauses after the first {_first(run.canary)} to be looked at. "
                if run.canary
                else ""
            )
            + (
                "Also allows one more try when a customer saves a new card. "
                if run.charge_new_cards
                else ""
            )
            + (
                "Rows without a card wait for one, and are charged once when it comes. "
                if run.wait_for_cards
                else ""
            )
        )
        file = ctx.services.runs.draft_views.file_totals(run.id)
        for sentence in filter(None, (uncounted(file.unreadable), file.not_counted)):
            st.caption(escape(sentence))
        if by.username in approvers:
            st.caption("Approved by you. One more person has to approve.")
            return
        if approvers:
            st.caption(
                escape(f"Approved once, by {', '.join(_name(ctx, who) for who in approvers)}.")
            )
        if not second_look.may_decide(ctx, makers=_makers(ctx, run)):
            return
        stopped = _stopped(ctx, run)
        decision = second_look.form(
            ctx, "run", reason="Reason (to reject, or to charge what is stopped)" if stopped else ""
        )
        shown = _shown(run)
        if decision is not None and decision.approves:
            with decision.beside, outcome.show() as toast:
                decided = ctx.services.runs.approvals.approve(
                    run.id,
                    digest=shown,
                    by=by,
                    password=decision.password,
                    note=decision.note if stopped else None,
                )
                toast.message = (
                    "Approved. Nothing is charged until somebody starts it."
                    if decided.state is RunState.APPROVED
                    else "Approved by you. One more person has to approve."
                )
        elif decision is not None:
            with decision.beside, outcome.show("Sent back to the maker."):
                ctx.services.runs.approvals.reject(
                    run.id, digest=shown, by=by, password=decision.password, reason=decision.note
                )


def _renew(ctx: PageContext, view: RunView) -> None:
    """What was approved is approved once more: the rows are the same, the people or the day are not."""
    run, by = view.run, ctx.actor
    with st.container(border=True):
        st.markdown("**Waits to be approved again**")
        rows, counted = view.counts.get("planned", 0), view.standing
        what = (
            f"{plural(rows, 'row')} of it, {run_words.all_planned(view)}, would still be charged."
            if run.state is not RunState.FINISHED
            else "Customers of rows that failed saved a new card, which this run's approval covers."
        )
        st.caption(escape(f"{what} Nothing else changes: the rows are those that were approved."))
        corrected = ctx.services.runs.draft_views.correction_totals(run.id)
        if corrected.rows:
            st.caption(escape(f"Against the file: {corrected.in_words()}"))
        if counted is not None and by.username in counted.people:
            st.caption("Approved by you. One more person has to approve.")
            return
        if not second_look.may_decide(ctx, makers=_makers(ctx, run)):
            return
        stopped = _stopped(ctx, run)
        decision = second_look.form(
            ctx,
            "run",
            yes="Approve again",
            no=None,
            reason="Reason to charge what is stopped" if stopped else None,
        )
        shown = _shown(run)
        if decision is not None:
            with decision.beside, outcome.show() as toast:
                ctx.services.runs.approvals.approve(
                    run.id,
                    digest=shown,
                    by=by,
                    password=decision.password,
                    note=decision.note or None,
                )
                still = ctx.services.runs.approvals.standing(run.id).stop
                toast.message = (
                    "Approved by you. One more person has to approve."
                    if still
                    else "Approved again. It goes on when somebody starts or resumes it."
                    if run.state is not RunState.FINISHED
                    else "Approved again. The new cards are charged within minutes."
                )


def _stopped(ctx: PageContext, run: Run) -> list[str]:
    """Rows that an approver opens with a reason; says which."""
    stopped = ctx.services.runs.approvals.stopped(run.id)
    if stopped:
        st.warning(
            escape(
                f"{plural(len(stopped), 'row is', 'rows are')} stopped: {' '.join(stopped[:5])}"
            ),
            icon=":material/block:",
        )
    return stopped


def _makers(ctx: PageContext, run: Run) -> set[str | None]:
    """Who is not asked; the service knows all who prepared it."""
    corrections = ctx.services.runs.draft_views.corrections(run.id)
    return {run.submitted_by, run.created_by, *(entry.by for entry in corrections.entries)}


def _given(view: RunView) -> list[str]:
    """User names of who approved what is submitted now; approvals of what it was before do not count."""
    run = view.run
    return [
        one.by
        for one in view.decisions
        if one.decision == "approve"
        and one.digest == run.digest
        and one.at >= (run.submitted_at or 0)
    ]


def _first(rows: int) -> str:
    return "row" if rows == 1 else f"{rows:,} rows"


def _name(ctx: PageContext, username: str) -> str:
    user = ctx.services.users.find(username)
    return user.name if user else username


def _shown(run: Run) -> str:
    """
    The digest of what stood on the page before this click, which is what is decided on.

    A click runs the script anew, and the script reads the run anew: by then it may be another one.
    """
    key = f"run_shown_{run.id}"
    before = st.session_state.get(key, "")
    st.session_state[key] = run.digest or ""
    return str(before)
