"""A customer's saved methods as choices: the usable ones to pick, the others with why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from lib.domain.newer_methods import UsualMethod
from lib.errors import InvalidInput
from lib.reports.frames import records
from lib.ui.context import Services
from lib.ui.formats import distinct, escape

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


@dataclass(frozen=True, slots=True)
class Picked:
    id: str | None
    """None before anybody chose."""
    is_named: bool
    """A person chose it, rather than leaving the one that was chosen for them."""

    @property
    def named(self) -> str | None:
        """
        For an order: which method is charged when nobody named one is for the service to say.

        Raises:
            InvalidInput: nothing was chosen.
        """
        if self.id is None:
            raise InvalidInput("Choose the saved method that is meant.", field="method")
        return self.id if self.is_named else None


def pick(
    methods: Sequence[Method],
    *,
    key: str,
    usual: UsualMethod,
    notes: Mapping[str, str] | None = None,
) -> Picked:
    """
    Choose one of `methods`; the service checks it again.

    Args:
        usual: the one that is chosen beforehand, or why a person has to say which.
        notes: more words under a method, by its id.
    """
    by_id = {method.id: method for method in methods}
    ids, more = list(by_id), notes or {}
    labels = distinct({method.id: method.label for method in methods})
    left = f"{key}_usual"
    is_chosen = st.session_state.get(key) is not None
    if not is_chosen:
        st.session_state[left] = usual.method.id if usual.method else None
    if usual.question:
        st.info(escape(usual.question), icon=":material/help:")
    preselected = st.session_state.get(left)
    chosen = st.radio(
        "Saved method",
        ids,
        # What the session holds is shown whatever the index says, and Streamlit warns of both.
        index=ids.index(preselected) if preselected in by_id and not is_chosen else None,
        key=key,
        format_func=lambda chosen: escape(labels[chosen]),
        captions=[
            escape(" · ".join(part for part in (more.get(m.id, ""), m.expiry) if part))
            for m in methods
        ],
    )
    return Picked(chosen, chosen != preselected)


def name(key: str, method_id: str) -> None:
    """As if a person had chosen it in the widget with this key."""
    st.session_state[key] = method_id
    st.session_state[f"{key}_usual"] = None


def not_usable(methods: Sequence[Method], reasons: Mapping[str, str] | None = None) -> None:
    """In grey, each with why it cannot be charged."""
    for method in methods:
        why = (reasons or {}).get(method.id) or method.why_not
        st.markdown(
            f":gray[:material/credit_card_off: {escape(method.label)}: {escape(why)}]",
            width="content",
        )
