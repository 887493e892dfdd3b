"""The agreement that customers give by saving a method: the text in each language, and changing it."""

from __future__ import annotations

import streamlit as st

from lib.domain.agreements import DEFAULTS, LANGUAGES, SavedAgreement
from lib.ui import outcome
from lib.ui.context import PageContext
from lib.ui.formats import escape, when


def draw(ctx: PageContext) -> None:
    """For settings: the text that stands beside the button of Stripe's page."""
    st.subheader("Agreement", anchor=False)
    st.caption(
        "By saving a card or bank account a customer agrees that it is charged later. This text stands beside the "
        "button of Stripe's page, in the link's language, and is kept with the method. {company} and {contact} stand "
        "for the names of this installation. Have it checked by whoever advises you on contracts."
    )
    texts = ctx.services.agreements.texts()
    language = st.selectbox(
        "Language",
        list(LANGUAGES),
        key="settings_agreement_language",
        format_func=LANGUAGES.__getitem__,
        width=240,
    )
    whose = (
        f"Version {texts.version}, written here." if language in texts.written else "The default."
    )
    with st.form(f"settings_agreement_form_{language}_{texts.version}", border=False):
        text = st.text_area(
            "Text",
            value=texts.texts[language],
            key=f"settings_agreement_{language}_{texts.version}",
            height=170,
            help="At most 1,000 characters.",
        )
        st.caption(whose)
        if st.form_submit_button("Save text", key="settings_agreement_save"):
            with outcome.show("Pages that are made from now on show this text."):
                ctx.services.agreements.write(language, text, by=ctx.actor)
    shown = ctx.services.agreements.preview(language)
    st.caption("As a customer reads it")
    with st.container(border=True):
        st.text(shown.text)
    is_own = any(texts.texts[name] != DEFAULTS[name] for name in LANGUAGES)
    if is_own and st.button("Back to the default in all languages", key="settings_agreement_reset"):
        with outcome.show("The default is back."):
            ctx.services.agreements.restore_default(by=ctx.actor)


def of_method(ctx: PageContext, saved: SavedAgreement | None) -> None:
    """For a saved method: what its customer agreed to."""
    with st.expander("What the customer agreed to", icon=":material/handshake:"):
        if saved is None:
            st.caption(
                "Nothing is kept: it was saved elsewhere, or before Onfile kept what customers agree to."
            )
            return
        if saved.text:
            st.text(saved.text)
        else:
            st.caption(
                "Stripe does not tell the words of that page, and the file that had them was lost."
            )
        which = (
            f"{LANGUAGES.get(saved.language, saved.language)}, version {saved.version}"
            if saved.language
            else "Language and version are not known"
        )
        st.caption(
            escape(
                f"{which}, agreed "
                f"{when(saved.agreed_at, ctx.now, ctx.timezone)} on the page {saved.session_id}"
            )
        )
