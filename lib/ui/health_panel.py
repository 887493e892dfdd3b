"""The light: whether everything Stripe has is here, why not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.health import judge, light_of
from lib.domain.health_facts import HealthFacts, HealthRemark, Light
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY
from lib.settings import Mode
from lib.ui import badges, charts, layout, navigation, outcome, sync_status, sync_words
from lib.ui.context import PageContext
from lib.ui.formats import ago, brief, escape, plural
from lib.ui.layout import Figure


@dataclass(frozen=True, slots=True)
class _Shown:
    color: badges.Color
    icon: str
    says: str


_LIGHTS = {
    Light.GREEN: _Shown("green", "check_circle", "Everything Stripe has is here"),
    Light.AMBER: _Shown("orange", "warning", "Something needs a look"),
    Light.RED: _Shown("red", "error", "Something may be missing or wrong"),
}
_STOPPED = (
    "The last look at Stripe did not end well: ",
    "The last comparison with Stripe did not end well: ",
)
_READING = _Shown("blue", "progress_activity", "Reading everything from Stripe")


def facts(ctx: PageContext) -> HealthFacts:
    settings = ctx.services.settings
    health = ctx.services.reports.health.facts(has_webhooks=bool(settings.webhook_secrets))
    # The practice Stripe lives in Onfile: what it did before it could send is nobody's mistake.
    return replace(health, webhooks_missed=0) if settings.mode is Mode.PRACTICE else health


def reasons(health: HealthFacts) -> list[HealthRemark]:
    """Why the light is not green, the gravest first; what one of them says, no other repeats."""
    remarks: list[HealthRemark] = []
    for remark in judge(health):
        if not any(remark.says in earlier.says for earlier in remarks):
            remarks.append(remark)
    return [_in_words(remark) for remark in remarks]


def _in_words(remark: HealthRemark) -> HealthRemark:
    says = remark.says
    for beginning in _STOPPED:
        says = says.removeprefix(beginning)
    stop = sync_words.stop(says)
    if not stop.next_step:
        return remark
    return replace(remark, says=stop.says, next_step=f"{stop.next_step} The rest is read.")


def _shown(remarks: Sequence[HealthRemark]) -> _Shown:
    if [remark.code for remark in remarks] == ["reading"]:
        return _READING
    return _LIGHTS[light_of(remarks)]


def line(ctx: PageContext) -> None:
    """One line for Home, which speaks of incidents itself: the light, its gravest reason, and the way there."""
    health = facts(ctx)
    remarks = reasons(health)
    shown = _shown(remarks)
    others = [remark for remark in remarks if remark.code != "incidents"]
    if shown is _READING:
        why = remarks[0].next_step
    elif others:
        why = others[0].says
    else:
        why = f"Read from Stripe {ago(health.synced_at, ctx.now)}."
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":{shown.color}-badge[:material/{shown.icon}: {shown.says}] :gray[{escape(why[:200])}]",
            width="content",
        )
        spec = navigation.find("sync")
        if spec is not None:
            st.page_link(
                navigation.page(spec),
                label=spec.title,
                icon=":material/arrow_forward:",
                icon_position="right",
                width="content",
            )


def light(ctx: PageContext, health: HealthFacts, remarks: Sequence[HealthRemark]) -> None:
    """The sentence, then each reason with the one thing to do."""
    shown = _shown(remarks)
    with st.container(border=True, gap="small"):
        st.markdown(f"### :{shown.color}[:material/{shown.icon}: {shown.says}]")
        if not remarks:
            st.caption(
                "Everything was read, news is fetched, and the last comparison with Stripe found "
                "no difference."
            )
        if shown is _READING:
            st.caption(remarks[0].next_step)
            return
        for remark in remarks:
            _remark(ctx, remark)


def _remark(ctx: PageContext, remark: HealthRemark) -> None:
    grave = _READING if remark.code == "reading" else _LIGHTS[remark.light]
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        with st.container(width="stretch", gap=None):
            st.markdown(f":{grave.color}[:material/{grave.icon}:] **{escape(remark.says)}**")
            st.caption(escape(remark.next_step))
        _what_to_do(ctx, remark)


def _what_to_do(ctx: PageContext, remark: HealthRemark) -> None:
    if remark.code in _LINKS:
        address, query = _LINKS[remark.code]
        spec = navigation.find(address)
        if spec is not None and ctx.actor.may(spec.permission):
            st.page_link(
                navigation.page(spec),
                label=spec.title,
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params=query,
                width="content",
            )
        return
    if remark.code not in _ACTIONS or not ctx.actor.may(Permission.SYNC):
        return
    kind, label, icon, ask = _ACTIONS[remark.code]
    job = ctx.services.sync.latest(kind)
    if sync_status.is_live(job) or (kind == BACKFILL and job is not None):
        # It is under way, or the card below says how far it came and goes on from there.
        return
    if st.button(label, key=f"sync_remark_{remark.code}", icon=f":material/{icon}:"):
        with outcome.show() as toast:
            toast.message = "It begins in a moment." if ask(ctx) else "It is under way already."


def _sync(ctx: PageContext) -> bool:
    return ctx.services.sync.request(by=ctx.actor)


def _read_everything(ctx: PageContext) -> bool:
    return ctx.services.sync.request(by=ctx.actor, full=True)


def _compare(ctx: PageContext) -> bool:
    return ctx.services.sync.request_verification(by=ctx.actor)


def _compare_everything(ctx: PageContext) -> bool:
    return ctx.services.sync.request_verification(by=ctx.actor, full=True)


_LINKS: dict[str, tuple[str, dict[str, str]]] = {
    "given_up": ("webhooks", {"webhooks_state": "given_up"}),
    "webhooks_quiet": ("webhooks", {}),
    "incidents": ("incidents", {"incidents_state": "open"}),
    "backup_failed": ("backups", {}),
    "backup_late": ("backups", {}),
}
_ACTIONS: dict[str, tuple[str, str, str, Callable[[PageContext], bool]]] = {
    "incomplete": (BACKFILL, "Read everything", "download", _read_everything),
    "sync_failed": (SYNC, "Sync now", "sync", _sync),
    "sync_stopped": (SYNC, "Sync now", "sync", _sync),
    "sync_late": (SYNC, "Sync now", "sync", _sync),
    "differs": (VERIFY, "Compare everything", "fact_check", _compare_everything),
    "in_doubt": (VERIFY, "Compare everything", "fact_check", _compare_everything),
    "verification_failed": (VERIFY, "Verify with Stripe", "fact_check", _compare),
    "unverified": (VERIFY, "Verify with Stripe", "fact_check", _compare),
    "never_verified": (VERIFY, "Verify with Stripe", "fact_check", _compare),
    "verification_late": (VERIFY, "Verify with Stripe", "fact_check", _compare),
}


def figures(ctx: PageContext, health: HealthFacts) -> None:
    reads = health.reads
    arrived = _brief(health.webhook_at, ctx) if health.has_webhooks else "Not set up"
    layout.figures(
        [
            Figure(
                "Last synced",
                _brief(health.synced_at, ctx),
                help="When Onfile last asked Stripe what changed.",
            ),
            Figure(
                "Last compared",
                _brief(health.verified_at, ctx),
                help="When what is here was last compared with Stripe.",
            ),
            Figure(
                "Stripe reads used",
                f"{reads.part:.0%}",
                help=f"{reads.used:,} of the {reads.allowed:,} questions that Stripe answers in "
                "30 days: 500 a payment, and at least 10,000.",
            ),
            Figure(
                "Last webhook", arrived, "webhooks", help="When Stripe last told Onfile by itself."
            ),
        ]
    )


def _brief(value: int | None, ctx: PageContext) -> str:
    return brief(value, ctx.now) if value else "Never"


def news(ctx: PageContext, health: HealthFacts) -> None:
    """What the figures cannot say: news comes later without webhooks, and what is not found yet."""
    words = ""
    if not health.has_webhooks:
        words = (
            "Webhooks are not set up: Onfile asks Stripe instead. Everything is right, only later."
        )
    elif health.webhook_at is None:
        words = "Webhooks are set up, and nothing has arrived yet."
    elif health.webhooks_missed:
        many = plural(health.webhooks_missed, "change", "changes")
        words = f"{many} of the last day was read by Onfile itself before Stripe told of it: later, but all there."
    if words:
        st.caption(f":material/webhook: {words}")
    sync_status.not_searchable(ctx)


def reads(ctx: PageContext, health: HealthFacts) -> None:
    """Reads by day beside what Stripe allows a day, drawn once there are any."""
    by_day = ctx.services.reports.health.reads_by_day()
    if not any(count for _, count in by_day):
        return
    with st.container(border=True):
        st.markdown("**Reads of Stripe by day (UTC)**")
        charts.reads_by_day(by_day, allowed=health.reads.allowed // len(by_day))
