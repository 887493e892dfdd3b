"""How fresh the mirror is, and a button that asks the worker for a sync and watches it."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.store.jobs import Job
from lib.ui import outcome
from lib.ui.context import require
from lib.ui.formats import ago, escape, plural

_WATCHED = "sync_status_watched"
_STEPS = {
    "checkout_sessions": "Reading sessions",
    "customers": "Reading customers",
    "payment_methods": "Reading saved methods",
    "payment_intents": "Reading charges",
    "events": "Reading what changed",
}


def is_live(job: Job | None) -> bool:
    return job is not None and job.state in ("queued", "running")


def bar() -> None:
    """Asks every two seconds while a sync waits or runs, and not at all otherwise."""
    live = is_live(require().services.sync.latest())
    st.fragment(run_every="2s" if live else None)(_bar)()


def _bar() -> None:
    ctx = require()
    job = ctx.services.sync.latest()
    if is_live(job):
        st.session_state[_WATCHED] = True
    elif st.session_state.pop(_WATCHED, False):
        # It ended while being watched: the whole page reads afresh, and the asking stops.
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.caption(_words(job, ctx.services.sync.last_done_at()), width="content")
        if ctx.actor.may(Permission.SYNC) and st.button(
            "Sync now", key="sync_status_request", icon=":material/sync:", disabled=is_live(job)
        ):
            with outcome.show() as said:
                asked = ctx.services.sync.request(by=ctx.actor)
                said.message = "Sync asked for." if asked else "A sync is under way already."


def _words(job: Job | None, done_at: int | None) -> str:
    ctx = require()
    if job is not None and job.state == "queued":
        return "Sync waits for the worker"
    if job is not None and job.state == "running":
        doing = _STEPS.get(str(job.progress.get("doing")), "Starting")
        written = sum(int(job.progress.get(name) or 0) for name in _STEPS)
        return f"{doing} · {plural(written, 'object')} written"
    fresh = f"Synced {ago(done_at, ctx.now)}" if done_at else "Never synced"
    if job is not None and job.state == "failed":
        return f"The last sync stopped: {escape((job.error or '')[:120])} · {fresh}"
    return fresh
