"""Payments that Stripe knows and this database does not: whose it is, taking it over, and what came of that."""

from __future__ import annotations

import streamlit as st

from lib.clock import epoch
from lib.domain.actors import Permission
from lib.domain.progress import adopted
from lib.domain.rebuild import Installation, beside
from lib.domain.rebuild import question as words_of
from lib.services.continuity.rebuild import REBUILD
from lib.store.jobs import Job
from lib.ui import asked_again, navigation, outcome
from lib.ui.context import PageContext
from lib.ui.formats import ago, escape, exact, plural
from lib.ui.sync_status import is_live

TITLE = "Take over what Stripe knows"
_READS = (
    "It reads our payments by Stripe's Search, those of the last two days by list, and customers, setup "
    "sessions and refunds by list. You can go on working meanwhile, and leave this page."
)
_BEGINS = "It begins in a moment. Sync health shows how far it is."
_UNDER_WAY = "It is under way already."


def question(ctx: PageContext) -> None:
    """On a ledger without charges that met marks at Stripe: are these yours? Otherwise nothing."""
    unclaimed = ctx.services.installations.unclaimed()
    if not unclaimed or is_live(ctx.services.rebuilds.latest()):
        return
    with st.container(border=True, gap="small"):
        st.markdown("**:material/help: Payments that this database does not know**")
        st.markdown(escape(words_of(unclaimed, now=epoch(ctx.now))))
        if ctx.actor.may(Permission.SYNC):
            _choices(ctx, unclaimed)
        else:
            st.caption("Whoever may sync with Stripe answers this.")


def _choices(ctx: PageContext, unclaimed: list[Installation]) -> None:
    """Yes, which one and whether it is stopped; or no."""
    names = {one.id: one for one in unclaimed if one.id is not None}
    may_run = any(one.may_run(epoch(ctx.now)) for one in unclaimed)
    wanted: str | None = None
    if len(names) > 1:
        wanted = st.selectbox(
            "The installation that this database goes on with",
            list(names),
            index=None,
            format_func=lambda name: _label(ctx, names[name]),
            placeholder="Choose one",
            key="rebuild_installation",
        )
    is_stopped = not may_run or st.checkbox(
        "The other one is stopped and stays stopped", key="rebuild_is_stopped"
    )
    st.caption(f"Yes: its payments, refunds and links are taken over. {_READS}")
    st.caption("No: they stay another installation's, and nothing of theirs is charged again here.")
    with st.container(horizontal=True):
        yes = asked_again.button(
            ctx,
            "Yes, they are ours",
            key="rebuild_yes",
            kind="primary",
            icon=":material/history:",
            disabled=not is_stopped or (len(names) > 1 and wanted is None),
        )
        if yes is not None:
            if may_run and wanted is None:
                # Said by name, as they may be somebody's who still runs.
                wanted = next(iter(names), ctx.services.installations.own_id())
            _ask(ctx, wanted, yes)
        no = asked_again.button(
            ctx, "No, another installation's", key="rebuild_no", icon=":material/block:"
        )
        if no is not None:
            with outcome.show("Noted. Nobody is asked again."):
                ctx.services.installations.disown(by=ctx.actor_again(no))


def _label(ctx: PageContext, one: Installation) -> str:
    last = exact(one.newest, ctx.timezone)
    return f"{one.id}: {plural(one.payments, 'payment')}, the last {last}"


def panel(ctx: PageContext) -> None:
    """On Sync health: the question, the button while the ledger is behind, and what the last one took over."""
    question(ctx)
    job = ctx.services.rebuilds.latest()
    if ctx.services.completeness.behind_since() is not None and not is_live(job):
        with st.container(border=True, gap="small"):
            st.markdown(f"**{TITLE}**")
            button(ctx, key="rebuild_begin", is_primary=True)
    if job is not None and job.state == "done" and job.result is not None:
        _result(ctx, job)
    others = ctx.services.installations.others()
    if others and not ctx.services.installations.unclaimed():
        st.caption(f":material/domain: {escape(beside(others))}")


def button(ctx: PageContext, *, key: str, is_primary: bool = False) -> None:
    """Safe at any time: what is known already is left as it is."""
    st.caption(f"Payments, refunds and links that are missing here. {_READS}")
    typed = asked_again.button(
        ctx,
        TITLE,
        key=key,
        kind="primary" if is_primary else "secondary",
        icon=":material/history:",
        disabled=is_live(ctx.services.rebuilds.latest()) or not ctx.actor.may(Permission.SYNC),
    )
    if typed is not None:
        _ask(ctx, None, typed)


def again(ctx: PageContext, job: Job, label: str, *, key: str) -> None:
    """The button that goes on with one that ended early."""
    typed = asked_again.button(ctx, label, key=key, icon=":material/play_arrow:")
    if typed is not None:
        _ask(ctx, job.params.get("installation"), typed)


def of_each_kind(ctx: PageContext) -> dict[str, Job]:
    """The newest job of each kind that Sync health shows."""
    latest = ctx.services.rebuilds.latest()
    jobs = ctx.services.sync.latest_of_each()
    return jobs if latest is None else {**jobs, REBUILD: latest}


def _ask(ctx: PageContext, installation: str | None, typed: str) -> None:
    with outcome.show() as toast:
        is_new = ctx.services.rebuilds.request(by=ctx.actor_again(typed), installation=installation)
        toast.message = _BEGINS if is_new else _UNDER_WAY


def _result(ctx: PageContext, job: Job) -> None:
    result = job.result or {}
    conflicts = result.get("conflicts", [])
    title = f"Taken over from Stripe {ago(job.finished_at, ctx.now)}: {adopted(result['adopted'])}"
    with st.expander(title, icon=":material/history:"):
        if conflicts:
            spec = navigation.find("incidents")
            st.markdown(f"{plural(len(conflicts), 'payment')} could not be taken over.")
            if spec is not None:
                st.page_link(
                    navigation.page(spec), label=spec.title, icon=":material/arrow_forward:"
                )
        st.markdown("**Stripe cannot give back**")
        st.markdown("\n".join(f"- {escape(one['message'])}" for one in result["not_restored"]))
