"""Freshness of the mirror, and a button that asks the worker for a sync and watches it."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.progress import describe
from lib.services.mirror.sync import BACKFILL, SYNC
from lib.store.jobs import Job
from lib.ui import auth, outcome, sync_words
from lib.ui.context import PageContext, require
from lib.ui.formats import ago, escape, plural

_WATCHED = "sync_status_watched"


def is_live(job: Job | None) -> bool:
    return job is not None and job.state in ("queued", "running")


def not_searchable(ctx: PageContext) -> None:
    """With a search: that rows which were just written are not found yet. Usually nothing."""
    waiting = ctx.services.reports.health.to_index()
    if waiting:
        be = (
            "cannot be searched for yet; it will be"
            if waiting == 1
            else "cannot be searched for yet; they will be"
        )
        st.caption(f":material/hourglass_top: {plural(waiting, 'row')} {be} in a moment.")


def bar() -> None:
    """Asks every two seconds while Stripe is read, or will be, and not at all otherwise."""
    live = is_live(_shown(require(by_itself=True)))
    st.fragment(run_every="2s" if live else None)(_bar)()


def _shown(ctx: PageContext) -> Job | None:
    """What is under way, the reading of everything before that of news; else the newest."""
    latest = ctx.services.sync.latest_of_each()
    jobs = [latest[kind] for kind in (BACKFILL, SYNC) if kind in latest]
    live = [job for job in jobs if is_live(job)]
    return next(iter(live), max(jobs, key=lambda job: job.created_at, default=None))


def _bar() -> None:
    ctx = require(by_itself=True)
    job = _shown(ctx)
    if is_live(job):
        st.session_state[_WATCHED] = True
    elif st.session_state.pop(_WATCHED, False):
        # It ended while being watched: the whole page reads afresh, and the asking stops.
        auth.rerun_by_itself()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.caption(_words(job, ctx.services.sync.last_done_at()), width="content")
        if ctx.actor.may(Permission.SYNC) and st.button(
            "Sync now", key="sync_status_request", icon=":material/sync:", disabled=is_live(job)
        ):
            with outcome.show() as toast:
                is_new = ctx.services.sync.request(by=ctx.actor)
                toast.message = "Sync asked for." if is_new else "A sync is under way already."


def _words(job: Job | None, done_at: int | None) -> str:
    ctx = require(by_itself=True)
    if job is not None and job.state == "queued":
        return "The sync begins in a moment"
    if job is not None and job.state == "running":
        return describe(job.kind, job.progress)
    fresh = f"Synced {ago(done_at, ctx.now)}" if done_at else "Never synced"
    if job is not None and job.state == "failed":
        return f"The last sync stopped: {escape(sync_words.stop(job.error).says[:160])} · {fresh}"
    if job is not None and job.state == "cancelled":
        return f"The last sync was stopped by a person · {fresh}"
    return fresh
