"""Read and change what messages to customers say, in each language."""

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.messages import FIELDS, MEANINGS, MessageKind, Template
from lib.languages import LANGUAGES, Language
from lib.ui import layout, outcome, template_panel
from lib.ui.context import require
from lib.ui.formats import escape
from lib.ui.message_words import KINDS

ctx = require()
layout.header(
    "Message texts",
    "What customers read, in each language. What is changed here counts from the next message on.",
)
templates = ctx.services.messages.templates
changed = templates.changed()

with st.container(horizontal=True):
    kind = MessageKind(
        st.selectbox(
            "Message", list(MessageKind), key="message_texts_kind", format_func=KINDS.__getitem__
        )
        or MessageKind.LINK
    )
    code = st.selectbox(
        "Language", list(LANGUAGES), key="message_texts_language", format_func=LANGUAGES.__getitem__
    )
language = Language(code, code)
versions = templates.versions(kind, language)
newest = versions[0].version if versions else 0
is_own = (kind, code) in changed
# What the writer saw counts, not what somebody else has saved since.
seen_key = f"message_texts_seen_{kind}_{code}"
seen = int(st.session_state.setdefault(seen_key, newest))
template_panel.overtaken(seen_key, is_newer=newest != seen)
template_panel.version(ctx, versions, is_own=is_own)
current = templates.current(kind, language)
may = ctx.actor.may(Permission.MANAGE_LINKS)

left, right = st.columns(2, gap="large")
with left:
    # Another message, language or version makes other fields.
    place = f"{kind}_{code}_{seen}"
    subject = st.text_input(
        "Subject", current.subject, key=f"message_texts_subject_{place}", disabled=not may
    )
    body = st.text_area(
        "Text", current.body, key=f"message_texts_body_{place}", height=380, disabled=not may
    )
    template = Template(subject or "", body or "")
    if may:
        with st.container(horizontal=True):
            if st.button("Save", key="message_texts_save", type="primary"):
                with outcome.show("Saved. The next message says this."):
                    templates.save(kind, language, template, after=seen, by=ctx.actor)
                    del st.session_state[seen_key]
            if is_own and st.button("Back to the default", key="message_texts_reset"):
                with outcome.show("The default is used again."):
                    templates.reset(kind, language, after=seen, by=ctx.actor)
                    del st.session_state[seen_key]
            template_panel.test_button(ctx, kind, language, is_changed=template != current)
    with st.expander("Fields", icon=":material/data_object:"):
        st.markdown(
            "A paragraph in which a field is empty is left out. What the message has to say stands in one "
            "whose other fields are never empty."
        )
        st.markdown("\n".join(f"- `{{{name}}}` {escape(MEANINGS[name])}" for name in FIELDS[kind]))
with right:
    template_panel.preview(ctx, kind, language, template)
