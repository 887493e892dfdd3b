"""A message in the clerk's own mail program: the address that opens it."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from lib.domain.messages import Message, MessageKind
from lib.languages import ENGLISH
from lib.services.messages.composed import Composed
from lib.ui.customer_mail import in_words, mail_address


def composed(text: str, address: str = "anna@example.com") -> Composed:
    return Composed(
        kind=MessageKind.LINK,
        customer=None,
        address=address,
        name="Anna",
        language=ENGLISH,
        message=Message("Für Sie & mehr", text),
        link_id=None,
        url=None,
    )


def test_holds_the_message() -> None:
    parts = urlsplit(mail_address(composed("Hallo,\n\n50% & mehr?", "a+b/ü@example.com")))
    assert parts.path.count("@") == 1
    assert unquote(parts.path) == "a+b/ü@example.com"
    assert parse_qs(parts.query) == {
        "subject": ["Für Sie & mehr"],
        "body": ["Hallo,\r\n\r\n50% & mehr?"],
    }


@pytest.mark.parametrize(("letters", "has_text"), [(150, True), (400, False)])
def test_is_no_longer_than_a_browser_opens(letters: int, has_text: bool) -> None:
    """A text that does not fit is copied, and the button says so; one cut off would be sent as it is."""
    message = composed("払" * letters)
    assert ("body=" in mail_address(message)) is has_text
    assert len(mail_address(message)) <= 2_000
    assert ("too long" in in_words(message)) is not has_text
