"""Actions on one charge: try again, recover, cancel, find out. Each only where it may."""

from __future__ import annotations

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.charges import ChargeState
from lib.domain.retries import why_not_again
from lib.errors import InvalidInput
from lib.ui import badges, charge_words, confirm, methods, navigation, outcome
from lib.ui.charge_details import Details
from lib.ui.context import PageContext
from lib.ui.formats import day, escape

_WORD = "cancel"
_UNSETTLED = (ChargeState.UNKNOWN, ChargeState.ATTEMPTING, ChargeState.PROCESSING)


def look_now(ctx: PageContext, charge_id: str, state: ChargeState, *, key: str) -> None:
    """Ask Stripe for evidence now."""
    if state not in _UNSETTLED or not ctx.actor.may(Permission.SYNC):
        return
    if st.button("Look now", key=key, icon=":material/search:", type="primary", width="stretch"):
        with outcome.show() as toast:
            settled = ctx.services.charge_resolver.resolve(charge_id, by=ctx.actor)
            now = ctx.services.charges.view(charge_id).charge.state
            toast.message = (
                f"Found out: {badges.look(now.value).label.lower()}."
                if settled
                else "Stripe has no answer yet. Onfile looks again by itself."
            )


def try_again(details: Details) -> None:
    """Charge the same sum for the same reference, on a method that may be charged now."""
    if not details.is_retryable or not details.ctx.actor.may(Permission.CHARGE):
        return
    now = epoch(details.ctx.now)
    usable = methods.usable(details.methods)
    refused = {
        method.id: charge_words.why_not_now(refusal, details.ctx.timezone)
        for method in usable
        if (refusal := why_not_again(details.view.attempts, method.id, now, money=details.money))
    }
    open_to = [method for method in usable if method.id not in refused]
    new = details.new_methods
    if new:
        st.success(f"New card saved: {escape(new[0].label)}", icon=":material/credit_card:")
    label = f"Charge {escape(details.sum)} again"
    if not open_to:
        st.button(label, key=f"charge_again_{details.seen}", disabled=True, width="stretch")
        methods.not_usable([method for method in usable if method.id in refused], refused)
        if not usable:
            st.caption("No saved method can be charged. Send the link first.")
        return
    with (
        st.expander("Try again", icon=":material/replay:", expanded=bool(new)),
        st.form(f"charge_again_form_{details.seen}", border=False),
    ):
        notes = {method.id: "new" for method in new}
        chosen = methods.pick(open_to, key=f"charge_again_method_{details.seen}", notes=notes)
        methods.not_usable([method for method in usable if method.id in refused], refused)
        typed = ""
        if confirm.is_large(details.money):
            typed = confirm.typed_amount(
                details.money, key=f"charge_again_amount_{details.seen}", why="a large sum"
            )
        st.caption(
            f"Charges {escape(details.row['name'])} {escape(details.sum)} now for "
            f"{escape(details.view.charge.reference)}, as try {len(details.view.attempts) + 1}."
        )
        click = st.form_submit_button(
            label, key=f"charge_again_{details.seen}", type="primary", icon=":material/replay:"
        )
    if click:
        with outcome.show() as toast:
            if confirm.is_large(details.money):
                confirm.check(details.money, typed)
            tried = details.ctx.services.charges.retry(
                details.id,
                by=details.ctx.actor,
                payment_method=chosen,
                attempt=len(details.view.attempts) + 1,
            )
            toast.message = f"{details.sum}: {badges.look(tried.charge.state.value).label.lower()}."


def recovery(details: Details) -> None:
    """The customer's link and the message to send with it."""
    view, ctx = details.view, details.ctx
    if view.failure is None or not details.is_retryable or details.new_methods:
        return
    if not ctx.actor.may(Permission.MANAGE_LINKS):
        return
    message = view.customer_message()
    if view.recovery_url is None and view.failure.explanation.offers_link:
        if st.button(
            "Make a recovery link", key=f"charge_recover_{details.seen}", icon=":material/add_link:"
        ):
            with outcome.show("Recovery link made."):
                ctx.services.links.recover(details.id, by=ctx.actor)
        return
    if message:
        st.caption("Message for the customer")
        st.code(message, language=None, wrap_lines=True)
    if view.recovery_url and view.recovery_link:
        st.caption(f"Recovery link, works until {day(view.recovery_link.expires_at, ctx.timezone)}")
        st.code(view.recovery_url, language=None, wrap_lines=True)


def cancel(details: Details) -> None:
    """Give the charge up; the reference becomes free."""
    if not details.is_retryable or not details.ctx.actor.may(Permission.CHARGE):
        return
    with (
        st.expander("Cancel this charge", icon=":material/block:"),
        st.form(f"charge_cancel_form_{details.seen}", border=False),
    ):
        st.markdown(
            f"Onfile stops collecting {escape(details.sum)} for "
            f"{escape(details.view.charge.reference)}. The recovery link ends, and the reference "
            "may be charged anew."
        )
        typed = st.text_input(
            f"Type “{_WORD}” to confirm", key=f"charge_cancel_word_{details.seen}"
        )
        click = st.form_submit_button("Cancel charge", key=f"charge_cancel_{details.seen}")
    if click:
        with outcome.show("Charge cancelled."):
            if typed.strip().lower() != _WORD:
                raise InvalidInput(f"Type “{_WORD}” to confirm. Nothing was changed.", field="word")
            details.ctx.services.charges.cancel(details.id, by=details.ctx.actor)


def link_to_setup(customer_id: str, label: str = "Make a setup link") -> None:
    """Where the customer saves a method, for those who may make links."""
    spec = navigation.find("setup_links")
    if spec is not None:
        st.page_link(
            spec.path,
            label=label,
            icon=":material/add_link:",
            query_params={"customer": customer_id},
        )
