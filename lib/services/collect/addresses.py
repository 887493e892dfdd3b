"""Addresses and names of customers as they are given to Stripe and to a mail server."""

from __future__ import annotations

from lib.domain.identity import unreadable, visible_address
from lib.domain.shown_text import readable_name
from lib.errors import InvalidInput
from lib.mail.mailer import ENCODED_WORD

_LONGEST_NAME = 200


def why_no_mail(email: str | None) -> str | None:
    """Why no mail can reach an address, as a code of lib.domain.outbox.WHY_NOT."""
    if not email:
        return "no_address"
    try:
        checked_email(email)
    except InvalidInput:
        return "address_invalid"
    return None


def checked_email(email: str) -> str:
    """
    An address as a person reads it.

    Raises:
        InvalidInput: no mail can reach it; the message says what is wrong.
    """
    from email_validator import EmailNotValidError, validate_email

    cleaned = visible_address(email)
    letter = unreadable(cleaned)
    try:
        # Whether the domain has a mail server is not asked: that would be a question to a stranger.
        # Domains that end in .test belong to sandboxes.
        validate_email(cleaned, check_deliverability=False, test_environment=True)
        if ENCODED_WORD in cleaned:
            raise EmailNotValidError("Mail programs would read it as something else.")
    except EmailNotValidError as error:
        why = f"It holds {letter}, which cannot be shown." if letter else str(error)
        raise InvalidInput(
            f"“{cleaned[:40]}” is not an e-mail address. {why}", field="email", code="email_invalid"
        ) from error
    return cleaned


def checked_name(name: str) -> str:
    """
    Raises:
        InvalidInput: too long, or with a letter that cannot be shown.
    """
    cleaned = readable_name(name)
    if len(cleaned) > _LONGEST_NAME:
        raise InvalidInput(
            f"A name has at most {_LONGEST_NAME} characters.", field="name", code="name_invalid"
        )
    return cleaned
