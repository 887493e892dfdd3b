"""The do-not-charge switch on a customer's page: why it is on, and the forms that set and lift it."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.holds import AT_STRIPE, MOST_REASON, Hold
from lib.ui import navigation, outcome
from lib.ui.context import PageContext
from lib.ui.formats import escape, exact


def banner(ctx: PageContext, customer_id: str) -> None:
    """Whether anything may be charged, first thing on the page; nothing where all may."""
    covering = ctx.services.holds.covering(customer_id)
    if covering is None:
        return
    at = exact(covering.set_at, ctx.timezone)
    by = f"{_setter(ctx, covering)}, {at}. Nothing is charged, whatever was planned."
    st.error(
        f"**Do not charge.** {escape(covering.reason)}  \n:small[{escape(by)}]",
        icon=":material/block:",
    )
    if covering.customer != customer_id:
        st.markdown("It is set for another customer with the same e-mail address.")
        if spec := navigation.find("customers"):
            st.page_link(
                navigation.page(spec),
                label=covering.customer,
                icon=":material/person:",
                query_params={"customer": covering.customer},
            )
    waiting = ctx.services.holds.waiting(customer_id)
    if waiting is not None and waiting.error:
        st.warning(
            f"Stripe could not be told yet, and is told again by itself. {escape(waiting.error)}",
            icon=":material/sync_problem:",
        )


def switch(ctx: PageContext, customer_id: str) -> None:
    """Set it, or lift what somebody else set; for whoever may."""
    if not ctx.actor.may(Permission.HOLD):
        return
    holds = [one for one in ctx.services.holds.of(customer_id) if one.is_open]
    if holds:
        _lift(ctx, customer_id, holds)
    else:
        _set(ctx, customer_id)


def _set(ctx: PageContext, customer_id: str) -> None:
    with (
        st.expander("Do not charge this customer", icon=":material/block:"),
        st.form("customers_hold", border=False),
    ):
        st.markdown(
            "Stops everything at once: single charges, rows of runs that were approved, later tries and new cards, also for "
            "customers with the same e-mail address. It is written to the customer at Stripe. Somebody else lifts it."
        )
        reason = st.text_input(
            "Reason",
            key="customers_hold_reason",
            max_chars=MOST_REASON,
            placeholder="Disputes invoice INV-204; waits for our lawyer",
        )
        if st.form_submit_button("Stop all charges", key="customers_hold_submit"):
            with outcome.show("Nothing is charged to this customer any more."):
                ctx.services.holds.set(customer_id, reason=reason, by=ctx.actor)


def _lift(ctx: PageContext, customer_id: str, holds: list[Hold]) -> None:
    if any(one.set_by == ctx.actor.username for one in holds):
        st.caption("You stopped the charges, so somebody else has to lift that.")
        return
    with (
        st.expander("Allow charges again", icon=":material/lock_open:"),
        st.form("customers_release", border=False),
    ):
        reason = st.text_input("Reason", key="customers_release_reason", max_chars=MOST_REASON)
        st.caption("What was stopped meanwhile stays stopped: charge it again where it is owed.")
        if st.form_submit_button("Allow charges again", key="customers_release_submit"):
            with outcome.show("This customer may be charged again."):
                ctx.services.holds.lift(customer_id, reason=reason, by=ctx.actor)


def _setter(ctx: PageContext, hold: Hold) -> str:
    if hold.set_by == AT_STRIPE:
        return "Written at Stripe by hand"
    names = {user.username: user.name for user in ctx.services.users.list()}
    name = names.get(hold.set_by, hold.set_by)
    return f"Read at Stripe: stopped by {name}" if hold.is_from_stripe else f"Stopped by {name}"
