"""The rows of a run: the table at the left, and the row that is open beside it."""

from __future__ import annotations

import streamlit as st

from lib.domain.runs import RunState
from lib.services.runs.run_object import RunView
from lib.ui import badges, drawers, filters, layout, lists, row_panel, run_kinds, run_words, tables
from lib.ui.context import PageContext, require

PARAM = "row"
TABLE = "run_rows"
AFTER = "run_rows_after"
STATE = "run_rows_state"
IN_ADDRESS = (PARAM, AFTER, "run_rows_verdict", STATE)
"""What the address keeps of the rows, beside the search, which goes with its field."""
_PAGE = 50
# Whatever is chosen, what it says stands beside it and not a page further down.
_MOST_HEIGHT = 620


def draw(ctx: PageContext, view: RunView) -> None:
    """While the run is executed, what comes of its rows shows by itself."""
    if view.run.state is RunState.RUNNING:
        _live(view.run.id)
    else:
        _draw(ctx, view)


@st.fragment(run_every="3s")
def _live(run_id: str) -> None:
    ctx = require(by_itself=True)
    _draw(ctx, ctx.services.runs.views.run(run_id))


def _draw(ctx: PageContext, view: RunView) -> None:
    run = view.run
    is_draft = run.started_at is None
    if is_draft:
        st.markdown(" ".join(_counted(view)))
    with st.container(horizontal=True, vertical_alignment="center"):
        search = filters.search("run_rows_search", "Customer, reference or any cell")
        severity = (
            filters.choice(
                "run_rows_verdict", run_words.SEVERITIES, label="Check", otherwise="All rows"
            )
            if is_draft
            else None
        )
        row_panel.next_blocked(ctx, view, 0, key="run_rows_first_blocked")
    finding = run_kinds.chosen() if is_draft else None
    address = st.query_params.get(AFTER, "0")
    after = int(address) if address.isdecimal() else 0
    counts = {state: (count, 0) for state, count in view.counts.items()}
    if search or severity or finding or after:
        counts = ctx.services.reports.runs.row_counts(
            run.id, severity=severity, search=search, finding=finding, after=after
        )
    state = None
    if not is_draft:
        state = filters.states(
            STATE, {name: counts.get(name, (0, 0))[0] for name, n in view.counts.items() if n}
        )
    if finding:
        run_kinds.only(finding)
    drawers.follow_address(PARAM, TABLE)
    is_open = PARAM in st.query_params or tables.has_choice(TABLE)
    frame, more = ctx.services.reports.runs.rows(
        run.id,
        states=(state,) if state else (),
        severity=severity,
        search=search,
        after=after,
        rows=_PAGE,
        finding=finding,
    )
    # The same two columns whether or not a row is open: the table is then the same element, and
    # stays where it was scrolled to.
    left, right = st.columns([11, 9] if is_open else [1_000, 1], gap="small")
    with left:
        chosen = None
        if frame.empty:
            layout.empty("filter_alt_off", "No row matches", "Clear the search, or show all rows.")
        else:
            chosen = tables.table(
                frame.assign(state=[run_words.shown_state(run, state) for state in frame["state"]]),
                {
                    "number": tables.number("Row", width=52),
                    "name": tables.text("Customer", width=130),
                    "reference": tables.text("Reference", width=88),
                    "amount": tables.amount(width=92),
                    "state": tables.state(width=112),
                    "why": tables.text("What to know", width=250),
                    "method": tables.text("Saved method", width=150),
                },
                key=TABLE,
                alt="Rows of this run in the order of the file",
                timezone=ctx.timezone,
                wraps=True,
                most_height=_MOST_HEIGHT,
                by_cell=True,
            )
            shown = [of for name, of in counts.items() if state in (None, name)]
            of, before = sum(rows for rows, _ in shown), sum(passed for _, passed in shown)
            _pager(lists.note(before, len(frame), of, "row"), after, more)
    opened = drawers.opened(PARAM, chosen)
    if opened is not None and opened.isdecimal():
        with right:
            row_panel.draw(ctx, view, int(opened))


def _counted(view: RunView) -> list[str]:
    """Beside what is mended: how much of it there still is."""
    return [
        badges.badge(run_words.shown_state(view.run, state), detail=f"{count:,}")
        for state in ("planned", "blocked", "cancelled")
        if (count := view.counts.get(state))
    ]


def _pager(note: str, after: int, more: int | None) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(note, width="stretch")
        if after and st.button("First rows", key="run_rows_first", icon=":material/first_page:"):
            st.query_params.pop(AFTER, None)
            st.rerun()
        if more is not None and st.button(
            "Next rows", key="run_rows_next", icon=":material/chevron_right:"
        ):
            st.query_params[AFTER] = str(more)
            st.rerun()
