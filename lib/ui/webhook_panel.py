"""One webhook delivery in the drawer, replaying, and what to say while there are none."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.webhook_endpoints import THIN_ADVICE
from lib.reports.frames import records
from lib.ui import badges, drawers, layout, navigation, outcome, setup_link, webhook_words
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact

PARAM = "delivery"
TABLE = "webhooks_rows"
LABELS = {
    "waiting": "Waiting",
    "processed": "Processed",
    "ignored": "Not needed",
    "retrying": "Retrying",
    "given_up": "Given up",
}


def rows(frame: pd.DataFrame, ctx: PageContext) -> pd.DataFrame:
    entries = records(frame)
    now = epoch(ctx.now)
    return frame.assign(
        what=[webhook_words.event(row["type"]) for row in entries],
        about=[row["name"] or row["object_id"] or "" for row in entries],
        took=[webhook_words.took(row, now) for row in entries],
    )


def replay_all(ctx: PageContext, given_up: int) -> None:
    """Shown only while there is something to replay, to people who may."""
    if not given_up or not ctx.actor.may(Permission.SYNC):
        return
    if st.button(
        f"Replay all {given_up:,}" if given_up > 1 else "Replay the one given up",
        key="webhooks_replay_all",
        icon=":material/replay:",
        type="primary",
        help="Asks Stripe again about everything that was given up. It does no harm.",
    ):
        with outcome.show() as toast:
            count = ctx.services.webhooks.replay_all(by=ctx.actor)
            toast.message = f"{plural(count, 'delivery', 'deliveries')} will be processed again."


def not_set_up(ctx: PageContext) -> None:
    """Why nothing arrives by itself, and how to change that; nothing when it does."""
    if ctx.services.webhooks.is_configured:
        return
    address = f"{ctx.services.settings.public_url}/webhooks/stripe"
    with st.container(border=True, gap="small"):
        st.markdown(":material/webhook: **Webhooks are not set up**")
        st.caption(
            "Onfile asks Stripe every few minutes instead: everything is right, only later. To be "
            "told at once, an admin makes a webhook endpoint in the Stripe Dashboard for this "
            "address, puts its signing secret into STRIPE_WEBHOOK_SECRET, and starts Onfile again."
        )
        st.code(address, language=None)


def thin(ctx: PageContext) -> None:
    """Shown while the destination at Stripe names objects without showing them."""
    count = ctx.services.webhooks.thin()
    if count:
        st.info(
            f"{THIN_ADVICE} {plural(count, 'delivery', 'deliveries')} "
            "of the newest 500 came that way. Onfile reads each object at Stripe, so nothing is missed. "
            "An admin sets the payload style of a new destination in the Stripe Dashboard.",
            icon=":material/webhook:",
        )


def none_yet(ctx: PageContext) -> None:
    if ctx.services.webhooks.is_configured:
        with layout.empty(
            "webhook",
            "Nothing has arrived yet",
            "Stripe sends a message as soon as a customer saves a card or a payment changes.",
        ):
            setup_link.offer(ctx.actor)
    else:
        layout.empty(
            "webhook",
            "Nothing here yet",
            "What Onfile finds by asking Stripe will be listed here, too.",
        )


def drawer(event_id: str) -> None:
    row = require().services.reports.webhooks.find(event_id[:200])
    title = "Delivery" if row is None else webhook_words.event(row["type"])
    drawers.show(
        title, partial(_panel, event_id[:200]), on_close=partial(drawers.close, PARAM, TABLE)
    )


def _panel(event_id: str) -> None:
    ctx = require()
    row = ctx.services.reports.webhooks.find(event_id)
    if row is None:
        st.info("There is no such delivery here.", icon=":material/search_off:")
        return
    st.markdown(badges.badge(row["state"]))
    _explained(ctx, row)
    layout.facts([Fact("About", row["name"] or row["object_id"]), Fact("Event", row["type"])])
    _links(row)
    _timeline(ctx, row)
    if row["state"] in ("processed", "retrying", "given_up"):
        _replay(ctx, row)
    body = json.loads(row["body"])
    layout.raw(
        [
            Fact("Event", row["id"]),
            Fact("Object", row["object_id"]),
            Fact("Customer", row["customer"] or body.get("customer")),
            Fact("Account", body.get("account")),
            Fact("Status in the event", body.get("status")),
            Fact("Mode", body.get("mode")),
            Fact("Idempotency key", body.get("idempotency_key")),
            Fact("API version", row["api_version"]),
            Fact("Payload style", body.get("payload", "snapshot")),
            Fact("Mode of the key", "live" if row["livemode"] else "test"),
            Fact("Reason kept", row["error"]),
            Fact("Note", row["note"]),
        ]
    )


def _explained(ctx: PageContext, row: dict[str, Any]) -> None:
    if row["state"] in ("retrying", "given_up"):
        happened, to_do = webhook_words.reason(row["error"])
        given_up = row["state"] == "given_up"
        with st.container(border=True, gap="small"):
            st.markdown(f"**{escape(happened)}**")
            if given_up:
                st.markdown(f"Onfile tried {plural(row['tries'], 'time')} and stopped.")
                to_do = to_do.replace(webhook_words.BY_ITSELF, "Replay it.")
            st.markdown(f"Next: {escape(to_do)}")
            st.caption(
                "A sync reads the same facts from Stripe, so this alone does not make Onfile wrong."
            )
    elif row["note"]:
        st.caption(webhook_words.note(row["note"]))
    elif row["state"] == "waiting" and row["tries"]:
        st.caption(" ".join(webhook_words.reason(None)))


def _links(row: dict[str, Any]) -> None:
    for page, param, icon, label, id_ in (
        ("sessions", "session", "assignment_turned_in", "Open session", row["session"]),
        ("payment_methods", "method", "credit_card", "Open saved method", row["payment_method"]),
        ("customers", "customer", "person", "Open customer", row["customer"]),
    ):
        spec = navigation.find(page)
        if id_ and spec:
            st.page_link(
                navigation.page(spec),
                label=label,
                icon=f":material/{icon}:",
                query_params={param: id_},
            )


def _timeline(ctx: PageContext, row: dict[str, Any]) -> None:
    """What happened, oldest first, in sentences."""
    came = row["webhook_at"] is not None and row["webhook_at"] <= row["received_at"]
    entries = [
        ("bolt", "It happened at Stripe", row["created"]),
        (
            "inbox",
            "It arrived by webhook" if came else "Onfile found it by asking Stripe",
            row["received_at"],
        ),
    ]
    if row["webhook_at"] is not None and not came:
        entries.append(("inbox", "It arrived by webhook, too", row["webhook_at"]))
    if row["repeats"]:
        again = plural(row["repeats"], "more time")
        entries.append(("repeat", f"Stripe sent it {again}; it was taken once", None))
    if row["state"] in ("retrying", "given_up"):
        entries.append(("error", f"It did not work: {plural(row['tries'], 'try', 'tries')}", None))
    if row["state"] == "processed":
        entries.append(
            ("check_circle", f"Processed at the {_ordinal(row['tries'])} try", row["finished_at"])
            if row["tries"] > 1
            else ("check_circle", "Processed", row["finished_at"])
        )
    if row["state"] == "ignored":
        entries.append(("do_not_disturb_on", "Kept, and nothing was done", None))
    if row["next_try_at"]:
        entries.append(("schedule", "Next try", row["next_try_at"]))
    with st.container(gap="small"):
        for icon, text, at in entries:
            line = f":material/{icon}: {escape(text)}"
            if at is not None:
                line += f"  \n:small[:gray[{escape(when(at, ctx.now, ctx.timezone))}]]"
            st.markdown(line)


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _replay(ctx: PageContext, row: dict[str, Any]) -> None:
    if not ctx.actor.may(Permission.SYNC):
        if row["state"] == "given_up":
            st.caption("An operator can replay it.")
        return
    if st.button(
        "Replay",
        key=f"webhooks_replay_{row['tries']}_{row['state']}",
        icon=":material/replay:",
        type="secondary" if row["state"] == "processed" else "primary",
        help="Asks Stripe again for what this is about, as if it had just arrived.",
    ):
        with outcome.show("It will be processed again in a moment."):
            ctx.services.webhooks.replay(row["id"], by=ctx.actor)
