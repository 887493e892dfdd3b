"""A message in the clerk's own mail program."""

from __future__ import annotations

from urllib.parse import quote

from lib.services.messages.composed import Composed

# Windows opens none that is longer in another program, and browsers say nothing.
_LONGEST = 2_000


def mail_address(composed: Composed) -> str:
    """A `mailto:` address with the message in it; without its text where that is too long for one."""
    message = composed.message
    local, _, domain = composed.address.rpartition("@")
    # The @ between them stands for itself (RFC 6068).
    draft = f"mailto:{quote(local)}@{quote(domain)}?subject={quote(message.subject)}"
    # Line breaks of a mail, as RFC 6068 has them.
    whole = draft + "&body=" + quote(message.text.replace("\n", "\r\n"))
    return whole if len(whole) <= _LONGEST else draft


def in_words(composed: Composed) -> str:
    """What the button with that address does."""
    if "&body=" in mail_address(composed):
        return "The message as a draft of your own."
    return "A draft of your own to this address. The text is too long for it: copy it from here."
