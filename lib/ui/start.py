"""The first steps of a new installation on Home, each with its state and its way."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.domain.actors import Role
from lib.reports.start import StartFacts
from lib.services.mirror.sync import BACKFILL, SYNC
from lib.settings import Mode
from lib.ui import badges, navigation, sync_words
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    state: str
    """Of `badges.STATES`: done, to_do, waiting or failed."""
    text: str
    """Plain text: what it is about while it is to be done, what came of it afterwards."""
    page: str = ""
    """Where it is done, by those who may open that page."""
    action: str = ""


def draw(ctx: PageContext, facts: StartFacts) -> None:
    """While the installation is new and anything is left to do."""
    steps = [_key(ctx), _webhook(ctx, facts), _link(facts), _charge(facts), _approver(ctx)]
    if not facts.is_new or all(step.state == "done" for step in steps):
        return
    done = sum(step.state == "done" for step in steps)
    with st.container(border=True, gap="small"):
        st.markdown(f"**First steps** :gray[· {done} of {len(steps)} done]")
        for number, step in enumerate(steps, start=1):
            _draw(ctx, number, step)


def _draw(ctx: PageContext, number: int, step: Step) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"{number}. **{step.title}** {badges.badge(step.state)}")
            st.caption(escape(step.text))
        spec = navigation.find(step.page) if step.page else None
        if spec is not None and step.state != "done" and ctx.actor.may(spec.permission):
            st.page_link(
                navigation.page(spec),
                label=step.action,
                icon=":material/arrow_forward:",
                icon_position="right",
                width="content",
            )


def _key(ctx: PageContext) -> Step:
    title = "Connect Stripe"
    if ctx.services.settings.mode is Mode.PRACTICE:
        text = "Practice mode: a simulated Stripe answers. With STRIPE_SECRET_KEY set, Onfile works with yours."
        return Step(title, "done", text)
    if done_at := ctx.services.sync.last_done_at():
        return Step(title, "done", f"Stripe takes the key. Read {ago(done_at, ctx.now)}.")
    jobs = ctx.services.sync.latest_of_each()
    failed = [jobs[kind] for kind in (BACKFILL, SYNC) if kind in jobs and jobs[kind].error]
    if failed:
        stop = sync_words.stop(failed[0].error)
        return Step(title, "failed", f"{stop.says} {stop.next_step}".strip(), "sync", "Sync health")
    text = "What Stripe has already is read now, for the first time."
    return Step(title, "waiting", text, "sync", "Watch it")


def _webhook(ctx: PageContext, facts: StartFacts) -> Step:
    title, settings = "Let Stripe bring its news", ctx.services.settings
    if facts.webhook_at is not None:
        text = f"The last delivery came {ago(facts.webhook_at, ctx.now)}."
        return Step(title, "done", text)
    address = f"{settings.public_url}/webhooks/stripe"
    if settings.webhook_secrets:
        text = f"Nothing has come yet to {address}. The first link that is opened brings it, or an event sent from Stripe's Dashboard."
        return Step(title, "waiting", text, "webhooks", "Webhooks")
    text = (
        f"Make a webhook endpoint at Stripe for {address} and set its secret as STRIPE_WEBHOOK_SECRET. "
        "Without it, Onfile asks Stripe, and what customers do shows minutes later."
    )
    return Step(title, "to_do", text, "settings", "Settings")


def _link(facts: StartFacts) -> Step:
    title = "Make the first link"
    if facts.has_link:
        return Step(title, "done", "Customers save a card with it; more are made the same way.")
    text = (
        "Send it to a customer, who saves a card on Stripe's page in a minute. Nothing is charged."
    )
    return Step(title, "to_do", text, "setup_links", "Make a link")


def _charge(facts: StartFacts) -> Step:
    title = "Charge for the first time"
    if facts.charges:
        return Step(title, "done", "What was charged, and what became of it, stands under Charges.")
    if not facts.has_card:
        return Step(title, "waiting", "Possible as soon as a customer has saved a card.")
    text = "A card is saved. Charge what was agreed on; you see it all before it is sent."
    return Step(title, "to_do", text, "new_charge", "New charge")


def _approver(ctx: PageContext) -> Step:
    title = "Invite the approver"
    approvers = [
        user.name
        for user in ctx.services.users.list()
        if user.is_active and Role.APPROVER in user.roles
    ]
    if approvers:
        return Step(title, "done", f"Runs are approved by {', '.join(approvers[:3])}.")
    text = "Runs, refunds and outcomes set by hand need a second person with the role approver. An admin adds them under Users."
    return Step(title, "to_do", text, "users", "Add a user")
