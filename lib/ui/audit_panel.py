"""One audit entry in the drawer, and the verification of the chain."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.ui import audit_words, drawers, layout, outcome
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, plural, when
from lib.ui.layout import Fact

PARAM = "entry"
TABLE = "audit_rows"
_VERIFIED = "audit_verification"


def drawer(chosen: str | None) -> None:
    entry = drawers.opened(PARAM, chosen)
    if entry:
        drawers.show(
            "Audit entry", partial(_panel, entry), on_close=partial(drawers.close, PARAM, TABLE)
        )


def _panel(entry: str) -> None:
    ctx = require()
    row = (
        ctx.services.reports.audit.find(int(entry), reader=ctx.actor) if _is_number(entry) else None
    )
    if row is None:
        st.info("There is no such entry.", icon=":material/search_off:")
        return
    st.markdown(f"**{escape(audit_words.action(row['action']))}**")
    layout.facts(
        [
            Fact("When", when(row["at"], ctx.now, ctx.timezone)),
            Fact("Who", audit_words.actor(row["actor"], row["actor_name"])),
            Fact("About", row["about"] or row["subject"]),
            *audit_words.facts(row["detail"], timezone=ctx.timezone),
        ]
    )
    layout.raw(
        [
            Fact("Entry", str(row["id"])),
            Fact("User name", row["actor"]),
            Fact("Action", row["action"]),
            Fact("Subject", row["subject"]),
            Fact("Digest", row["hash"]),
        ]
    )


def verify_button(ctx: PageContext) -> None:
    if st.button("Verify chain", key="audit_verify", icon=":material/verified_user:"):
        with outcome.show():
            audit = ctx.services.audit
            st.session_state[_VERIFIED] = (audit.verify(), audit.head())


def verification() -> None:
    """The result of the last verification in this session."""
    result = st.session_state.get(_VERIFIED)
    if result is None:
        return
    verified, head = result
    check = verified.check
    if verified.ok:
        st.success(
            f"The chain is whole: {plural(check.entries, 'entry', 'entries')}, none changed, none missing.",
            icon=":material/verified_user:",
        )
        st.caption(
            "Where the log ends: its number and its checksum. Written down elsewhere, it also proves the past later."
        )
        st.code(head, language=None, wrap_lines=True)
    elif check.ok:
        st.error(
            f"Entries are missing: {', '.join(verified.missing)} was written down outside the database "
            "and is not in it. Its end was cut off, or it is an older copy. Keep this database as it is and tell an admin.",
            icon=":material/gpp_bad:",
        )
    else:
        st.error(
            f"The chain is broken at entry {check.first_broken}. Entries from there on may have been "
            "changed outside Onfile. Keep this database as it is and tell an admin.",
            icon=":material/gpp_bad:",
        )
    for sentence in verified.restores:
        st.caption(sentence)


def _is_number(text: str) -> bool:
    # Longer numbers are no ids of a database and would not fit into one.
    return text.isascii() and text.isdecimal() and len(text) < 18
