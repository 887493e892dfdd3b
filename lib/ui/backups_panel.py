"""Backups: the last good one, what is kept, and the one that is being made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from lib.domain.health_facts import HealthRemark
from lib.domain.progress import describe, fraction
from lib.services.continuity.backup import BACKUP
from lib.services.continuity.backup_files import Kept
from lib.store.backups import Backup
from lib.ui import auth, badges, layout, outcome, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import brief, escape
from lib.ui.layout import Fact, Figure
from lib.ui.sync_status import is_live

_WATCHED = "backups_watched"
_KINDS = {
    "daily": "Every day",
    "by_hand": "By hand",
    "before_upgrade": "Before an upgrade",
    "before_restore": "Before a restore",
}


def button(ctx: PageContext) -> None:
    if st.button(
        "Back up now",
        key="backups_now",
        type="primary",
        icon=":material/backup:",
        disabled=is_live(ctx.services.backups.jobs.latest(BACKUP)),
    ):
        with outcome.show() as toast:
            is_new = ctx.services.backups.request(by=ctx.actor)
            toast.message = "It begins in a moment." if is_new else "One is being made already."


def remark(one: HealthRemark) -> None:
    st.warning(f"**{escape(one.says)}**  \n{escape(one.next_step)}", icon=":material/warning:")


def progress(ctx: PageContext) -> None:
    """What is being made, redrawn every two seconds meanwhile."""
    live = is_live(ctx.services.backups.jobs.latest(BACKUP))
    st.fragment(run_every="2s" if live else None)(_live)()


def _live() -> None:
    job = require(by_itself=True).services.backups.jobs.latest(BACKUP)
    if job is None or not is_live(job):
        if st.session_state.pop(_WATCHED, False):
            # It ended while being watched: the whole page reads afresh.
            auth.rerun_by_itself()
        return
    st.session_state[_WATCHED] = True
    words = "Begins in a moment. You may leave this page."
    if job.state == "running":
        words = describe(job.kind, job.progress)
    st.progress(
        fraction(job.kind, job.progress) if job.progress else 0.0,
        text=f"{badges.badge(job.state)} {words}",
    )


def figures(ctx: PageContext, last: Backup | None, kept: Sequence[Kept]) -> None:
    settings = ctx.services.settings
    layout.figures(
        [
            Figure("Last good backup", brief(last.taken_at, ctx.now) if last else "None"),
            Figure("Its size", _size(last.bytes) if last else "–"),
            Figure("Kept", f"{len(kept)} of {settings.backup_keep}"),
            Figure(
                "Free there",
                _size(_free(settings.backup_dir)),
                help="A copy that would leave less than twice its own size free is not made.",
            ),
        ]
    )


def last_good(last: Backup) -> None:
    """Where the newest lies, and what proves that it is whole: when it was taken stands above and below."""
    if not Path(last.path).is_file():
        st.warning(
            "The last good backup is not there any more: moved, or removed.",
            icon=":material/warning:",
        )
    layout.raw(
        [
            Fact("Where", last.path),
            Fact("Audit log ended at", last.audit_head),
            Fact("SHA-256", last.sha256),
        ],
        label="The last good backup: where it lies, and its checksum",
    )


def table(ctx: PageContext, kept: Sequence[Kept]) -> None:
    st.subheader("Kept", anchor=False)
    tables.listing(
        pd.DataFrame(
            {
                "at": pd.array([one.taken_at for one in kept], dtype="Int64"),
                "file": [one.path.name for one in kept],
                "kind": [_KINDS.get(one.kind, "") for one in kept],
                "size": [_size(one.bytes) for one in kept],
                "head": [one.audit_head.partition(":")[0] for one in kept],
            }
        ),
        {
            "at": tables.time("Taken"),
            "kind": tables.text("Made"),
            "size": tables.text("Size", width="small"),
            "head": tables.text("Audit entries"),
            "file": tables.text("File", width="large"),
        },
        key="backups_kept",
        alt="Backups that are kept, newest first",
        timezone=ctx.timezone,
    )


def _size(count: int | None) -> str:
    """ "12.4 MB"; in the units in which disks are sold."""
    if count is None:
        return "–"
    value = count / 1e6
    return f"{value / 1000:,.1f} GB" if value >= 1000 else f"{value:,.1f} MB"


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
