"""Syncs and verifications: asking for one, watching it, the outcome of the last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.health_facts import HealthFacts
from lib.domain.progress import counts, describe, fraction, step
from lib.services.continuity.rebuild import REBUILD
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY
from lib.store.jobs import STALE_SECONDS, Job
from lib.ui import auth, badges, outcome, rebuild_panel, sync_words
from lib.ui.context import PageContext, require
from lib.ui.formats import ago, escape, plural, when
from lib.ui.sync_status import is_live

_KINDS = {
    SYNC: "Read what changed",
    BACKFILL: "Read everything",
    VERIFY: "Verify with Stripe",
    REBUILD: rebuild_panel.TITLE,
}
_MOST_LEFT_OUT = 3
_WATCHED = "sync_panel_watched"
_KEPT = {
    SYNC: "What was read is kept. The next sync begins where this one stopped.",
    BACKFILL: "What was read is kept, and “Continue” goes on from there.",
    VERIFY: "What was compared until then is kept and repaired.",
    REBUILD: "What was read and taken over is kept, and “Continue” goes on from there.",
}
_AGAIN = {
    SYNC: "Sync again",
    BACKFILL: "Continue",
    VERIFY: "Compare again",
    REBUILD: "Continue",
}


def buttons(ctx: PageContext, health: HealthFacts) -> None:
    """For people who may: read everything again, compare, and the one they usually want."""
    if not ctx.actor.may(Permission.SYNC):
        return
    sync = ctx.services.sync
    latest = sync.latest_of_each()
    busy = {kind: is_live(latest.get(kind)) for kind in _KINDS}
    with st.popover("More", icon=":material/more_horiz:"):
        _read_everything(ctx, health, busy=busy)
    if st.button(
        "Verify with Stripe",
        key="sync_verify",
        icon=":material/fact_check:",
        disabled=busy[VERIFY] or busy[BACKFILL] or sync.needs_backfill(),
        help="Lists samples of everything at Stripe, compares each field, and repairs "
        "what differs.",
    ):
        with outcome.show() as toast:
            toast.message = _began(sync.request_verification(by=ctx.actor))
    if st.button(
        "Sync now",
        key="sync_now",
        type="primary",
        icon=":material/sync:",
        disabled=busy[SYNC] or busy[BACKFILL],
    ):
        with outcome.show() as toast:
            toast.message = _began(sync.request(by=ctx.actor))


def _read_everything(ctx: PageContext, health: HealthFacts, *, busy: Mapping[str, bool]) -> None:
    cost = ctx.services.reports.health.cost_of_reading()
    st.markdown("**Read everything again**")
    st.caption(
        "Only needed when a comparison finds that much is missing. It takes about "
        f"{plural(cost, 'request')}; of the {health.reads.allowed:,} reads that Stripe allows in "
        f"30 days, {health.reads.used:,} are used. You can go on working meanwhile."
    )
    if st.button(
        "Read everything again",
        key="sync_full",
        disabled=busy[BACKFILL],
        icon=":material/restart_alt:",
    ):
        with outcome.show() as toast:
            toast.message = _began(ctx.services.sync.request(by=ctx.actor, full=True))
    st.markdown("**Compare everything**")
    st.caption("Not only samples: every object, about as many requests.")
    if st.button(
        "Compare everything",
        key="sync_verify_full",
        disabled=busy[VERIFY] or ctx.services.sync.needs_backfill(),
        icon=":material/fact_check:",
    ):
        with outcome.show() as toast:
            toast.message = _began(ctx.services.sync.request_verification(by=ctx.actor, full=True))
    st.markdown(f"**{rebuild_panel.TITLE}**")
    rebuild_panel.button(ctx, key="rebuild_again")


def _began(is_new: bool) -> str:
    return "It begins in a moment." if is_new else "It is under way already."


def jobs(ctx: PageContext, *, codes: Collection[str]) -> None:
    """
    What runs, redrawn every two seconds while something does; under it what ended badly.

    Args:
        codes: the codes of the light's reasons; a failure that is among them is not told twice.
    """
    is_told = {
        SYNC: "sync_failed" in codes,
        BACKFILL: False,
        VERIFY: bool({"unverified", "verification_failed", "sync_failed"} & set(codes)),
        REBUILD: False,
    }
    latest = rebuild_panel.of_each_kind(ctx)
    live = any(is_live(job) for job in latest.values())
    st.fragment(run_every="2s" if live else None)(_live)()
    for kind, job in latest.items():
        if job.state == "failed" and is_told[kind]:
            continue
        if job.state in ("failed", "cancelled"):
            _ended_early(ctx, job)


def _live() -> None:
    ctx = require(by_itself=True)
    live_jobs = [job for job in rebuild_panel.of_each_kind(ctx).values() if is_live(job)]
    ids = [job.id for job in live_jobs]
    if set(st.session_state.get(_WATCHED, ())) - set(ids):
        # One ended while being watched: the whole page reads afresh.
        st.session_state[_WATCHED] = ids
        auth.rerun_by_itself()
    st.session_state[_WATCHED] = ids
    for job in live_jobs:
        _live_job(ctx, job)


def _live_job(ctx: PageContext, job: Job) -> None:
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(
                f"{badges.badge(job.state)} **{_title(job)}** :gray[{_since(ctx, job)}]",
                width="stretch",
            )
            _cancel(ctx, job)
        if job.state == "queued":
            st.progress(0.0, text="Begins in a moment. You may leave this page.")
            return
        words = [step(job.kind, job.progress), describe(job.kind, job.progress)]
        st.progress(fraction(job.kind, job.progress), text=" · ".join(filter(None, words)))
        _numbers(job.progress)
        if job.heartbeat_at is not None and ctx.now.timestamp() - job.heartbeat_at > STALE_SECONDS:
            st.caption(
                ":material/hourglass_top: Onfile was stopped while it read. It goes on by itself "
                "where it was, as soon as Onfile's background work runs."
            )


def _since(ctx: PageContext, job: Job) -> str:
    began = f"began {ago(job.started_at or job.created_at, ctx.now)}"
    return f"{began} · {_asked_by(ctx, job)}"


def _asked_by(ctx: PageContext, job: Job) -> str:
    user = ctx.services.users.find(job.requested_by)
    return f"asked for by {escape(user.name)}" if user else "by itself"


def _cancel(ctx: PageContext, job: Job) -> None:
    if not ctx.actor.may(Permission.SYNC):
        return
    is_stopping = job.cancel_requested_by is not None
    if st.button(
        "Stopping …" if is_stopping else "Cancel",
        key=f"sync_cancel_{job.kind}",
        disabled=is_stopping,
        icon=":material/stop_circle:",
        help="What was read is kept; it can go on there later.",
    ):
        with outcome.show("It stops after the page at hand."):
            ctx.services.sync.cancel(job.kind, by=ctx.actor)


def _ended_early(ctx: PageContext, job: Job) -> None:
    """Cancelled or failed: what was kept, and going on."""
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(
                f"{badges.badge(job.state)} **{_title(job)}** "
                f":gray[{when(job.finished_at, ctx.now, ctx.timezone)}]",
                width="stretch",
            )
            _go_on(ctx, job)
        if job.state == "failed":
            stop = sync_words.stop(job.error)
            st.markdown(escape(f"{stop.says} {stop.next_step}"[:600]))
        else:
            by = _who(ctx, job.cancel_requested_by or job.requested_by)
            st.markdown(f"Stopped by {escape(by)}.")
        st.caption(_KEPT[job.kind])
        _numbers(job.result or job.progress)


def _go_on(ctx: PageContext, job: Job) -> None:
    if not ctx.actor.may(Permission.SYNC):
        return
    label, key = _AGAIN[job.kind], f"sync_again_{job.kind}"
    if job.kind == REBUILD:
        rebuild_panel.again(ctx, job, label, key=key)
    elif st.button(label, key=key, icon=":material/play_arrow:"):
        sync, by = ctx.services.sync, ctx.actor
        with outcome.show() as toast:
            if job.kind == VERIFY:
                is_new = sync.request_verification(by=by, full=bool(job.params.get("full")))
            else:
                is_new = sync.request(by=by, full=job.kind == BACKFILL)
            toast.message = _began(is_new)


def last_runs(ctx: PageContext) -> None:
    """One line for each that ended well."""
    latest = ctx.services.sync.latest_of_each()
    for kind, title in _KINDS.items():
        job = latest.get(kind)
        if job is None or job.state != "done" or job.result is None:
            continue
        read = ", ".join(f"{name} {number:,}" for name, number in counts(job.result))
        requests = plural(int(job.result.get("requests", 0)), "request")
        seconds = max(float(job.result.get("seconds", 0)), 0.1)
        st.markdown(
            f"{badges.badge('done')} :small[{title} :gray[{ago(job.finished_at, ctx.now)} · "
            f"{_asked_by(ctx, job)} · {read or 'nothing new'} · {requests} in {seconds:,.1f} s]]"
        )
        _left_out(job.result.get("unreadable") or [])


def _left_out(sentences: Sequence[str]) -> None:
    if not sentences:
        return
    count = plural(len(sentences), "object")
    more = (
        f" … and {len(sentences) - _MOST_LEFT_OUT:,} more."
        if len(sentences) > _MOST_LEFT_OUT
        else ""
    )
    st.caption(
        f":material/warning: {count} left out, each an incident; all others were read. "
        f"{escape(' '.join(sentences[:_MOST_LEFT_OUT]))}{more}"
    )


def _numbers(values: dict[str, Any]) -> None:
    numbers = counts(values)
    if numbers:
        st.caption(
            "Read so far: " + " · ".join(f"{name} **{number:,}**" for name, number in numbers)
        )


def _title(job: Job) -> str:
    return "Compare everything with Stripe" if job.params.get("full") else _KINDS[job.kind]


def _who(ctx: PageContext, username: str) -> str:
    user = ctx.services.users.find(username)
    return user.name if user else "Onfile"
