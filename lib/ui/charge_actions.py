"""Actions on one charge: try again, recover, cancel, find out. Each only where it may."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.charges import ChargeState
from lib.domain.declines import Reason
from lib.domain.resolutions import LookResult
from lib.domain.typed_codes import confirms
from lib.errors import InvalidInput
from lib.ui import (
    badges,
    charge_words,
    message_panel,
    navigation,
    outcome,
    refused_links,
    stripe_links,
)
from lib.ui.charge_details import Details
from lib.ui.context import PageContext
from lib.ui.customer_mail import in_words as mail_in_words
from lib.ui.customer_mail import mail_address
from lib.ui.formats import day, escape

_WORD = "cancel"
_UNSETTLED = (ChargeState.UNKNOWN, ChargeState.ATTEMPTING, ChargeState.PROCESSING)


def look_now(ctx: PageContext, charge_id: str, state: ChargeState, *, key: str) -> None:
    """Ask Stripe for evidence now."""
    if state not in _UNSETTLED or not ctx.actor.may(Permission.SYNC):
        return
    if st.button("Look now", key=key, icon=":material/search:", type="primary", width="stretch"):
        with outcome.show() as toast:
            look = ctx.services.charge_resolver.resolve(charge_id, by=ctx.actor)
            now = ctx.services.charges.view(charge_id).charge.state
            answer = f"Found out: {badges.look(now.value).label.lower()}."
            toast.message = answer if look is LookResult.FINAL else charge_words.LOOKED[look]


def recovery(details: Details) -> None:
    """The customer's link and the message to send with it."""
    view, ctx = details.view, details.ctx
    if view.failure is None or not details.is_retryable or details.new_methods:
        return
    if not ctx.actor.may(Permission.MANAGE_LINKS):
        return
    refused_links.warn(ctx)
    message = ctx.services.messages.composer.about_charge(details.id)
    if view.recovery_url is None and view.failure.explanation.offers_link:
        if st.button(
            "Make a recovery link",
            key=f"charge_recover_{details.seen}",
            type="primary",
            icon=":material/add_link:",
        ):
            with outcome.show("Recovery link made."):
                ctx.services.links.recover(details.id, by=ctx.actor)
        return
    if message:
        st.caption("Message for the customer")
        is_sent = bool(message.link_id) and message_panel.sending(
            ctx, message, key=f"charge_message_{details.seen}"
        )
        if message.address:
            is_next = view.failure.explanation.offers_link and not is_sent
            st.link_button(
                "Write to the customer",
                mail_address(message),
                type="primary" if is_next else "secondary",
                icon=":material/mail:",
                help=mail_in_words(message),
            )
        st.code(message.message.text, language=None, wrap_lines=True)
    if view.recovery_url and view.recovery_link:
        st.caption(f"Recovery link, works until {day(view.recovery_link.expires_at, ctx.timezone)}")
        st.code(view.recovery_url, language=None, wrap_lines=True)


def look_first(details: Details) -> None:
    """Where the next step is to look before anything else: at the payment, or at the customer's others."""
    failure, last = details.view.failure, details.view.last
    if failure is None or not details.is_retryable or details.new_methods:
        return
    if failure.reason is Reason.STRIPE_BLOCKED and last is not None and last.payment_intent:
        address = stripe_links.payment(details.ctx.services.settings.mode, last.payment_intent)
        if address is not None:
            st.link_button(
                "Look at it in Stripe", address, type="primary", icon=":material/open_in_new:"
            )
        else:
            st.caption("Practice mode has no Stripe Dashboard to look at it in.")
    charges = navigation.find("charges")
    if (
        failure.reason is Reason.POSSIBLE_DUPLICATE
        and charges is not None
        and st.button(
            "Look at this customer's charges",
            key=f"charge_others_{details.seen}",
            type="primary",
            icon=":material/receipt_long:",
        )
    ):
        st.switch_page(charges.path, query_params={"customer": details.view.charge.customer})


def cancel(details: Details) -> None:
    """Give the charge up; the reference becomes free."""
    if not details.may_be_cancelled or not details.ctx.actor.may(Permission.CHARGE):
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
            if not confirms(typed, _WORD):
                raise InvalidInput(f"Type “{_WORD}” to confirm. Nothing was changed.", field="word")
            details.ctx.services.charges.cancel(details.id, by=details.ctx.actor)
