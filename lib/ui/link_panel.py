"""One setup link in the drawer: its address, a message to send, its state, and its end."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.confirmations import until
from lib.domain.links import EndReason
from lib.reports.frames import records
from lib.ui import (
    badges,
    board,
    customer_link,
    drawers,
    layout,
    message_panel,
    navigation,
    notice,
    outcome,
    tables,
)
from lib.ui.context import PageContext, require
from lib.ui.formats import NONE, countdown, day, escape, exact, when, who
from lib.ui.layout import Fact
from lib.ui.method_panel import charge_button
from lib.ui.new_link import LINK_PARAM, MADE
from lib.ui.tables import TableColumn

TABLE = "setup_links_rows"
_ENDS = {
    None: "Ended",
    EndReason.STAFF.value: "Expired by staff",
    EndReason.PAID.value: "Ended, as the charge needs no card any more",
    EndReason.CARD_SAVED.value: "Ended, as a card was saved another way",
    EndReason.REPLACED.value: "Replaced by a newer link",
}


def columns(ctx: PageContext) -> dict[str, TableColumn]:
    return {
        "reference": tables.text("Reference", width=140),
        "state": tables.state(width=150),
        "created_at": tables.date("Made", ctx.now),
        "left": tables.text("Expires", width=110),
        "maker": tables.text("Made by", width=150),
    }


def rows(ctx: PageContext, frame: pd.DataFrame) -> pd.DataFrame:
    """The listing as the page shows it: a name for everybody, and what is left of open links."""
    entries = records(frame)
    people = _people(ctx)
    return frame.assign(
        state=pd.Series([_states(row) for row in entries], index=frame.index, dtype=object),
        maker=[people.get(row["created_by"], row["created_by"]) for row in entries],
        shown=[who(row) for row in entries],
        left=[
            countdown(row["expires_at"], ctx.now) if row["state"] == "open" else ""
            for row in entries
        ],
    )


def _states(row: dict[str, Any]) -> list[str]:
    is_refused = row["state"] == "open" and row["refusal"]
    return [row["state"], "refused"] if is_refused else [row["state"]]


def _people(ctx: PageContext) -> dict[str, str]:
    return {user.username: user.name for user in ctx.services.users.list()}


def drawer(link_id: str) -> None:
    row = require().services.reports.links.find(link_id)
    title = "Setup link" if row is None else who(row)
    drawers.show(title, partial(_panel, link_id), on_close=_close)


def _close() -> None:
    st.session_state.pop(MADE, None)
    drawers.close(LINK_PARAM, TABLE)


def _panel(link_id: str) -> None:
    ctx = require()
    notice.watch_drawer(partial(ctx.services.reports.changes.link, link_id))
    row = ctx.services.reports.links.find(link_id)
    if row is None:
        st.info(
            "There is no such link. It may belong to another installation.",
            icon=":material/link_off:",
        )
        return
    is_open = row["state"] == "open"
    # A place for each part: what appears in one must not move the field in which a person is typing.
    with st.container():
        _notices(ctx, row)
    with st.container():
        # Whoever has the address can save a card with it.
        if is_open and ctx.actor.may(Permission.MANAGE_LINKS):
            _address(ctx, row)
    with st.container():
        # What a recovery link is for has its own button, at the charge it recovers.
        if row["state"] == "completed" and not row["charge_id"]:
            charge_button(
                ctx,
                row["saved_method"],
                key="setup_links_charge",
                reference=row["reference"] or "",
            )
    with st.container():
        _facts(ctx, row)
        _ways_on(row)
    with st.container():
        if is_open and ctx.actor.may(Permission.MANAGE_LINKS):
            _expiry(ctx, row)


def _notices(ctx: PageContext, row: dict[str, Any]) -> None:
    is_open = row["state"] == "open"
    if is_open and st.session_state.get(MADE) == row["id"]:
        st.success("Link made. Send it to the customer.", icon=":material/check_circle:")
    if is_open and row["refusal"]:
        st.error(
            f"Stripe makes no page for this link: {escape(row['refusal'])}  \nThe customer reads that it does not "
            "work at present. Mend the cause and open the link, or expire it.",
            icon=":material/link_off:",
        )
    if row["state"] == "confirming":
        waits_until = until(row["session_created"], row["session_completed_at"])
        st.info(
            "The customer is done, and their bank is still confirming (until "
            f"{day(waits_until, ctx.timezone)}). Wait, and send no second link.",
            icon=":material/hourglass_top:",
        )


def _ways_on(row: dict[str, Any]) -> None:
    if row["charge_id"] and (charges := navigation.find("charges")):
        st.page_link(
            navigation.page(charges),
            label="Open the charge it recovers",
            icon=":material/receipt_long:",
            query_params={"charge": row["charge_id"]},
        )
    customer_link.draw(row["customer"])
    layout.raw(
        [
            Fact("Link", row["id"]),
            Fact("Customer", row["customer"]),
            Fact("Session", row["session_id"]),
            Fact("Charge", row["charge_id"]),
        ]
    )


def _address(ctx: PageContext, row: dict[str, Any]) -> None:
    link, _ = ctx.services.links.show(row["id"])
    st.caption("Link for the customer")
    st.code(ctx.services.links.durable_url(link), language=None, wrap_lines=True)
    message_panel.of_link(ctx, row["id"], key="setup_links_message")


def _facts(ctx: PageContext, row: dict[str, Any]) -> None:
    def at(seconds: int | None) -> str:
        return when(seconds, ctx.now, ctx.timezone)

    def ends(seconds: int | None) -> str:
        return (
            f"{countdown(seconds, ctx.now)} · {exact(seconds, ctx.timezone)}" if seconds else NONE
        )

    maker = _people(ctx).get(row["created_by"], row["created_by"])
    facts = [
        Fact("State", "", badge=" ".join(map(badges.badge, _states(row)))),
        Fact("For", board.purpose({**row, "currency": row["charge_currency"]})),
        Fact("E-mail", row["email"]),
        Fact("Reference", row["reference"]),
        Fact(
            "May save",
            f"Every method for {row['currency'].upper()}" if row["currency"] else "Cards only",
        ),
        Fact(
            "Made",
            f"{at(row['created_at'])} by {maker}" + (f", “{row['batch']}”" if row["batch"] else ""),
        ),
    ]
    for label, name in (
        ("Sent", "sent_at"),
        ("Opened", "opened_at"),
        ("Entered something", "started_at"),
    ):
        if row[name]:
            facts.append(Fact(label, at(row[name])))
    if row["reminders"]:
        facts.append(Fact("Reminders", str(row["reminders"])))
    if row["state"] == "open":
        facts.append(Fact("Link works until", ends(row["expires_at"])))
        if row["session_expires_at"]:
            facts.append(Fact("Stripe's page", ends(row["session_expires_at"])))
    for label, name in (("Completed", "completed_at"), (_ENDS[row["end_reason"]], "revoked_at")):
        if row[name]:
            facts.append(Fact(label, at(row[name])))
    if row["state"] == "expired":
        facts.append(Fact("Expired", at(row["expires_at"])))
    layout.facts(facts)
    if row["state"] == "open":
        st.caption("When Stripe's page ends, the link opens a new one by itself.")


def _expiry(ctx: PageContext, row: dict[str, Any]) -> None:
    with st.popover("Expire this link", icon=":material/link_off:"):
        st.markdown("**Expire this link?**")
        st.markdown(
            "The link and Stripe's open page stop working at once. The customer sees that the "
            "link has ended. This cannot be undone; you can make a new link any time."
        )
        if st.button("Expire link", key=f"setup_links_expire_{row['id']}", type="primary"):
            with outcome.show("Link expired."):
                ctx.services.links.expire(row["id"], by=ctx.actor)
