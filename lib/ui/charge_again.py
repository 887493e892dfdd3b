"""
One failed charge once more. What keeps it back is shown after the first click, and opened with a reason
by the second, as on New charge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.charges import last_number
from lib.domain.newer_methods import UsualMethod
from lib.domain.retries import why_not_again
from lib.errors import ReviewChanged
from lib.services.charges.review import Review
from lib.ui import badges, charge_words, confirm, despite, methods, outcome
from lib.ui.charge_details import Details
from lib.ui.formats import escape
from lib.ui.methods import Method

_HELD = "charge_again_held"


@dataclass(frozen=True, slots=True)
class _Held:
    """A try that was reviewed and is kept back until a person opens what stops it. Ids and texts only."""

    seen: str
    """Of which charge, after how many tries."""
    method: str | None
    fingerprint: str
    stopped: tuple[despite.Stopped, ...]


def draw(details: Details) -> None:
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
    if open_to:
        _form(details, open_to, [method for method in usable if method.id in refused], refused)
        return
    st.button(_label(details), key=f"charge_again_{details.seen}", disabled=True, width="stretch")
    methods.not_usable([method for method in usable if method.id in refused], refused)
    if not usable:
        st.caption("No saved method can be charged. Send the link first.")


def _label(details: Details) -> str:
    return f"Charge {escape(details.sum)} again"


def _form(
    details: Details, open_to: list[Method], closed: list[Method], refused: dict[str, str]
) -> None:
    new, held = details.new_methods, _held(details)
    with (
        st.expander(
            "Try again",
            icon=":material/replay:",
            expanded=details.is_tried_next or held is not None,
        ),
        st.form(f"charge_again_form_{details.seen}", border=False),
    ):
        picked = methods.pick(
            open_to,
            key=f"charge_again_method_{details.seen}",
            usual=_usual(details),
            notes={method.id: "new" for method in new},
        )
        methods.not_usable(closed, refused)
        reasons = despite.ask(held.stopped, key=f"charge_again_{details.seen}") if held else {}
        typed = ""
        if confirm.is_large(details.money):
            typed = confirm.typed_amount(
                details.money, key=f"charge_again_amount_{details.seen}", why="a large sum"
            )
        st.caption(
            f"Charges {escape(details.row['name'])} {escape(details.sum)} now for "
            f"{escape(details.view.charge.reference)}, as try {last_number(details.view.attempts) + 1}."
        )
        messages = st.container()
        click = st.form_submit_button(
            _label(details),
            key=f"charge_again_{details.seen}",
            type="primary",
            icon=":material/replay:",
        )
    if click:
        with messages, outcome.show() as toast:
            named = picked.named
            if confirm.is_large(details.money):
                confirm.check(details.money, typed)
            toast.message = _charge(details, named, held, reasons)


def _usual(details: Details) -> UsualMethod:
    charge = details.view.charge
    return details.ctx.services.charges.reviews.usual_method(
        charge.customer, reference=charge.reference, money=details.money
    )


def _held(details: Details) -> _Held | None:
    held: _Held | None = st.session_state.get(_HELD)
    return held if held is not None and held.seen == details.seen else None


def _charge(
    details: Details, method: str | None, held: _Held | None, reasons: dict[str, str]
) -> str:
    """Charge what is open, or keep what is stopped to be shown; what to tell."""
    charges, by = details.ctx.services.charges, details.ctx.actor
    order = charges.order_again(
        details.id, payment_method=method, attempt=last_number(details.view.attempts) + 1
    )
    if held is not None and held.method == method:
        despite.check(held.stopped, reasons)
        fingerprint = held.fingerprint
        order = replace(order, despite=reasons)
    else:
        review = charges.review(order, by=by)
        if review.stopped:
            return _hold(details, method, review, "")
        fingerprint = review.fingerprint
    try:
        tried = charges.charge(order, by=by, seen=fingerprint)
    except ReviewChanged as changed:
        review = cast(Review, changed.review)
        return _hold(details, method, review, "Something changed since you looked. Read it again.")
    st.session_state.pop(_HELD, None)
    return f"{details.sum}: {badges.look(tried.charge.state.value).label.lower()}."


def _hold(details: Details, method: str | None, review: Review, message: str) -> str:
    stopped = tuple((finding.code, finding.message) for finding in review.stopped)
    held = _Held(details.seen, method, review.fingerprint, stopped)
    st.session_state[_HELD] = held if stopped else None
    return message
