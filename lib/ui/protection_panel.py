"""One person's data: what is kept, as a file, and erasing it; and rules of retention."""

from __future__ import annotations

from datetime import UTC
from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.retention import LEAST_DAYS, WORDS, RetentionKind
from lib.domain.typed_codes import confirms
from lib.errors import InvalidInput, NotFound
from lib.services.protection.persons import STAYS, Erasure, PersonRecord
from lib.ui import asked_again, downloads, navigation, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import day, escape, exact, plural

PARAM = "protection_customer"
_DONE = "protection_done"
_TRIED = "protection_tried"


def link(ctx: PageContext, customer_id: str) -> None:
    """From the customer's page, for whoever may."""
    page = navigation.find("data_protection")
    if page and ctx.actor.may(Permission.PROTECT_DATA):
        st.page_link(
            navigation.page(page),
            label="Export or erase this person",
            icon=":material/shield_person:",
            query_params={PARAM: customer_id},
        )


def banner(ctx: PageContext, customer_id: str) -> None:
    """On the customer's page: whether they were erased."""
    at = ctx.services.persons.erased_at(customer_id)
    if at is not None:
        st.info(
            f"This person was erased at their wish on {escape(exact(at, ctx.timezone))}. What was charged stays; nothing "
            "is charged to them any more.",
            icon=":material/person_off:",
        )


def person(ctx: PageContext, customer_id: str) -> None:
    try:
        kept = ctx.services.persons.kept(customer_id, by=ctx.actor)
    except NotFound as unknown:
        st.info(
            f"{escape(str(unknown))} Check the id; if they are new at Stripe, sync and look again.",
            icon=":material/person_search:",
        )
        return
    _notice(ctx)
    st.markdown(
        f"{plural(len(kept.customers), 'customer')} of one person: "
        + ", ".join(f"`{one}`" for one in kept.customers)
    )
    tables.listing(
        pd.DataFrame(
            {
                "table": [name.replace("_", " ").capitalize() for name in kept.rows],
                "rows": list(kept.rows.values()),
            }
        ),
        {"table": tables.text("What is kept"), "rows": tables.number("Entries", width=100)},
        key="protection_rows",
        alt="What is kept of this person, by kind",
        timezone=UTC,
    )
    downloads.file(
        partial(ctx.services.persons.export, customer_id, by=ctx.actor),
        file_name=f"person-{customer_id}.json",
        key="protection_export",
        label="Export all of it",
    )
    if kept.erased_at is not None:
        st.info(
            f"Erased on {escape(exact(kept.erased_at, ctx.timezone))}.",
            icon=":material/person_off:",
        )
    else:
        _erase(ctx, customer_id, kept)


def _erase(ctx: PageContext, customer_id: str, kept: PersonRecord) -> None:
    if kept.open_work:
        st.warning(
            "Something is under way with this person, and has to end before they can be erased: "
            + ", ".join(f"{one.what} `{one.id}`" for one in kept.open_work),
            icon=":material/pending:",
        )
        return
    with (
        st.expander("Erase this person", icon=":material/person_remove:"),
        st.form(outcome.fresh("protection_erase"), border=False),
    ):
        st.markdown(
            "Names, addresses, cards, notes and what files said of them are erased, here and in every copy that is put back "
            "later. Their ids, references, sums, tries and do-not-charge switches stay, as the books rest on them. **This "
            "cannot be undone.**"
        )
        for sentence in STAYS:
            st.caption(sentence)
        reason = st.text_input("Reason", key=outcome.fresh("protection_reason"), max_chars=300)
        typed = st.text_input(
            "Type the customer's id to confirm",
            key=outcome.fresh("protection_typed"),
            placeholder=customer_id,
            autocomplete="off",
        )
        password = asked_again.field(ctx, outcome.fresh("protection_password"))
        if st.form_submit_button("Erase for good", key="protection_submit", type="primary"):
            with outcome.show("Erased.", clears="protection_erase"):
                if not confirms(typed, customer_id):
                    raise InvalidInput(
                        f"Type {customer_id} to confirm. Nothing was erased.", field="typed"
                    )
                st.session_state[_DONE] = ctx.services.persons.erase(
                    customer_id, reason=reason, by=ctx.actor_again(password)
                )


def _notice(ctx: PageContext) -> None:
    """Until when copies still hold the person who was erased just now."""
    done: Erasure | None = st.session_state.pop(_DONE, None)
    if done is None:
        return
    if done.backups_until is None:
        st.success("No backup here holds this person. Copies elsewhere are yours to remove.")
        return
    until = day(done.backups_until, ctx.timezone)
    st.success(
        f"{plural(len(done.backups), 'backup')} here still {'holds' if len(done.backups) == 1 else 'hold'} this person, "
        f"until {until} at the latest, as long as one is made each day. Copies elsewhere are yours to remove.",
        icon=":material/backup:",
    )


def rules(ctx: PageContext) -> None:
    in_force = ctx.services.retention.rules()
    older: dict[str, int] = st.session_state.pop(_TRIED, {})
    tables.listing(
        pd.DataFrame(
            {
                "what": [WORDS[kind] for kind in RetentionKind],
                "days": [
                    f"{in_force[kind].days:,} days" if kind in in_force else "For ever"
                    for kind in RetentionKind
                ],
                "older": [f"{older[kind]:,}" if kind in older else "" for kind in RetentionKind],
            }
        ),
        {
            "what": tables.text("What", width="large"),
            "days": tables.text("Kept for", width=120),
            "older": tables.text("Older now", width=110),
        },
        key="protection_rules",
        alt="For how long things are kept",
        timezone=UTC,
    )
    st.caption(
        "What is older is removed once a day. Charges, tries, runs, certificates and the audit log are never removed."
    )
    with st.container(horizontal=True):
        if st.button("Try without effect", key="protection_look", disabled=not in_force):
            with outcome.show("Nothing was changed."):
                st.session_state[_TRIED] = ctx.services.retention.look(by=ctx.actor)
        typed = asked_again.button(
            ctx,
            "Remove now",
            key="protection_apply",
            icon=":material/auto_delete:",
            disabled=not in_force,
            text="Removes what is older than its rule allows, for good.",
        )
        if typed is not None:
            with outcome.show() as toast:
                removed = sum(ctx.services.retention.apply(by=ctx.actor_again(typed)).values())
                toast.message = f"Removed: {plural(removed, 'entry', 'entries')}."
    with (
        st.expander("Change for how long", icon=":material/auto_delete:"),
        st.form("protection_rule", border=False),
    ):
        kind = st.selectbox(
            "What", list(RetentionKind), format_func=WORDS.__getitem__, key="protection_kind"
        )
        days = st.text_input(
            "Days",
            key="protection_days",
            placeholder="none",
            help=f"At least {LEAST_DAYS}; “none” keeps it for ever.",
        )
        password = asked_again.field(ctx, "protection_rule_password")
        if st.form_submit_button("Save", key="protection_save"):
            with outcome.show("Saved. The next removal is within a day."):
                ctx.services.retention.set(kind or "", days, by=ctx.actor_again(password))
