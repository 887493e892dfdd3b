"""A message in the clerk's own mail program."""

from __future__ import annotations

from urllib.parse import quote

from lib.services.messages.composed import Composed


def mail_address(composed: Composed) -> str:
    """A `mailto:` address with the message in it."""
    message = composed.message
    # Line breaks of a mail, as RFC 6068 has them.
    text = message.text.replace("\n", "\r\n")
    return f"mailto:{quote(composed.address)}?subject={quote(message.subject)}&body={quote(text)}"
