"""One charge as pages show it: what it is, what happened, what to do, how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.domain.charges import RETRYABLE_STATES, ChargeState
from lib.domain.declines import Reason, shown_code
from lib.domain.method_types import debit_terms
from lib.domain.retries import method_of
from lib.domain.runs import Finding
from lib.errors import AlreadyCharged
from lib.money import Money, format_money
from lib.reports.charges import TimelineEntry
from lib.services.charges.view import ChargeView
from lib.ui import badges, charge_words, incident_words, layout, methods, navigation
from lib.ui.charge_words import Names
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, exact, when
from lib.ui.layout import Fact
from lib.ui.methods import Method

_SAID: dict[ChargeState, str] = {
    ChargeState.ATTEMPTING: "Sent to Stripe. The answer is on its way.",
    ChargeState.PROCESSING: (
        "The bank is processing it. This is not a failure, and there is nothing to do: "
        "the result arrives by itself, for bank debits within a few days."
    ),
    ChargeState.UNKNOWN: (
        "We do not know yet whether the money moved. Onfile is finding out. "
        "Nothing can be charged for this reference until then."
    ),
    ChargeState.CANCELLED: "Cancelled. The reference is free for another charge.",
    ChargeState.PLANNED: "Nothing was charged, and no money moved.",
}
_MOVED_BY_DEBIT = (ChargeState.PROCESSING, ChargeState.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Details:
    ctx: PageContext
    view: ChargeView
    row: dict[str, Any]
    """The report's row: names, method label."""
    methods: list[Method]
    names: Names

    @property
    def id(self) -> str:
        return self.view.charge.id

    @property
    def money(self) -> Money:
        return Money(self.view.charge.amount, self.view.charge.currency)

    @property
    def sum(self) -> str:
        return str(self.money)

    @property
    def seen(self) -> str:
        """
        Ends the keys of widgets that act: after another try they are other widgets, so a second
        click, or one in an old tab, finds none of them and does nothing.
        """
        return f"{self.id}_{len(self.view.attempts)}"

    @property
    def refusal(self) -> Finding | None:
        return self.view.refusal

    @property
    def is_retryable(self) -> bool:
        return self.view.charge.state in RETRYABLE_STATES and self.refusal is None

    @property
    def has_failed(self) -> bool:
        """Its last try was refused by the bank, or waits for the customer."""
        return self.view.charge.state in (ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER)

    @property
    def is_tried_next(self) -> bool:
        """Charging again is the next step, rather than a link for the customer."""
        failure = self.view.failure
        is_ours = failure is None or failure.reason in (Reason.TRY_LATER, Reason.OUR_DATA)
        return self.is_retryable and (bool(self.new_methods) or is_ours)

    @property
    def may_be_cancelled(self) -> bool:
        """What was paid cannot be given up, whatever it says here."""
        is_paid = self.refusal is not None and self.refusal.code == AlreadyCharged.code
        return self.view.charge.state in RETRYABLE_STATES and not (is_paid or self._is_in_question)

    @property
    def _is_in_question(self) -> bool:
        """Its own payment at Stripe is an open incident."""
        last, incident = self.view.last, self.view.incident
        return (
            last is not None
            and incident is not None
            and incident.payment_intent == last.payment_intent
        )

    @property
    def new_methods(self) -> list[Method]:
        """Usable ones that were saved after the last failure, newest first."""
        last = self.view.last
        if last is None or last.outcome_at is None or not self.is_retryable:
            return []
        tried = {method_of(attempt) for attempt in self.view.attempts}
        return [
            method
            for method in methods.usable(self.methods)
            if method.created >= last.outcome_at and method.id not in tried
        ]


def load(ctx: PageContext, charge_id: str) -> Details | None:
    """None when there is no such charge."""
    row = ctx.services.reports.charges.find(charge_id[:100])
    if row is None:
        return None
    all_methods = methods.of_customer(ctx.services, row["customer"])
    people = {user.username: user.name for user in ctx.services.users.list()}
    labels = {method.id: method.label for method in all_methods}
    labels.setdefault(row["payment_method"], row["method"] or "a saved method")
    view = ctx.services.charges.view(row["id"])
    return Details(ctx, view, row, all_methods, Names(people, labels))


def summary(details: Details) -> None:
    """Amount, state, customer; what happened and the next step in a box."""
    ctx, view = details.ctx, details.view
    state = view.charge.state.value
    age = ago(view.charge.updated_at, ctx.now) if state == "unknown" else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        # Headings shrink inside a drawer; the sum is what one looks for.
        st.metric("Amount", details.sum, label_visibility="collapsed", width="content")
        shown = [badges.badge(state, detail=age), *map(badges.badge, details.row["states"][1:])]
        st.markdown(" ".join(shown), width="content")
    customer_link(details)
    if view.incident is not None:
        st.error(escape(incident_words.what_happened(view.incident)), icon=":material/warning:")
        incident_words.link(view.incident)
    with st.container(border=True, gap="small"):
        if details.has_failed:
            st.markdown(escape(_what_failed(details)))
        st.markdown(f"**{escape(_happened(details))}**")
        if view.next_step and view.failure and details.is_retryable:
            new = details.new_methods
            if new:
                st.markdown(f"Next: Charge again: {escape(new[0].label)} is saved.")
            else:
                st.markdown(f"Next: {escape(view.next_step)}")
                _retry_advice(details)
        elif details.refusal is not None and view.incident is None:
            st.markdown(escape(details.refusal.message))
        terms = debit_terms(details.row["type"])
        if terms and state in _MOVED_BY_DEBIT:
            st.caption(terms.sentence)
        codes = _codes(view)
        if codes:
            st.markdown(f":small[:gray[For support: {escape(' · '.join(codes))}]]")


def customer_link(details: Details) -> None:
    label = details.row["name"] or details.row["customer"]
    spec = navigation.find("customers")
    if spec is None:
        st.text(label)
        return
    st.page_link(
        navigation.page(spec),
        label=escape(label),
        icon=":material/person:",
        query_params={"customer": details.row["customer"]},
        help=details.row["email"],
    )


def facts(details: Details) -> None:
    charge, ctx = details.view.charge, details.ctx
    made = when(charge.created_at, ctx.now, ctx.timezone)
    rows = [Fact("Reference", charge.reference), Fact("Saved method", details.row["method"])]
    back = int(details.row["refunded"] or 0)
    if back:
        rows.append(Fact("Given back", format_money(back, charge.currency)))
    if charge.description:
        rows.append(Fact("Description", charge.description))
    rows.append(Fact("Created", f"{made} by {details.names.person(charge.created_by)}"))
    layout.facts(rows)
    _run(details)


def _run(details: Details) -> None:
    """The way to the run that sent the last try."""
    spec = navigation.find("runs")
    if details.row["run"] and spec is not None:
        st.page_link(
            navigation.page(spec),
            label=f"Run: {escape(details.row['run_name'])}",
            icon=":material/playlist_add_check:",
            query_params={"run": details.row["run"]},
        )


def timeline(details: Details) -> None:
    """What happened, oldest first, in sentences."""
    entries = details.ctx.services.reports.charges.timeline(details.id)
    with st.container(gap="small"):
        for entry in entries:
            text = charge_words.sentence(entry, details.view.charge, details.names)
            at = when(entry.at, details.ctx.now, details.ctx.timezone)
            st.markdown(f"{_icon(entry)} {escape(text)}  \n:small[:gray[{escape(at)}]]")


def _what_failed(details: Details) -> str:
    """Which debt, and on which card: a person may have several open."""
    view = details.view
    method = details.names.method(method_of(view.last)) if view.last else details.row["method"]
    return f"{details.sum} for {view.charge.reference} on {method}"


def _happened(details: Details) -> str:
    view = details.view
    charge = view.charge
    if charge.state is ChargeState.SUCCEEDED:
        return f"Charged on {details.row['method']} for {charge.reference}."
    if charge.state in _SAID and not (charge.state is ChargeState.PLANNED and view.what_happened):
        return _SAID[charge.state]
    return view.what_happened or "No money moved."


def _retry_advice(details: Details) -> None:
    failure, ctx = details.view.failure, details.ctx
    if failure is None:
        return
    if not failure.retry_allowed:
        advice = "The same method must not be tried again as it is."
        if failure.explanation.offers_link:
            advice += " What the customer saves with the link is offered here."
    elif failure.retry_not_before and failure.retry_not_before > ctx.now.timestamp():
        at = exact(failure.retry_not_before, ctx.timezone)
        advice = f"The same method may be tried again from {at} ({ago(failure.retry_not_before, ctx.now)})."
    else:
        advice = "The same method may be tried again now."
    st.caption(escape(advice))


def _codes(view: ChargeView) -> list[str]:
    last = view.last
    if last is None or view.failure is None or view.failure.reason is Reason.OUTCOME_UNKNOWN:
        return []
    codes = (shown_code(last.decline.code), shown_code(last.decline.decline_code), last.request_id)
    return list(dict.fromkeys(code for code in codes if code))


def _icon(entry: TimelineEntry) -> str:
    plain = {"sent": "send", "recovery_completed": "add_card"}
    plain |= {"waits_for_card": "credit_card_clock", "wait_ended": "credit_card_off"}
    if entry.kind in plain:
        return f":gray[:material/{plain[entry.kind]}:]"
    shown = badges.look(entry.kind)
    return f":{shown.color}[:material/{shown.icon}:]"
