"""A customer's saved methods as choices: the usable ones to pick, the others with why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from lib.reports.paging import records
from lib.ui.context import Services
from lib.ui.formats import escape

_MOST = 100


@dataclass(frozen=True, slots=True)
class Method:
    id: str
    label: str
    expiry: str
    """ "expires 12/2030"; empty for methods that do not expire."""
    why_not: str
    """Empty when it may be charged."""
    created: int


def of_customer(services: Services, customer_id: str) -> list[Method]:
    """Newest first, removed ones included: they explain earlier charges."""
    page = services.reports.payment_methods.page(customer=customer_id, rows=_MOST)
    return [
        Method(
            row["id"],
            row["label"],
            f"expires {row['exp_month']:02d}/{row['exp_year']}" if row["exp_year"] else "",
            row["why_not"],
            row["created"],
        )
        for row in records(page.frame)
    ]


def confirming(services: Services, customer_id: str) -> bool:
    """Say that the customer's bank still confirms a method, where it does."""
    confirmation = services.customers.confirmation(customer_id)
    if confirmation is not None:
        st.info(confirmation.sentence, icon=":material/hourglass_top:")
    return confirmation is not None


def usable(methods: Sequence[Method]) -> list[Method]:
    return [method for method in methods if not method.why_not]


def pick(
    methods: Sequence[Method], *, key: str, notes: Mapping[str, str] | None = None
) -> str | None:
    """
    Choose one of `methods`; the chosen id, which the service checks again.

    Args:
        notes: more words under a method, by its id.
    """
    by_id = {method.id: method for method in methods}
    more = notes or {}
    return st.radio(
        "Saved method",
        list(by_id),
        key=key,
        format_func=lambda chosen: escape(by_id[chosen].label),
        captions=[
            escape(" · ".join(part for part in (more.get(m.id, ""), m.expiry) if part))
            for m in methods
        ],
    )


def not_usable(methods: Sequence[Method], reasons: Mapping[str, str] | None = None) -> None:
    """In grey, each with why it cannot be charged."""
    for method in methods:
        why = (reasons or {}).get(method.id) or method.why_not
        st.markdown(
            f":gray[:material/credit_card_off: {escape(method.label)}: {escape(why)}]",
            width="content",
        )
