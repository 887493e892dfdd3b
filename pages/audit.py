"""See who did what and when, and verify that no entry was changed."""

import streamlit as st

from lib.ui import audit_panel, audit_words, downloads, filters, layout, tables
from lib.ui.context import require
from lib.ui.formats import plural

ctx = require()
reports = ctx.services.reports.audit
people = {user.username: user.name for user in ctx.services.users.list()} | {"system": "Onfile"}

with layout.header(
    "Audit",
    "Who did what, when. Entries are only ever added; Verify chain proves that none was changed.",
):
    audit_panel.verify_button(ctx)
audit_panel.verification()

with st.container(horizontal=True, vertical_alignment="center"):
    group = filters.choice(
        "audit_group",
        {name: words for name, (words, _) in audit_words.GROUPS.items()},
        label="Kind",
        otherwise="Everything",
    )
    who = filters.choice("audit_who", people, label="Who", otherwise="Everybody")
    search = filters.search("audit_search", "Customer, reference, id or detail")
actions = audit_words.GROUPS[group][1] if group else ()
place = layout.paging("audit", group, who, search)
page = reports.page(
    search=search, actor=who, actions=actions, cursor=place.older_than or place.newer_than
)
chosen = None
if page.frame.empty:
    layout.empty("fact_check", "No entry matches", "Clear the search, or choose another kind.")
else:
    frame = page.frame
    chosen = tables.table(
        frame.assign(
            what=[audit_words.action(name) for name in frame["action"]],
            by=[
                audit_words.actor(*pair)
                for pair in zip(frame["actor"], frame["actor_name"], strict=True)
            ],
            ago=frame["at"],
        ),
        {
            "ago": tables.ago("When"),
            "at": tables.time("Time"),
            "by": tables.text("Who", width=130),
            "what": tables.text("What", width=230),
            "about": tables.text("About", width="large"),
        },
        key=audit_panel.TABLE,
        alt="Audit entries, newest first",
        timezone=ctx.timezone,
    )
    layout.pager(
        "audit", newer=page.newer, older=page.older, note=plural(len(frame), "entry", "entries")
    )
    downloads.table(
        lambda: reports.export(search=search, actor=who, actions=actions),
        file_name="audit.csv",
        key="audit_export",
    )

audit_panel.drawer(chosen)
