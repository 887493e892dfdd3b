"""Customers with one address beside each other, for a person who says which of them is meant."""

from __future__ import annotations

import streamlit as st

from lib.domain.identity import difference
from lib.domain.twins import Twin, chosen_beside, is_drawn_alike
from lib.ui.context import PageContext
from lib.ui.formats import distinct, escape


def ask(ctx: PageContext, customer: str, *, key: str) -> str | None:
    """Inside a form; None until one is chosen."""
    twins = {one.customer.id: one for one in ctx.services.customers.sharing_address(customer)}
    labels = distinct({id_: twin.customer.label for id_, twin in twins.items()})
    address = twins[customer].customer.email or ""
    alike = {id_ for id_, one in twins.items() if is_drawn_alike(address, one.customer)}
    looks = ", or one that looks like it" if alike else ""
    chosen: str | None = st.radio(
        f"{len(twins):,} customers have this address{looks}. Which one is meant?",
        list(twins),
        index=None,
        key=key,
        format_func=lambda id_: escape(labels[id_]),
        captions=[
            escape(f"{id_} · {twin.details}{_apart(address, twin) if id_ in alike else ''}")
            for id_, twin in twins.items()
        ],
    )
    return chosen


def _apart(address: str, twin: Twin) -> str:
    other = twin.customer.email or ""
    return f" · {other}, where {difference(address, other)}"


def reason(ctx: PageContext, meant: str) -> str:
    """For the audit log: beside whom it was chosen."""
    sharing = ctx.services.customers.sharing_address(meant)
    return chosen_beside([one for one in sharing if one.customer.id != meant])
