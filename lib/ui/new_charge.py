"""
One new charge, in three steps: fill in, review, outcome. Between them only ids and texts are kept, and
the fingerprint of the review: nothing is sent unless that is still what the person read.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

import streamlit as st

from lib.domain.twins import HAS_TWIN
from lib.errors import InvalidInput, ReviewChanged
from lib.reports.frames import records
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.review import Review
from lib.settings import Mode
from lib.ui import (
    confirm,
    despite,
    layout,
    methods,
    outcome,
    pickers,
    setup_link,
    which_customer,
)
from lib.ui.charge_panel import PARAM, of_reference
from lib.ui.context import PageContext
from lib.ui.formats import escape
from lib.ui.layout import Fact
from lib.ui.reviewed_charge import Reviewed, of_review
from lib.ui.typed_amount import ask_decimal, example, in_own_style, read_amount, usual_currency

STEP = "new_charge_step"
# The first field that is not filled in already: methods where none is chosen beforehand.
_FIRST = ".st-key-new_charge_method:not(:has(input:checked)) input, .st-key-new_charge_amount input"
_PICKER = "new_charge_customer"
_REVIEW = "new_charge_reviewed"
_CONFIRMED = "new_charge_confirmed"
_TAKEN = "new_charge_taken"
_FILLED = "new_charge_currency_filled"
_TEXTS = ("amount", "currency", "reference", "description", "method")
_WHAT_MOVES = {
    Mode.PRACTICE: "Practice mode: no money moves.",
    Mode.TEST: "Stripe test mode: no money moves.",
    Mode.LIVE: "Live mode: this moves real money.",
}


def take_address() -> None:
    """Fill the form from the address, once for each address."""
    fields = {name: st.query_params.get(name, "") for name in ("customer", *_TEXTS)}
    if not any(fields.values()) or st.session_state.get(_TAKEN) == fields:
        return
    st.session_state[_TAKEN] = fields
    st.session_state.pop(_REVIEW, None)
    if fields["customer"]:
        pickers.choose(_PICKER, fields["customer"][:100])
    _fill({**fields, "currency": fields["currency"].lower()})


def enter() -> None:
    """From another page: an empty form, unless a charge is on its way, whose review finds the outcome."""
    if _CONFIRMED not in st.session_state:
        _forget()


def step(seen: Reviewed | None) -> tuple[str, str]:
    """Where one is, and where the keyboard belongs there; never on the button that charges."""
    charged, customer = st.query_params.get(PARAM), pickers.chosen(_PICKER)
    if charged or seen is not None:
        return f"over {charged or seen}", f".st-key-{STEP} h3"
    if customer is not None:
        return f"form {customer}", _FIRST
    return "customer", f".st-key-{_PICKER}_search input"


def start_again() -> None:
    """For callbacks: an empty form."""
    for name in (PARAM, "customer", *_TEXTS):
        st.query_params.pop(name, None)
    _forget()


def _forget() -> None:
    for key in (_REVIEW, _CONFIRMED, _TAKEN, _FILLED):
        st.session_state.pop(key, None)
    pickers.forget(_PICKER)


def reviewed(ctx: PageContext) -> Reviewed | None:
    """What waits for a confirmation; None while the form is open or when it was charged."""
    seen: Reviewed | None = st.session_state.get(_REVIEW)
    if seen is None or st.session_state.get(_CONFIRMED) != seen.form:
        return seen
    # A click during the charge ended the run that sent it, before it could show the outcome.
    page = ctx.services.reports.charges.page(customer=seen.customer, search=seen.reference)
    for row in records(page.frame):
        if row["reference"] == seen.reference and (row["attempts"] or 0) > seen.attempts:
            _done(row["id"])
            return None
    return seen


def form(ctx: PageContext) -> None:
    customer = pickers.customer(ctx, _PICKER)
    if customer is None:
        return
    candidates = [m for m in methods.of_customer(ctx.services, customer) if m.why_not != "removed"]
    usable = methods.usable(candidates)
    others = [method for method in candidates if method.why_not]
    if not usable and methods.confirming(ctx.services, customer):
        methods.not_usable(others)
        return
    if not usable:
        st.info(
            "This customer has no saved method that can be charged. Send a setup link first.",
            icon=":material/credit_card_off:",
        )
        methods.not_usable(others)
        setup_link.offer(ctx.actor, customer)
        return
    _valid("method", [method.id for method in usable])
    _valid("currency", pickers.CURRENCY_CODES)
    usual_method = ctx.services.charges.reviews.usual_method(customer)
    # As the widget's default, not through the session: a first run that the browser interrupts
    # would lose it, and show another currency than the one meant.
    usual = (
        0
        if st.session_state.get(_FILLED)
        else pickers.CURRENCY_CODES.index(usual_currency(ctx, customer, usual_method.method))
    )
    shown = st.session_state.get("new_charge_currency") or pickers.CURRENCY_CODES[usual]
    with st.form("new_charge_form", border=False):
        method = methods.pick(usable, key="new_charge_method", usual=usual_method)
        methods.not_usable(others)
        left, right = st.columns([2, 1])
        amount = left.text_input(
            "Amount",
            key="new_charge_amount",
            placeholder=example(shown),
            autocomplete="off",
        )
        currency = right.selectbox(
            "Currency",
            pickers.CURRENCY_CODES,
            index=usual,
            key="new_charge_currency",
            format_func=str.upper,
        )
        sign = ask_decimal(ctx, "new_charge_amount", currency)
        reference = st.text_input(
            "Reference",
            key="new_charge_reference",
            placeholder="INV-2026-0117",
            autocomplete="off",
            help="What is owed, such as an invoice number. One customer's reference is charged once.",
        )
        description = st.text_input(
            "Description (optional)",
            key="new_charge_description",
            placeholder="Paper and labels, November",
            autocomplete="off",
            help="Stripe shows it in the Dashboard and on receipts.",
        )
        messages = st.container()
        click = st.form_submit_button("Review", key="new_charge_review", type="primary")
    if click:
        with messages, outcome.show(blocked_by=partial(of_reference, ctx, customer, reference)):
            named = method.named
            money = read_amount(ctx, amount, currency, sign)
            order = ChargeOrder(customer, money, reference, named, description)
            review = ctx.services.charges.review(order, by=ctx.actor)
            st.session_state[_REVIEW] = of_review(ctx, review)


def review_panel(ctx: PageContext, seen: Reviewed) -> None:
    """Exactly what will happen, and the button that does it."""
    name, sum_ = escape(seen.name), escape(str(seen.money))
    method, reference = escape(seen.method_label), escape(seen.reference)
    with st.container(border=True):
        st.subheader(f"Charge {name} {sum_} on {method} for {reference}", anchor=False)
        layout.facts(
            [
                Fact("Customer", " · ".join(part for part in (seen.name, seen.email) if part)),
                Fact("Saved method", " · ".join(p for p in (seen.method_label, seen.expiry) if p)),
                Fact("Amount", str(seen.money)),
                Fact("Reference", seen.reference),
                *([Fact("Description", seen.description)] if seen.description else []),
            ]
        )
        if seen.earlier:
            st.info(escape(seen.earlier), icon=":material/history:")
        for warning in seen.warnings:
            st.warning(escape(warning), icon=":material/warning:")
        with st.form(f"new_charge_confirm_form_{seen.form}", border=False):
            meant = (
                which_customer.ask(ctx, seen.customer, key=f"new_charge_{seen.form}_twin")
                if seen.has_twin
                else None
            )
            reasons = despite.ask(seen.to_open, key=f"new_charge_{seen.form}")
            typed = ""
            if seen.why_typed:
                typed = confirm.typed_amount(
                    seen.money, key=f"new_charge_typed_{seen.form}", why=seen.why_typed
                )
            messages = st.container()
            with st.container(horizontal=True, vertical_alignment="center"):
                click = st.form_submit_button(
                    f"Charge {sum_}", key="new_charge_confirm", type="primary"
                )
                st.caption(_WHAT_MOVES[ctx.services.settings.mode], width="content")
    st.button(
        "Change",
        key="new_charge_change",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=_change,
        args=(ctx, seen),
    )
    if click:
        tried = partial(of_reference, ctx, seen.customer, seen.reference)
        with messages, outcome.show(blocked_by=tried) as toast, st.spinner("Charging"):
            _confirm(ctx, seen, typed, reasons, meant)
            if st.session_state.get(_REVIEW) is not None:
                toast.message = "Something changed since you looked. Read it again."
            elif meant is not None and meant != seen.customer:
                toast.message = "Nothing was charged. Review it for the customer you chose."


def _confirm(
    ctx: PageContext, seen: Reviewed, typed: str, reasons: dict[str, str], meant: str | None
) -> None:
    if seen.has_twin and meant is None:
        raise InvalidInput(
            "Choose which of the customers is meant. Nothing was charged.", field="customer"
        )
    if meant is not None and meant != seen.customer:
        # Another customer has other methods: the form asks for one of theirs.
        pickers.choose(_PICKER, meant)
        _change(ctx, replace(seen, is_named=False))
        return
    despite.check(seen.to_open, reasons)
    if meant is not None:
        reasons = {**reasons, HAS_TWIN: which_customer.reason(ctx, meant)}
    if seen.why_typed:
        confirm.check(seen.money, typed)
    st.session_state[_CONFIRMED] = seen.form
    try:
        order = replace(seen.order, despite=reasons)
        view = ctx.services.charges.charge(order, by=ctx.actor, seen=seen.fingerprint)
    except ReviewChanged as changed:
        st.session_state[_REVIEW] = of_review(ctx, cast(Review, changed.review))
        return
    _done(view.charge.id)


def _done(charge_id: str) -> None:
    start_again()
    st.query_params[PARAM] = charge_id


def _change(ctx: PageContext, seen: Reviewed) -> None:
    """For callbacks: back to the form, with everything as it was typed."""
    st.session_state.pop(_REVIEW, None)
    _fill(
        {
            "amount": in_own_style(ctx, seen.amount, seen.currency),
            "currency": seen.currency,
            "reference": seen.reference,
            "description": seen.description,
            "method": seen.method if seen.is_named else "",
        }
    )


def _fill(texts: dict[str, str]) -> None:
    for name in _TEXTS:
        if texts.get(name):
            st.session_state[f"new_charge_{name}"] = texts[name]
    if texts.get("method"):
        methods.name("new_charge_method", texts["method"])
    if texts.get("currency") in pickers.CURRENCY_CODES:
        st.session_state[_FILLED] = True


def _valid(name: str, options: list[str]) -> None:
    """Drop what is no option, such as a method that was removed or a currency from the address."""
    key = f"new_charge_{name}"
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
