"""The limits above which one approval is not enough: what they are, and changing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.default_limits import CHARGES_A_DAY, DOLLARS, RATES_OF
from lib.domain.limits import Limits, LimitsInForce, in_force
from lib.money import format_money
from lib.ui import admin_changes, asked_again, navigation, outcome, pickers, tables, typed_amount
from lib.ui.context import PageContext
from lib.ui.formats import escape, when

_NAMED = 6
_DEFAULTS = (
    f"A currency without a limit of its own has the default: about {DOLLARS:,} US dollars' worth for a charge, and "
    f"{CHARGES_A_DAY} times that for a run and for a day (rates of {RATES_OF:%B %Y}). "
    "To have no limit, save empty fields."
)


def draw(ctx: PageContext) -> None:
    st.subheader("Limits", anchor=False)
    st.caption(
        "Above a limit a run needs two approvers, and a single charge is refused: it has to go into a run. "
        f"Days begin at midnight in {ctx.services.settings.timezone} (ONFILE_TIMEZONE)."
    )
    table = ctx.services.limits.table()
    frame = pd.DataFrame(
        [
            {
                "code": one.currency.upper(),
                "currency": one.currency,
                "per_charge": one.limits.per_charge,
                "per_run": one.limits.per_run,
                "per_day": one.limits.per_day,
                "whose": _whose(ctx, one),
            }
            for one in table
        ]
    )
    tables.listing(
        frame,
        {
            "code": tables.text("Currency", width=80),
            "per_charge": tables.amount("A charge", width=150),
            "per_run": tables.amount("A run", width=150),
            "per_day": tables.amount("A day", width=150),
            "whose": tables.text("Set by", width=230),
        },
        key="settings_limits",
        alt="Limits by currency, and which of them is a default",
        timezone=UTC,
    )
    st.caption(_DEFAULTS)
    too_few_approvers(ctx)
    _confirm(ctx, table, key="settings_limits_confirm")
    with st.expander("Set limits", icon=":material/speed:"):
        _form(ctx, ctx.services.limits.all())


def on_home(ctx: PageContext) -> None:
    """For an admin: asks once whether the defaults are right, and says when a limit cannot be agreed to."""
    if not ctx.actor.may(Permission.MANAGE_USERS):
        return
    too_few_approvers(ctx)
    if not ctx.services.limits.are_unconfirmed():
        return
    table = ctx.services.limits.table()
    with st.container(border=True, gap="small"):
        st.markdown("**Are these limits right for you?**")
        sums = [format_money(one.limits.per_charge or 0, one.currency) for one in table[:_NAMED]]
        more = " and so on" if len(table) > _NAMED else ""
        st.markdown(
            escape(
                f"Nobody has set a limit yet, so the default holds: {' · '.join(sums)}{more} for a charge, "
                f"{CHARGES_A_DAY} times that for a run and for a day. "
                "Above it a single charge is refused, and a run needs two approvers."
            )
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            _confirm(ctx, table, key="home_limits_confirm")
            if spec := navigation.find("settings"):
                st.page_link(
                    navigation.page(spec), label="Set other limits", icon=":material/speed:"
                )


def too_few_approvers(ctx: PageContext) -> None:
    """A limit asks for two people besides the maker; with fewer, what is above it goes nowhere."""
    names = ctx.services.limits.too_few_approvers()
    if names is None:
        return
    who = f"only {names[0]} could be one" if names else "nobody could be one"
    st.warning(
        escape(
            f"Above a limit a run needs two approvers besides its maker, and {who}. Such a run cannot be "
            "charged. Give a colleague the role approver (Users), or set another limit (Settings)."
        ),
        icon=":material/group_off:",
    )


def _confirm(ctx: PageContext, table: Sequence[LimitsInForce], *, key: str) -> None:
    if not ctx.services.limits.are_unconfirmed():
        return
    label = "Keep these limits" if len(table) > 1 else "Keep this limit"
    typed = asked_again.button(ctx, label, key=key, icon=":material/task_alt:")
    if typed is not None:
        with outcome.show("The default limits stay. Set others under Settings at any time."):
            ctx.services.limits.confirm_defaults(by=ctx.actor_again(typed))


def _whose(ctx: PageContext, limit: LimitsInForce) -> str:
    if limit.set_by is None or limit.set_at is None:
        return "Default: nobody has set it"
    user = ctx.services.users.find(limit.set_by)
    return f"{user.name if user else limit.set_by}, {when(limit.set_at, ctx.now, ctx.timezone)}"


def _form(ctx: PageContext, limits: dict[str, Limits]) -> None:
    code = st.selectbox(
        "Currency",
        pickers.CURRENCY_CODES,
        key="settings_limit_currency",
        format_func=str.upper,
        width=160,
    )
    now = in_force(limits, code)
    shown = {
        "per_charge": ("A charge", now.per_charge),
        "per_run": ("A run", now.per_run),
        "per_day": ("A day", now.per_day),
    }
    with st.form(f"settings_limits_{code}", border=False):
        fields = {
            name: place.text_input(
                label,
                value=typed_amount.prefilled(value, code) if value is not None else "",
                key=f"settings_{name}_{code}",
                placeholder="no limit",
                autocomplete="off",
            )
            for place, (name, (label, value)) in zip(st.columns(3), shown.items(), strict=True)
        }
        signs = {
            name: typed_amount.ask_in_form(label, f"settings_{name}_{code}", code)
            for name, (label, _) in shown.items()
        }
        typed = asked_again.field(ctx, f"settings_limits_password_{code}")
        if st.form_submit_button("Save", key="settings_limits_save", type="primary"):
            with outcome.show(f"Limits for {code.upper()} are set.") as toast:
                made = ctx.services.limits.set(
                    code, **fields, signs=signs, by=ctx.actor_again(typed)
                )
                admin_changes.tell(toast, made)
