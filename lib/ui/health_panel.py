"""The light: whether everything Stripe has is here, why not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.health import Facts, Light, Remark, judge, light_of
from lib.ui import badges, charts, layout, navigation, outcome, sync_status
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, plural
from lib.ui.layout import Figure


@dataclass(frozen=True, slots=True)
class _Shown:
    color: badges.Color
    icon: str
    says: str


_LIGHTS = {
    Light.GREEN: _Shown("green", "check_circle", "Everything Stripe has is here"),
    Light.AMBER: _Shown("orange", "warning", "Look at this"),
    Light.RED: _Shown("red", "error", "Not to be trusted yet"),
}


def facts(ctx: PageContext) -> Facts:
    return ctx.services.reports.health.facts(
        has_webhooks=bool(ctx.services.settings.webhook_secrets)
    )


def line(ctx: PageContext) -> None:
    """One line for Home: the light, its gravest reason, and the way to Sync health."""
    found = facts(ctx)
    remarks = judge(found)
    shown = _LIGHTS[light_of(remarks)]
    why = remarks[0].says if remarks else f"Read from Stripe {ago(found.synced_at, ctx.now)}."
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":{shown.color}-badge[:material/{shown.icon}: {shown.says}] :gray[{escape(why[:200])}]",
            width="content",
        )
        spec = navigation.find("sync")
        if spec is not None:
            st.page_link(spec.path, label=spec.title, icon=":material/arrow_forward:",
                         icon_position="right", width="content")  # fmt: skip


def light(ctx: PageContext, found: Facts) -> None:
    """The sentence, then each reason with the one thing to do."""
    remarks = judge(found)
    shown = _LIGHTS[light_of(remarks)]
    with st.container(border=True, gap="small"):
        st.markdown(f"### :{shown.color}[:material/{shown.icon}: {shown.says}]")
        if not remarks:
            st.caption(
                "Everything was read, news is fetched, and the last comparison with Stripe found "
                "no difference."
            )
        for remark in remarks:
            _remark(ctx, remark)


def _remark(ctx: PageContext, remark: Remark) -> None:
    grave = _LIGHTS[remark.light]
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        with st.container(width="stretch", gap=None):
            st.markdown(f":{grave.color}[:material/{grave.icon}:] **{escape(remark.says)}**")
            st.caption(escape(remark.next_step))
        _what_to_do(ctx, remark)


def _what_to_do(ctx: PageContext, remark: Remark) -> None:
    if remark.code in _LINKS:
        address, query = _LINKS[remark.code]
        spec = navigation.find(address)
        if spec is not None:
            st.page_link(spec.path, label=spec.title, icon=":material/arrow_forward:",
                         icon_position="right", query_params=query, width="content")  # fmt: skip
        return
    if remark.code not in _ACTIONS or not ctx.actor.may(Permission.SYNC):
        return
    label, icon, ask = _ACTIONS[remark.code]
    if st.button(label, key=f"sync_remark_{remark.code}", icon=f":material/{icon}:"):
        with outcome.show() as said:
            said.message = "It begins in a moment." if ask(ctx) else "It is under way already."


def _sync(ctx: PageContext) -> bool:
    return ctx.services.sync.request(by=ctx.actor)


def _read_everything(ctx: PageContext) -> bool:
    return ctx.services.sync.request(by=ctx.actor, full=True)


def _compare(ctx: PageContext) -> bool:
    return ctx.services.sync.request_proof(by=ctx.actor)


def _compare_everything(ctx: PageContext) -> bool:
    return ctx.services.sync.request_proof(by=ctx.actor, full=True)


_LINKS: dict[str, tuple[str, dict[str, str]]] = {
    "given_up": ("webhooks", {"webhooks_state": "given_up"}),
    "webhooks_quiet": ("webhooks", {}),
    "paid_twice": ("audit", {"audit_search": "paid_twice"}),
}
_ACTIONS: dict[str, tuple[str, str, Callable[[PageContext], bool]]] = {
    "incomplete": ("Read everything", "download", _read_everything),
    "sync_failed": ("Sync now", "sync", _sync),
    "sync_stopped": ("Sync now", "sync", _sync),
    "sync_late": ("Sync now", "sync", _sync),
    "differs": ("Compare everything", "fact_check", _compare_everything),
    "unproven": ("Compare with Stripe", "fact_check", _compare),
    "never_proven": ("Compare with Stripe", "fact_check", _compare),
    "proof_late": ("Compare with Stripe", "fact_check", _compare),
}


def figures(ctx: PageContext, found: Facts) -> None:
    reads = found.reads
    arrived = ago(found.webhook_at, ctx.now) if found.webhook_at else "Never"
    layout.figures(
        [
            Figure("Last synced", ago(found.synced_at, ctx.now) if found.synced_at else "Never",
                   help="When Onfile last asked Stripe what changed."),
            Figure("Last proven", ago(found.proven_at, ctx.now) if found.proven_at else "Never",
                   help="When what is here was last compared with Stripe."),
            Figure(f"Reads of {reads.allowed:,} in 30 days",
                   f"{reads.used:,} ({reads.part:.0%})",
                   help="Stripe allows 500 reads a payment over 30 days, and at least 10,000."),
            Figure("Last webhook", arrived if found.has_webhooks else "Not set up", "webhooks",
                   help="When Stripe last told Onfile by itself."),
        ]
    )  # fmt: skip


def news(ctx: PageContext, found: Facts) -> None:
    """Whether Stripe tells Onfile by itself; the page Webhooks says the rest."""
    if not found.has_webhooks:
        words = "Webhooks are not set up: Onfile asks Stripe instead. Everything is right, only later."  # fmt: skip
    elif found.webhook_at is None:
        words = "Webhooks are set up, and nothing has arrived yet."
    else:
        late = plural(found.webhooks_missed, "change")
        words = f"Stripe tells Onfile what changes, last {ago(found.webhook_at, ctx.now)}. "
        words += f"By polling only, in the last day: {late}."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/webhook: {words}", width="content")
        if spec := navigation.find("webhooks"):
            st.page_link(spec.path, label="Webhooks", icon=":material/arrow_forward:",
                         icon_position="right", width="content")  # fmt: skip
    sync_status.not_searchable(ctx)


def reads(ctx: PageContext, found: Facts) -> None:
    """Reads by day beside what Stripe allows a day, drawn once there are any."""
    by_day = ctx.services.reports.health.reads_by_day()
    if not any(count for _, count in by_day):
        return
    with st.container(border=True):
        st.markdown("**Reads of Stripe by day**")
        charts.reads_by_day(by_day, allowed=found.reads.allowed // len(by_day))
