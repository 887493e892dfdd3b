"""Corrections of a run: what somebody decided beside what the file says, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lib.domain.correction_fields import LABELS, Field
from lib.domain.corrections import Correction
from lib.domain.files.row_errors import spans
from lib.domain.runs import RunState
from lib.services.runs.run_object import RunView
from lib.ui import tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural

_MOST = 200
_OPEN = (RunState.AWAITING_APPROVAL, RunState.APPROVED)


def draw(ctx: PageContext, view: RunView) -> None:
    """Counted with their sums, and each with row, was, is, who and why; nothing without any."""
    views = ctx.services.runs.draft_views
    corrections = views.corrections(view.run.id)
    if not corrections.entries:
        return
    title = f"{plural(len(corrections.entries), 'correction')} against the file"
    with st.expander(title, icon=":material/edit_note:", expanded=view.run.state in _OPEN):
        st.markdown(escape(corrections.totals.in_words()))
        agreement = views.agreement(view.run.id)
        if agreement:
            st.caption(escape(f"The maker's totals: {agreement}"))
        groups, names = _alike(corrections.entries), _names(ctx, corrections.entries)
        shown = groups[:_MOST]
        customers = _customers(ctx, shown)
        frame = pd.DataFrame(
            [
                {
                    "rows": _places(group),
                    "reference": corrections.references[group[0].row] if len(group) == 1 else "",
                    "field": LABELS[group[0].field],
                    "was": was(group[0]),
                    "value": customers.get(group[0].value or "") or value(group[0]),
                    "by": names[group[0].by],
                    "reason": group[0].reason,
                }
                for group in shown
            ]
        )
        tables.listing(
            frame,
            {
                "rows": tables.text("Rows", width=70),
                "reference": tables.text("Reference", width=95),
                "field": tables.text("What", width=85),
                "was": tables.text("The file says", width=140),
                "value": tables.text("Corrected to", width=160),
                "by": tables.text("By", width=110),
                "reason": tables.text("Why", width=220),
            },
            key="run_corrections",
            alt="What was decided of rows beside what the file says",
            timezone=ctx.timezone,
            wraps=True,
        )
        if len(groups) > _MOST:
            st.caption(f"And {len(groups) - _MOST:,} more; the results file has all of them.")


def _alike(entries: Sequence[Correction]) -> list[list[Correction]]:
    """One decision for many rows is read once."""
    groups: dict[tuple[object, ...], list[Correction]] = {}
    for entry in entries:
        same = (entry.field, was(entry), value(entry), entry.by, entry.reason)
        groups.setdefault(same, []).append(entry)
    return list(groups.values())


def _places(group: Sequence[Correction]) -> str:
    rows = [entry.row for entry in group]
    return str(rows[0]) if len(rows) == 1 else f"{spans(rows)} ({len(rows):,})"


def was(entry: Correction) -> str:
    return "" if entry.field is Field.LEFT_OUT else entry.was or "nothing"


def value(entry: Correction) -> str:
    return "left out" if entry.field is Field.LEFT_OUT else entry.value or "nothing"


def _names(ctx: PageContext, entries: Sequence[Correction]) -> dict[str, str]:
    people = {username: ctx.services.users.find(username) for username in {e.by for e in entries}}
    return {username: user.name if user else username for username, user in people.items()}


def _customers(ctx: PageContext, groups: Sequence[Sequence[Correction]]) -> dict[str, str]:
    """Names behind the ids that were chosen: an approver knows customers by name."""
    names = {}
    for entry in (group[0] for group in groups):
        if entry.field is Field.CUSTOMER and entry.value and entry.value not in names:
            customer = ctx.services.reports.customers.find(entry.value)
            name = (customer["name"] or customer["email"]) if customer else None
            names[entry.value] = f"{name} ({entry.value})" if name else entry.value
    return names
