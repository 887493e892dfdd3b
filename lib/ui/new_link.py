"""The drawer in which a setup link is made: who it is for, what may be saved, and the twin offer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from uuid import uuid4

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.identity import difference
from lib.domain.links import LOCALES
from lib.domain.method_types import NOT_OFFERED, OFFERED
from lib.domain.twins import HAS_TWIN, Twin, chosen_beside, is_drawn_alike
from lib.errors import InvalidInput
from lib.ui import drawers, methods, outcome, pickers, refused_links
from lib.ui.context import PageContext, require
from lib.ui.formats import escape

LINK_PARAM = "link"
MADE = "setup_links_made"
"""The link that was made just now, to greet it once more than the others."""
_FORM = "setup_links_new"
_PICKER = f"{_FORM}_customer"
_OPEN = f"{_FORM}_form"
_TWINS = f"{_FORM}_twins"
_EXISTING, _NEW, _NOBODY = "Existing customer", "New customer", "Nobody yet"
_LANGUAGES = {
    "auto": "As the customer's browser",
    "en": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "sv": "Swedish",
    "zh": "Chinese",
}


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for. The same words under the same open form make one link."""

    customer: str | None = None
    email: str | None = None
    name: str | None = None
    guest: bool = False
    currency: str | None = None
    reference: str | None = None
    locale: str | None = None
    allow_twin: bool = False


def open_form(customer_id: str | None = None) -> None:
    """For callbacks: open an empty form, with a customer chosen when given."""
    close_form()
    st.session_state[_OPEN] = str(uuid4())
    if customer_id:
        pickers.choose(_PICKER, customer_id)


def close_form() -> None:
    st.session_state.pop(_OPEN, None)
    st.session_state.pop(_TWINS, None)
    pickers.forget(_PICKER)


def is_open() -> bool:
    return bool(st.session_state.get(_OPEN))


def drawer() -> None:
    """Draw the form while it is open."""
    if is_open():
        drawers.show("New setup link", _form, on_close=close_form)


def _form() -> None:
    ctx = require(Permission.MANAGE_LINKS)
    st.caption("The customer opens the link and saves a card. Nothing is charged.")
    refused_links.warn(ctx)
    # Chosen by `key` alone: the drawer opens with the customer that another page named.
    who = st.segmented_control(
        "For",
        [_EXISTING, _NEW, _NOBODY],
        default=_EXISTING,
        required=True,
        key=f"{_FORM}_who",
        width="stretch",
    )
    order = _for_whom(ctx, who or _EXISTING)
    currency = st.selectbox(
        "What may be saved",
        ["", *pickers.CURRENCY_CODES],
        key=f"{_FORM}_methods",
        format_func=_methods,
        help="With a currency, Stripe offers every method that suits it and Onfile can charge later.",
    )
    _offer(currency)
    reference = st.text_input(
        "Reference",
        key=f"{_FORM}_reference",
        placeholder="INV-1042",
        help="Optional. Shown in lists and exports, not to the customer.",
    )
    locale = st.selectbox(
        "Language of the page",
        LOCALES,
        key=f"{_FORM}_locale",
        format_func=lambda code: _LANGUAGES.get(code, code),
    )
    order = _with(
        order,
        currency=currency or None,
        reference=(reference or "").strip() or None,
        locale=None if locale == "auto" else locale,
    )
    if _twin_offer(ctx, order):
        return
    if st.button("Make link", key=f"{_FORM}_submit", type="primary", width="stretch"):
        with outcome.show(rerun=False):
            _check(order, who)
            if _remember_twins(ctx, order):
                st.rerun()
            _make(ctx, order)


def _offer(currency: str | None) -> None:
    """Which methods the customer may find on the page, and why not others."""
    if not currency:
        st.caption("Only cards. Link, Stripe's wallet, is not shown.")
        return
    offered = ", ".join(sorted((it.label for it in OFFERED.values()), key=str.casefold))
    st.caption(
        f"Of these, Stripe shows what takes {currency.upper()} and is switched on in its Dashboard: {offered}."
    )
    with st.expander("Not offered, and why", icon=":material/credit_card_off:"):
        st.markdown(
            "\n".join(
                f"- [{it.label}]({it.url}): {it.why_not_offered}" for it in NOT_OFFERED.values()
            )
        )


def _for_whom(ctx: PageContext, who: str) -> _Order:
    if who == _EXISTING:
        chosen = pickers.customer(ctx, _PICKER, or_new=True)
        if chosen:
            methods.confirming(ctx.services, chosen)
        return _Order(customer=chosen)
    if who == _NEW:
        email = st.text_input("E-mail", key=f"{_FORM}_email", placeholder="anna@example.com")
        name = st.text_input("Name", key=f"{_FORM}_name", placeholder="Anna Example, or a company")
        return _Order(email=(email or "").strip() or None, name=(name or "").strip() or None)
    st.caption(
        "Anyone with the link can save one method. It appears under Sessions as "
        "“No customer yet”, and can be charged once you have chosen one."
    )
    return _Order(guest=True)


def _check(order: _Order, who: str | None) -> None:
    if who == _NEW and order.email is None:
        raise InvalidInput("Enter the new customer's e-mail.", field="email")
    if who != _NEW and order.customer is None and not order.guest:
        raise InvalidInput("Choose the customer this link is for.", field="customer")


def _remember_twins(ctx: PageContext, order: _Order) -> bool:
    """True when several customers can be meant, so that a person decides before a link is made."""
    twins: list[Twin] = []
    if order.email is not None:
        twins = ctx.services.customers.twins(order.email)
    elif order.customer is not None:
        twins = ctx.services.customers.sharing_address(order.customer)
    st.session_state[_TWINS] = (_whom(order), twins) if twins else None
    return bool(twins)


def _whom(order: _Order) -> str | None:
    return order.customer or order.email


def _twin_offer(ctx: PageContext, order: _Order) -> bool:
    """Draw the choice between a known customer and a twin; False when there is nothing to choose."""
    whom, twins = st.session_state.get(_TWINS) or (None, [])
    if whom is None or whom != _whom(order):
        return False
    chosen = twin_choice(twins, key=f"{_FORM}_twin", new=order.email)
    if chosen is None:
        return True
    with outcome.show(rerun=False):
        if chosen == "":
            _make(ctx, _with(order, allow_twin=True))
        else:
            others = [twin for twin in twins if twin.customer.id != chosen]
            _make(
                ctx,
                _with(order, customer=chosen, email=None, name=None),
                {HAS_TWIN: chosen_beside(others)} if others else {},
            )
    return True


def twin_choice(twins: list[Twin], *, key: str, new: str | None) -> str | None:
    """
    The id of the customer to use, "" to make a new one anyway, None while undecided.

    Args:
        new: the address of the new one; None where one of these is meant.
    """
    address = new if new is not None else twins[0].customer.email or ""
    alike = {twin.customer.id for twin in twins if is_drawn_alike(address, twin.customer)}
    with st.container(border=True):
        many = "These customers have" if len(twins) > 1 else "A customer has"
        mail = "this e-mail"
        if alike:
            mail = (
                "an e-mail that looks like this one"
                if len(alike) == len(twins)
                else "this e-mail or one that looks like it"
            )
        already = " already" if new is not None else ". Which one is meant?"
        st.markdown(f"**{many} {mail}{already}**")
        for twin in twins[:5]:
            customer = twin.customer
            if st.button(
                f"Use {escape(customer.label)}",
                key=f"{key}_{customer.id}",
                type="primary",
                width="stretch",
                help=escape(customer.id),
            ):
                return customer.id
            st.caption(escape(f"{customer.id} · {twin.details}"))
            if customer.id in alike:
                other = customer.email or ""
                st.caption(escape(f"{other} is another address: {difference(address, other)}."))
        if new is not None and st.button(
            "Make a new one anyway", key=f"{key}_anyway", width="stretch"
        ):
            return ""
    return None


def form_key(seed: str, **contents: object) -> str:
    """
    The same for the same contents under one open form, so that a double click acts once. Contents
    that were corrected get another: a service would go on with the first otherwise.
    """
    digest = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
    return f"{seed}:{digest[:16]}"


def _make(ctx: PageContext, order: _Order, despite: dict[str, str] | None = None) -> None:
    wanted = asdict(order)
    key = form_key(st.session_state[_OPEN], **wanted)
    made = ctx.services.links.create(form_key=key, by=ctx.actor, despite=despite, **wanted)
    close_form()
    st.session_state[MADE] = made.link.id
    st.query_params[LINK_PARAM] = made.link.id
    st.rerun()


def _with(order: _Order, **changes: object) -> _Order:
    return _Order(**asdict(order) | changes)


def _methods(code: str) -> str:
    return f"Every method for {code.upper()}" if code else "Cards only"
