"""
A mail server as the outbox sees it: asked first whether it takes a letter, then given its text.

Between the two the outbox writes down that it gives it, so that a death tells what it interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from email.headerregistry import Address

ENCODED_WORD = "=?"
"""How one begins (RFC 2047)."""


@dataclass(frozen=True, slots=True)
class Letter:
    id: str
    """The same for each try, so that a server may recognise it."""
    sender: str
    sender_name: str
    address: str
    name: str
    reply_to: str | None
    language: str
    subject: str
    text: str
    html: str
    at: datetime


class LetterRefused(Exception):
    """The server does not take this letter; it is not sent."""

    def __init__(self, words: str, *, is_final: bool) -> None:
        super().__init__(words)
        self.is_final = is_final
        """Not only for now."""


class ServerTrouble(Exception):
    """Nothing can be sent at present, whichever letter it is; this one was not given."""


class LostContact(Exception):
    """The text was given, and the server did not say whether it took it."""


class Connection(Protocol):
    def offer(self, letter: Letter) -> None:
        """
        Name sender and recipient.

        Raises:
            LetterRefused, ServerTrouble
        """

    def give(self, letter: Letter) -> str:
        """
        Hand over the text of what was offered; the server's reply.

        Raises:
            LetterRefused: it is not sent.
            LostContact: nobody knows.
        """

    def withdraw(self) -> None:
        """Take an offer back."""


class Mailer(Protocol):
    is_practice: bool
    """What it takes reaches nobody."""
    is_encrypted: bool
    """Its last connection was."""

    def connection(self) -> AbstractContextManager[Connection]:
        """
        One for many letters.

        Raises:
            ServerTrouble: none can be made.
        """


def bytes_of(letter: Letter) -> bytes:
    """
    As it travels: seven bits, for whatever server stands on the way; but the head is UTF-8 where an address has no
    other form, which a server was asked for beforehand (SMTPUTF8).
    """
    # Most passes of the worker send nothing.
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    sender, address = on_the_wire(letter.sender), on_the_wire(letter.address)
    is_ascii = sender.isascii() and address.isascii()
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit", utf8=not is_ascii))
    mail["From"] = _address(letter.sender_name, sender)
    mail["To"] = _address(letter.name, address)
    if letter.reply_to:
        mail["Reply-To"] = _address("", on_the_wire(letter.reply_to))
    mail["Subject"] = _line(letter.subject)
    mail["Date"] = format_datetime(letter.at)
    mail["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    # After that: what is there before goes to the first part.
    mail["Content-Language"] = letter.language
    return mail.as_bytes()


def _address(name: str, address: str) -> Address:
    from email.headerregistry import Address

    # In one piece it would be refused where the part before the @ is not in ASCII.
    local, _, domain = address.rpartition("@")
    return Address(display_name=_line(name), username=local, domain=domain)


def on_the_wire(address: str) -> str:
    """The domain in the form that every server knows."""
    import idna

    local, _, domain = address.rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode("ascii")
    return f"{local}@{domain}"


def _line(text: str) -> str:
    """
    Of a header. What looks like an encoded word would be decoded by Python's own library when it is folded: a name
    could end its line and write further headers.
    """
    return " ".join(text.replace(ENCODED_WORD, "= ?").split())


class FolderMailer:
    """Writes each letter as a file, for tests and for whoever wants to look."""

    is_practice = False
    is_encrypted = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ServerTrouble(
                f"{self._folder} cannot be written to: {error.strerror}."
            ) from error
        yield _Folder(self._folder)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def offer(self, letter: Letter) -> None:
        pass

    def give(self, letter: Letter) -> str:
        path = self._folder / f"{letter.id}.eml"
        path.write_bytes(bytes_of(letter))
        return f"Written to {path.name}"

    def withdraw(self) -> None:
        pass


class PracticeMailer:
    """Takes everything and sends nothing."""

    is_practice = True
    is_encrypted = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        yield _Practice()


class _Practice:
    def offer(self, letter: Letter) -> None:
        pass

    def give(self, letter: Letter) -> str:
        bytes_of(letter)
        return "Practice mode: nobody was written to."

    def withdraw(self) -> None:
        pass
