"""The foot of a list: which rows these are of how many, their sums, the way to older ones; and parts of short lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

import streamlit as st

from lib.domain.periods import ALWAYS, Period
from lib.money import format_money
from lib.reports.counts import MOST_COUNTED
from lib.reports.paging import Page
from lib.reports.sums import Sum
from lib.ui import badges, layout
from lib.ui.formats import escape, plural

_Row = TypeVar("_Row")
_AT_ONCE = 20
# A sum and how many it is of stay on one line.
_TOGETHER = "\N{NO-BREAK SPACE}"


def foot(
    key: str,
    page: Page,
    *,
    of: int | None,
    noun: str,
    several: str = "",
    sums: Sequence[Sum] = (),
    states: Collection[str] = (),
    look: str = "{}",
    period: Period = ALWAYS,
    timezone: str = "",
) -> None:
    """
    "51–100 of 986 charges, 1–30 Nov 2026 (Europe/Berlin)" between the sums and the pager.

    Args:
        of: rows on all pages; None where there are more than MOST_COUNTED.
        sums: of the filtered rows.
        states: those that are shown; all of `sums` without.
        look: makes the name in `badges.STATES` of a state.
    """
    # Stays in sight below a long table, see style.py.
    with st.container(key=f"{key}_list_foot", gap="small"):
        if lines := _sums(sums, states, look):
            # One paragraph: its lines stand close together.
            st.markdown("  \n".join(lines))
        days = f", {period.in_words} ({timezone})" if period != ALWAYS else ""
        layout.pager(
            key,
            newer=page.newer,
            older=page.older,
            note=note(page.before, len(page.frame), of, noun, several) + escape(days),
        )


def part(key: str, rows: Sequence[_Row], *, noun: str) -> Sequence[_Row]:
    """
    Of what waits, oldest first, as much as one looks at; over it which of them these are, and the way to the rest.

    Each has its own form, which takes longer to draw than to read.
    """
    place = layout.paging(key)
    asked_for = place.older_than or place.newer_than or ""
    last = max(len(rows) - 1, 0) // _AT_ONCE * _AT_ONCE
    at = min(int(asked_for), last) if asked_for.isdecimal() else 0
    shown = rows[at : at + _AT_ONCE]
    if last:
        layout.pager(
            key,
            newer=str(at + _AT_ONCE) if at < last else None,
            older=str(max(at - _AT_ONCE, 0)) if at else None,
            note=f"{at + 1:,}–{at + len(shown):,} of {plural(len(rows), noun)}, oldest first",
        )
    return shown


def note(before: int, shown: int, of: int | None, noun: str, several: str = "") -> str:
    """
    "51–100 of 986 charges", or "12 charges" where these are all.

    Args:
        before: rows on the pages before this one.
        of: rows on all pages; None where there are more than MOST_COUNTED.
    """
    last = before + shown
    # Rows that came in between two pages are on neither count.
    total = (
        f"more than {MOST_COUNTED:,} {several or f'{noun}s'}"
        if of is None
        else plural(max(of, last), noun, several or None)
    )
    return escape(total if shown == of else f"{before + 1:,}–{last:,} of {total}")


def _sums(sums: Sequence[Sum], states: Collection[str], look: str) -> list[str]:
    """One line a currency: each state with its sum, the largest currency first."""
    shown = [one for one in sums if not states or one.state in states]
    counts: dict[str, int] = {}
    for one in shown:
        counts[one.currency] = counts.get(one.currency, 0) + one.count
    lines = []
    for code in sorted(counts, key=lambda code: (-counts[code], code)):
        parts = [
            f"{badges.badge(look.format(one.state))} {escape(format_money(one.amount, code))}"
            f"{_TOGETHER}:gray[·{_TOGETHER}{one.count:,}]"
            for one in sorted(shown, key=lambda one: _place(look.format(one.state)))
            if one.currency == code
        ]
        lines.append(f"**{escape(code.upper())}** {'  '.join(parts)}")
    return lines


def _place(state: str) -> int:
    """Good ends first, as badges have them."""
    names = list(badges.STATES)
    return names.index(state) if state in names else len(names)
