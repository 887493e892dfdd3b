"""One setup link in the drawer: its address, a message to send, its state, and its end."""

from __future__ import annotations

import string
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.errors import InvalidInput
from lib.reports.paging import records
from lib.ui import badges, drawers, layout, navigation, outcome, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import NONE, countdown, day, escape, exact, when, who
from lib.ui.layout import Fact
from lib.ui.new_link import LINK_PARAM, MADE
from lib.ui.tables import Column

TABLE = "setup_links_rows"
COLUMNS: dict[str, Column] = {
    "reference": tables.text("Reference"),
    "state": tables.state(),
    "created_at": tables.ago("Made"),
    "left": tables.text("Expires"),
    "maker": tables.text("Made by"),
}
_WORD = "expire"
_MESSAGE = string.Template("""Hello$name,

Please save your payment details on this page. It takes about a minute, and nothing is charged now.

$url

The page is run by Stripe. The link works until $until.$reference

Kind regards
$sender""")


def rows(ctx: PageContext, frame: pd.DataFrame) -> pd.DataFrame:
    """The listing as the page shows it: a name for everybody, and what is left of open links."""
    entries = records(frame)
    people = _people(ctx)
    return frame.assign(
        maker=[people.get(row["created_by"], row["created_by"]) for row in entries],
        shown=[who(row) for row in entries],
        left=[
            countdown(row["expires_at"], ctx.now) if row["state"] == "open" else ""
            for row in entries
        ],
    )


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
    row = ctx.services.reports.links.find(link_id)
    if row is None:
        st.info(
            "There is no such link. It may belong to another installation.",
            icon=":material/link_off:",
        )
        return
    is_open = row["state"] == "open"
    if is_open and st.session_state.get(MADE) == link_id:
        st.success("Link made. Send it to the customer.", icon=":material/check_circle:")
    if is_open and row["refusal"]:
        st.error(
            f"Stripe makes no page for this link: {escape(row['refusal'])}  \nThe customer reads that it does not "
            "work at present. Mend the cause and open the link, or expire it.",
            icon=":material/link_off:",
        )
    if row["state"] == "confirming":
        st.info(
            "The customer is done, and their bank is still confirming. Wait, and send no second link.",
            icon=":material/hourglass_top:",
        )
    if is_open:
        _address(ctx, row)
    _facts(ctx, row)
    if row["charge_id"] and (charges := navigation.find("charges")):
        st.page_link(
            charges.path,
            label="Open the charge it recovers",
            icon=":material/receipt_long:",
            query_params={"charge": row["charge_id"]},
        )
    if row["customer"] and (customers := navigation.find("customers")):
        st.page_link(
            customers.path,
            label="Open customer",
            icon=":material/person:",
            query_params={"customer": row["customer"]},
        )
    layout.raw(
        [
            Fact("Link", row["id"]),
            Fact("Customer", row["customer"]),
            Fact("Session", row["session_id"]),
            Fact("Charge", row["charge_id"]),
        ]
    )
    if is_open and ctx.actor.may(Permission.MANAGE_LINKS):
        _expiry(ctx, row)


def _address(ctx: PageContext, row: dict[str, Any]) -> None:
    link, _ = ctx.services.links.show(row["id"])
    url = ctx.services.links.durable_url(link)
    st.caption("Link for the customer")
    st.code(url, language=None, wrap_lines=True)
    with st.expander("Message to copy", icon=":material/mail:", expanded=True):
        st.code(message(ctx, row, url), language=None, wrap_lines=True)


def message(ctx: PageContext, row: dict[str, Any], url: str) -> str:
    """A short mail in plain text."""
    name = " ".join((row["name"] or "").split())
    return _MESSAGE.substitute(
        name=f" {name}" if name else "",
        url=url,
        until=day(row["expires_at"], ctx.timezone),
        reference=f"\nReference: {row['reference']}" if row["reference"] else "",
        sender=ctx.actor.name,
    )


def _facts(ctx: PageContext, row: dict[str, Any]) -> None:
    def at(seconds: int | None) -> str:
        return when(seconds, ctx.now, ctx.timezone)

    def until(seconds: int | None) -> str:
        return (
            f"{countdown(seconds, ctx.now)} · {exact(seconds, ctx.timezone)}" if seconds else NONE
        )

    maker = _people(ctx).get(row["created_by"], row["created_by"])
    facts = [
        Fact("State", "", badge=badges.badge(row["state"])),
        Fact("E-mail", row["email"]),
        Fact("Reference", row["reference"]),
        Fact(
            "May save",
            f"Every method for {row['currency'].upper()}" if row["currency"] else "Cards only",
        ),
        Fact("Made", f"{at(row['created_at'])} by {maker}"),
    ]
    if row["state"] == "open":
        facts.append(Fact("Link works until", until(row["expires_at"])))
        if row["session_expires_at"]:
            facts.append(Fact("Stripe's page", until(row["session_expires_at"])))
    for label, name in (("Completed", "completed_at"), ("Expired by staff", "revoked_at")):
        if row[name]:
            facts.append(Fact(label, at(row[name])))
    if row["state"] == "expired":
        facts.append(Fact("Expired", at(row["expires_at"])))
    layout.facts(facts)
    if row["state"] == "open":
        st.caption("When Stripe's page ends, the link opens a new one by itself.")


def _expiry(ctx: PageContext, row: dict[str, Any]) -> None:
    with (
        st.expander("Expire this link", icon=":material/link_off:"),
        st.form(f"setup_links_expire_{row['id']}", border=False),
    ):
        st.markdown(
            "The link and Stripe's open page stop working at once. The customer sees that the "
            "link has ended. This cannot be undone; you can make a new link any time."
        )
        typed = st.text_input(f"Type “{_WORD}” to confirm", key="setup_links_expire_word")
        if st.form_submit_button("Expire link", key="setup_links_expire_submit"):
            with outcome.show("Link expired."):
                if typed.strip().lower() != _WORD:
                    raise InvalidInput(f"Type “{_WORD}” to confirm.", field="word")
                ctx.services.links.expire(row["id"], by=ctx.actor)
