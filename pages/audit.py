"""See who did what and when, and verify that no entry was changed."""

from functools import partial
from typing import Any

import streamlit as st

from lib.domain import list_columns
from lib.reports.audit import MOST_OF_A_KIND, READ_ENTRIES
from lib.reports.paging import EXPORT_ROWS, whole
from lib.ui import audit_panel, audit_words, downloads, filters, layout, lists, tables
from lib.ui.context import require

ctx = require()
zone = ctx.services.settings.timezone
reports = ctx.services.reports.audit
people = {user.username: user.name for user in ctx.services.users.list()} | {"system": "Onfile"}

with layout.header(
    "Audit",
    "Who did what, when. Entries are only ever added; Verify chain proves that none was changed.",
):
    audit_panel.verify_button(ctx)
audit_panel.verification()

with st.container(horizontal=True, vertical_alignment="center"):
    period = filters.period("audit_period", ctx.now, zone)
    group = filters.choice(
        "audit_group",
        {name: words for name, (words, _) in audit_words.GROUPS.items()},
        label="Kind",
        otherwise="Everything",
        width=160,
    )
    who = filters.choice("audit_who", people, label="Who", otherwise="Everybody", width=160)
    search = filters.search("audit_search", "Customer, reference, id or detail")
actions = audit_words.GROUPS[group][1] if group else ()
since, before = period.moments(zone)
place = layout.paging("audit", group, who, search, period)
narrowed: dict[str, Any] = {
    "search": search,
    "actor": who,
    "actions": actions,
    "since": since,
    "before": before,
    "reader": ctx.actor,
}
if search:
    narrowed["about"] = reports.about(search, before=before)
read = partial(reports.page, **narrowed)
page = read(cursor=place.older_than or place.newer_than)
chosen = None
if search:
    st.caption(
        f"By name, reference or id in all entries; by other words in the newest {READ_ENTRIES:,} of the period."
    )
    if narrowed["about"].is_part:
        st.caption(
            f"It means more than {MOST_OF_A_KIND:,} customers, charges or links: listed is what is about the newest {MOST_OF_A_KIND:,}. Type more of it, or choose an earlier period."
        )
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
        ),
        {
            "at": tables.date("When", ctx.now),
            "by": tables.text("Who", width=130),
            "what": tables.text("What", width=230),
            "about": tables.text("About", width="large"),
        },
        key=audit_panel.TABLE,
        alt="Audit entries, newest first",
        timezone=ctx.timezone,
    )
    lists.foot(
        "audit",
        page,
        of=reports.count(**narrowed),
        noun="entry",
        several="entries",
        period=period,
        timezone=zone,
    )
    downloads.table(
        list_columns.AUDIT,
        lambda: whole(read(rows=EXPORT_ROWS)),
        name="Audit",
        key="audit_export",
    )

audit_panel.drawer(chosen)
