"""The sync: its progress while it runs, its result, and how fresh the mirror is."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lib.domain.actors import Permission
from lib.store.jobs import Job
from lib.ui import badges, layout, navigation, outcome
from lib.ui.context import PageContext, require
from lib.ui.formats import ago, escape, plural, when
from lib.ui.layout import Fact

_ACTIVE = ("queued", "running")
_TYPES = {
    "checkout_sessions": "Checkout Sessions",
    "setup_intents": "SetupIntents",
    "customers": "Customers",
    "payment_methods": "Saved methods",
    "payment_intents": "PaymentIntents",
    "events": "Events",
}
_READ_IN_ORDER = tuple(name for name in _TYPES if name != "setup_intents")


def buttons(ctx: PageContext) -> None:
    if not ctx.actor.may(Permission.SYNC):
        return
    job = ctx.services.sync.latest()
    busy = job is not None and job.state in _ACTIVE
    if st.button(
        "Read everything again", key="sync_full", disabled=busy, icon=":material/restart_alt:",
        help="Slower. Only needed when something looks wrong.",
    ):  # fmt: skip
        _ask(ctx, full=True)
    if st.button("Sync now", key="sync_now", disabled=busy, type="primary", icon=":material/sync:"):
        _ask(ctx, full=False)


def _ask(ctx: PageContext, *, full: bool) -> None:
    with outcome.show() as said:
        asked = ctx.services.sync.request(by=ctx.actor, full=full)
        said.message = "Sync started." if asked else "A sync is on its way already."


def freshness(ctx: PageContext) -> None:
    """One line: how old the mirror is, with the way to the sync page."""
    done = ctx.services.sync.last_done_at()
    text = f"Read from Stripe {ago(done, ctx.now)}" if done else "Not read from Stripe yet"
    spec = navigation.find("sync")
    if spec is not None:
        st.page_link(spec.path, label=text, icon=":material/sync:", width="content")


def job(ctx: PageContext) -> None:
    """The newest sync; redrawn every two seconds while it runs, also after a reload."""
    found = ctx.services.sync.latest()
    if found is not None and found.state in _ACTIVE:
        _watch()
        return
    if found is None:
        layout.empty(
            "sync", "Not synced yet", "Onfile reads everything from Stripe once, then what changed."
        )
        return
    _ended(ctx, found)


@st.fragment(run_every="2s")
def _watch() -> None:
    ctx = require()
    found = ctx.services.sync.latest()
    if found is None or found.state not in _ACTIVE:
        st.rerun()
    doing = str(found.progress.get("doing", ""))
    with st.container(border=True):
        if found.state == "queued":
            st.markdown(f"{badges.badge('queued')} The worker begins in a moment.")
            st.progress(0.0)
            return
        step = _READ_IN_ORDER.index(doing) if doing in _READ_IN_ORDER else 0
        started = ago(found.started_at, ctx.now)
        st.markdown(f"{badges.badge('running')} Started {started}. You may leave this page.")
        st.progress(
            (step + 0.5) / len(_READ_IN_ORDER),
            text=f"Reading {_TYPES.get(doing, 'what changed')}, step {step + 1} of {len(_READ_IN_ORDER)}",
        )
        _numbers(found.progress)


def _ended(ctx: PageContext, found: Job) -> None:
    who = ctx.services.users.find(found.requested_by)
    by = who.name if who else "Onfile's schedule"
    with st.container(border=True):
        st.markdown(
            f"{badges.badge(found.state)} {'Everything' if found.params.get('full') else 'What changed'}"
            f" · {escape(when(found.finished_at, ctx.now, ctx.timezone))} · asked for by {escape(by)}"
        )
        if found.state == "failed":
            st.error(
                "The sync stopped before its end. What it had read is kept, and the next one goes "
                f"on from there.  \n:small[:gray[For support: {escape((found.error or '')[:300])}]]",
                icon=":material/error:",
            )
        if found.result:
            _numbers(found.result)
            seconds = float(found.result.get("seconds", 0))
            requests = plural(int(found.result.get("requests", 0)), "request")
            st.caption(f"{requests} to Stripe in {max(seconds, 0.1):.1f} s")


def _numbers(values: dict[str, Any]) -> None:
    columns = st.columns(len(_TYPES))
    for column, (name, label) in zip(columns, _TYPES.items(), strict=True):
        column.metric(label, f"{int(values.get(name, 0)):,}")


def webhooks(ctx: PageContext) -> None:
    """Whether Stripe tells us by itself, and what became of what it told."""
    st.subheader("Webhooks", anchor=False)
    if not ctx.services.settings.webhook_secrets:
        st.info(
            "Webhooks are not set up: Onfile asks Stripe every few minutes instead. Everything "
            "is right, only later. Set STRIPE_WEBHOOK_SECRET to be told at once.",
            icon=":material/webhook:",
        )
    else:
        st.markdown(f"{badges.badge('active')} Stripe tells Onfile at once what changed.")
    counts = ctx.services.reports.webhooks.counts()
    layout.facts(
        [
            Fact("Waiting", f"{counts['waiting']:,}"),
            Fact("Processed", f"{counts['processed']:,}"),
            Fact("Not needed", f"{counts['ignored']:,}"),
            Fact("To be tried again", f"{counts['retrying']:,}"),
            Fact("Given up", f"{counts['given_up']:,}"),
        ]
    )
    if counts["retrying"]:
        st.warning(
            "Some deliveries could not be processed. Onfile tries them again by itself, and a sync "
            "reads the same facts.",
            icon=":material/warning:",
        )
