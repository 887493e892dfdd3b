"""Telling the payers of an approved run before it is executed, and what they answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.announcements import Announcement
from lib.domain.days import day_of
from lib.domain.holds import MOST_REASON
from lib.domain.runs import RunState
from lib.errors import StaleState
from lib.services.runs.messages import message_file
from lib.services.runs.payers import WHY_NOT, Payer, PayerOverview, Told
from lib.services.runs.run_object import RunView
from lib.ui import downloads, navigation, outcome, send_button
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural, when

_AHEAD = timedelta(days=3)
_MOST_LISTED = 20


def draw(ctx: PageContext, view: RunView) -> None:
    """For an approved run, and for one whose payers were told."""
    entries = ctx.services.runs.announcements.of_run(view.run.id)
    is_next = view.run.state is RunState.APPROVED
    for one in entries:
        if one.is_to_decide:
            _answer(ctx, one, _name(ctx, one.customer))
    _standing(ctx, entries)
    if is_next:
        _announce(ctx, view)


def on_home(ctx: PageContext) -> None:
    """Answers that nobody has decided on, with the way to their run."""
    spec = navigation.find("runs")
    if not ctx.services.reports.waiting.counts()["answers"] or spec is None:
        return
    for run_id, (name, count) in ctx.services.runs.announcements.answers.to_decide().items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.warning(
                f"**{plural(count, 'payer')} of {escape(name)} answered “please not”.** Nothing of theirs is charged by it "
                "before somebody decides.",
                icon=":material/back_hand:",
            )
            st.page_link(
                navigation.page(spec),
                label="See the run",
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={"run": run_id},
                width="content",
            )


def of_row(ctx: PageContext, view: RunView, number: int) -> str | None:
    """When the payer of a row was told of it, and of which day."""
    entries = ctx.services.runs.announcements.told_of(view.run.id, number)
    if not entries:
        return None
    (last,) = entries
    sentence = f"to be charged on {last.charge_on}"
    if last.told_at is None:
        return f"The message has not left; {sentence}"
    other = "" if last.is_as_told else ", with another sum or method"
    return f"{when(last.told_at, ctx.now, ctx.timezone)}, {sentence}{other}"


def _name(ctx: PageContext, customer_id: str) -> str:
    customer = ctx.services.reports.customers.find(customer_id)
    return str(customer["name"] or customer["email"] or customer_id) if customer else customer_id


def _standing(ctx: PageContext, entries: list[Announcement]) -> None:
    if not entries:
        return
    left = sum(one.told_at is not None for one in entries)
    days = ", ".join(sorted({one.charge_on for one in entries}))
    st.markdown(
        f":material/campaign: Announced to {plural(len(entries), 'payer')} for {days}; {left:,} of the messages have left."
    )
    decided = Counter(one.decision for one in entries if one.decision)
    words = {"held": "not charged any more", "set_aside": "charged all the same"}
    for decision, count in decided.items():
        st.caption(f"{plural(count, 'payer')} answered “please not”: {words[str(decision)]}.")


def _answer(ctx: PageContext, one: Announcement, name: str) -> None:
    with st.container(border=True):
        moment = when(one.answered_at or 0, ctx.now, ctx.timezone)
        st.warning(
            f"**{escape(name)}** answered “please not”, {escape(moment)}. Nothing that they were told of is charged before "
            "somebody decides.",
            icon=":material/back_hand:",
        )
        if not ctx.actor.may(Permission.HOLD):
            return
        answers = ctx.services.runs.announcements.answers
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(
                "Do not charge this customer",
                key=f"answer_hold_{one.id}",
                type="primary",
                icon=":material/block:",
                help="The do-not-charge switch: nothing is charged to them, whatever was planned. Somebody else lifts it.",
            ):
                with outcome.show("Nothing is charged to this customer any more."):
                    answers.hold(one.id, by=ctx.actor)
            with (
                st.popover("Charge all the same", icon=":material/reply:"),
                st.form(f"answer_form_{one.id}", border=False),
            ):
                reason = st.text_input("Why", key=f"answer_reason_{one.id}", max_chars=MOST_REASON)
                if st.form_submit_button("Charge all the same", key=f"answer_aside_{one.id}"):
                    with outcome.show("It is charged as it was approved."):
                        answers.set_aside(one.id, reason=reason or "", by=ctx.actor)


def _announce(ctx: PageContext, view: RunView) -> None:
    service = ctx.services.runs.announcements
    if not (ctx.actor.may(Permission.MANAGE_LINKS) and ctx.actor.may(Permission.CHARGE)):
        return
    payers = service.overview(view.run.id, most=_MOST_LISTED)
    if not payers.with_address and not payers.without_address:
        return
    with st.expander("Announce to the payers", icon=":material/campaign:"):
        st.markdown(
            "Each payer is told what is charged, on which day, and from which card or account, with a page to answer “please "
            "not”. The run cannot be started before that day."
        )
        _missing(payers)
        today = day_of(int(ctx.now.timestamp()), ctx.services.settings.timezone)
        on = st.date_input(
            "Charged on",
            today + _AHEAD,
            min_value=today,
            format="YYYY-MM-DD",
            key="run_announce_on",
        )
        if not isinstance(on, date):
            return
        if payers.example is not None:
            _example(ctx, payers.example, on)
        if not service.can_send:
            _by_hand(ctx, view, on)
            return

        def tell(doubted: Sequence[str] | None) -> Told:
            return service.announce(
                view.run.id, on, by=ctx.actor, only=doubted, in_doubt=doubted is not None
            )

        send_button.draw(
            f"Tell {plural(payers.with_address, 'payer')}",
            key="run_announce",
            send=tell,
            in_words=in_words,
            about=f"{view.run.id}_{on}",
            kind="primary",
            disabled=payers.example is None,
        )


def _by_hand(ctx: PageContext, view: RunView, on: date) -> None:
    st.caption(
        "Onfile has no mail server (see Settings). Take the messages, a row for each payer, into your own mail program: from "
        "then on they count as sent, and the day binds. Copy one from above for a single payer."
    )
    service = ctx.services.runs.announcements
    in_doubt = service.may_have_been_told(view.run.id) and st.checkbox(
        "Also those that may have been sent before an older database was put back",
        key=f"run_announce_in_doubt_{view.run.id}",
        help="Nobody knows whether these payers were told; they may read it twice.",
    )

    def file() -> bytes:
        result = service.announce(
            view.run.id, on, by=ctx.actor, by_hand=True, in_doubt=bool(in_doubt)
        )
        if result.failed and not result.taken:
            raise StaleState(" ".join(["No message was taken.", *_why_not(result)]))
        return message_file(result.taken)

    downloads.file(
        file,
        key="run_announce_take",
        label="Take the messages (CSV)",
        file_name=f"{view.run.name}-announcement.csv",
    )


def _missing(payers: PayerOverview) -> None:
    if not payers.without_address:
        return
    rows = [
        f"- {escape(payer.name or payer.customer)} (rows {', '.join(str(row.number) for row in payer.rows)})"
        for payer in payers.some_without
    ]
    if payers.without_address > len(rows):
        rows.append(f"- and {payers.without_address - len(rows):,} more")
    st.warning(
        f"No address is known of {plural(payers.without_address, 'payer')}, who cannot be told:\n\n"
        + "\n".join(rows),
        icon=":material/contact_mail:",
    )


def _example(ctx: PageContext, payer: Payer, on: date) -> None:
    composed = ctx.services.runs.announcements.preview(payer, on)
    st.caption(f"What {escape(payer.name or payer.address)} reads:")
    st.markdown(f"**{escape(composed.message.subject)}**")
    st.code(composed.message.text, language=None, wrap_lines=True)


def in_words(result: Told) -> str:
    """What became of telling them."""
    return " ".join([f"{plural(len(result.queued), 'message')} in the outbox.", *_why_not(result)])


def _why_not(result: Told) -> list[str]:
    counts = Counter(code for _, code in result.failed)
    return [f"{count:,} not: {WHY_NOT[code]}" for code, count in counts.items()]
