"""Run an action and tell its outcome: success kept across a rerun, failures in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from lib.errors import (
    AlreadyCharged,
    Blocked,
    Busy,
    Declined,
    GatewayError,
    KeyReused,
    Misconfigured,
    Missing,
    NotPermitted,
    OutcomeUnknown,
    RuleViolation,
)
from lib.ui import context, navigation
from lib.ui.formats import escape

_FLASH = "outcome_flash"
_ROUNDS = "outcome_rounds"


@dataclass
class Toast:
    """What to tell when the block ends well; the block may change it."""

    message: str


@contextmanager
def show(
    success: str = "",
    *,
    clears: str = "",
    rerun: bool = True,
    blocked_by: Callable[[], str | None] | None = None,
) -> Iterator[Toast]:
    """
    Run the block; on success remember the message and rerun, so that the page reads afresh.

    Errors raised on purpose are shown where the block stands and nothing is rerun. Anything else
    goes through to `on_script_error`.

    Args:
        success: plain text, shown as a toast after the rerun.
        clears: the form to empty on success, named as in `fresh()`.
        blocked_by: finds the charge to link to when our own rules refuse another try.
        rerun: False when the block ends in `st.switch_page`, or inside a fragment.
    """
    toast = Toast(success)
    try:
        yield toast
    except RuleViolation as error:
        if isinstance(error, NotPermitted):
            ctx = context.require(by_itself=True)
            context.note_denied(error, ctx.actor, ctx.services)
        st.error(escape(str(error)), icon=":material/error:")
        if isinstance(error, AlreadyCharged) and error.charge_id:
            _link_to_charge(error.charge_id)
        elif isinstance(error, Blocked) and blocked_by is not None and (earlier := blocked_by()):
            _link_to_charge(earlier)
    except GatewayError as error:
        gateway_error(error)
    else:
        if toast.message:
            flash(toast.message)
        if clears:
            rounds = st.session_state.setdefault(_ROUNDS, {})
            rounds[clears] = rounds.get(clears, 0) + 1
        if rerun:
            st.rerun()


def fresh(key: str) -> str:
    """
    The key of a form or of a widget in it, changed after each success that `clears` the form.

    A form keeps what was typed when it is refused, and is empty after it worked.
    """
    form = next((name for name in st.session_state.get(_ROUNDS, {}) if key.startswith(name)), "")
    count = st.session_state.get(_ROUNDS, {}).get(form, 0)
    return f"{key}__{count}" if count else key


def flash(message: str) -> None:
    """Show plain text as a toast on the next run."""
    st.session_state[_FLASH] = message


def show_flash() -> None:
    """The router calls this once in every run."""
    message = st.session_state.pop(_FLASH, None)
    if message:
        st.toast(escape(message), icon=":material/check_circle:")


def _link_to_charge(charge_id: str) -> None:
    spec = navigation.find("charges")
    if spec is not None:
        st.page_link(
            navigation.page(spec),
            label="See that charge",
            icon=":material/receipt_long:",
            query_params={"charge": charge_id},
        )


def gateway_error(error: GatewayError) -> None:
    """What happened at Stripe, what it means, what to do; the codes small behind it."""
    text = escape(_in_words(error))
    codes = [part for part in (error.request_id, error.stripe_code, error.param) if part]
    if codes:
        text += f"  \n:small[:gray[For support: {escape(' · '.join(codes))}]]"
    if isinstance(error, OutcomeUnknown):
        st.warning(text, icon=":material/help:")
    else:
        st.error(text, icon=":material/error:")


def _in_words(error: GatewayError) -> str:
    match error:
        case Declined():
            return "The bank declined the payment. No money moved."
        case Missing():
            return "Stripe has no such object under this key. Nothing was changed."
        case Busy():
            return "Stripe is busy. Nothing was changed; try again in a minute."
        case Misconfigured(permission=str(permission)):
            return (
                f"The Stripe key lacks the permission “{permission}”. Nothing was changed. "
                "Ask an admin to add it to the restricted key."
            )
        case Misconfigured():
            return "The Stripe key is not accepted. Nothing was changed. Ask an admin to check it."
        case KeyReused():
            return (
                "Stripe has seen this request with other contents, so Onfile stopped. "
                "Nothing was changed. Tell an admin."
            )
        case OutcomeUnknown(is_of_a_question=True):
            return (
                "Stripe did not answer a question that comes before anything else, so Onfile went no "
                "further. Nothing was changed; try again in a minute."
            )
        case OutcomeUnknown():
            return (
                "Stripe did not answer, so it is not known yet whether this happened. "
                "Look again in a minute before you repeat it."
            )
        case _:
            return f"Stripe does not accept this: {error} Nothing was changed."
