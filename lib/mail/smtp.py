"""SMTP by the standard library, whose steps can be taken one by one."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from lib.mail.mailer import (
    Connection,
    Letter,
    LetterRefused,
    LostContact,
    ServerTrouble,
    bytes_of,
    on_the_wire,
)

_TIMEOUT_SECONDS = 30.0
# Of a reply, as much as a person wants to read.
_LONGEST_REPLY = 300
# The service is closing; it wants a sign-in. Neither is about a letter.
_OF_THE_SERVER = frozenset({421, 530})


@dataclass(frozen=True, slots=True)
class SmtpServer:
    host: str
    port: int
    is_tls: bool
    """From the first byte; otherwise by STARTTLS."""
    user: str
    password: str = field(repr=False)
    may_be_plain: bool
    """Without STARTTLS where the server has none: on this machine only."""


class SmtpMailer:
    is_practice = False

    def __init__(self, server: SmtpServer, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._server = server
        self._timeout = timeout
        self.is_encrypted = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        server = self._server
        try:
            smtp = self._connect()
        except ssl.SSLError as error:
            raise ServerTrouble(
                f"The certificate of {server.host} cannot be trusted, or it speaks no TLS at port {server.port}: {error.reason}."
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            raise ServerTrouble(
                f"{server.host} does not accept user and password: {_words(error)}"
            ) from error
        except smtplib.SMTPResponseException as error:
            raise ServerTrouble(f"{server.host} takes nothing: {_words(error)}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ServerTrouble(f"{server.host}:{server.port} does not answer: {error}") from error
        self.is_encrypted = isinstance(smtp.sock, ssl.SSLSocket)
        try:
            yield _Smtp(smtp, server.host)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.is_tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._timeout, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self._timeout)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not server.is_tls and (smtp.has_extn("starttls") or not server.may_be_plain):
                smtp.starttls(context=context)
                smtp.ehlo()
            if server.user:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


class _Smtp:
    def __init__(self, smtp: smtplib.SMTP, host: str) -> None:
        self._smtp = smtp
        self._host = host

    def offer(self, letter: Letter) -> None:
        sender, address = on_the_wire(letter.sender), on_the_wire(letter.address)
        options = []
        if not (sender.isascii() and address.isascii()):
            if not self._smtp.has_extn("smtputf8"):
                raise LetterRefused(
                    f"{self._host} takes no addresses with letters outside of English.",
                    is_final=True,
                )
            options = ["SMTPUTF8"]
        try:
            # The sender is every letter's, and so is its refusal, unless the letter asks for more.
            self._must_take(self._smtp.mail(sender, options), is_of_all=not options)
            self._must_take(self._smtp.rcpt(address), is_of_all=False)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise ServerTrouble(f"{self._host} ended the connection: {error}") from error

    def give(self, letter: Letter) -> str:
        try:
            code, reply = self._smtp.data(bytes_of(letter))
        except smtplib.SMTPDataError as error:
            # Refused before any text was given.
            self.withdraw()
            raise LetterRefused(_words(error), is_final=_is_final(error.smtp_code)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise LostContact(f"{self._host} ended the connection without a reply.") from error
        words = _text(code, reply)
        if 400 <= code < 600:
            raise LetterRefused(words, is_final=_is_final(code))
        if not 200 <= code < 300:
            # Sent again it might arrive twice.
            raise LostContact(f"{self._host} replied what is neither yes nor no: {words}")
        return words

    def withdraw(self) -> None:
        with suppress(smtplib.SMTPException, OSError):
            self._smtp.rset()

    def _must_take(self, answer: tuple[int, bytes], *, is_of_all: bool) -> None:
        """`is_of_all`: a refusal is one of every letter."""
        code, reply = answer
        is_taken = 200 <= code < 300
        if code in _OF_THE_SERVER or (is_of_all and not is_taken):
            raise ServerTrouble(f"{self._host} takes nothing: {_text(code, reply)}")
        if not is_taken:
            self.withdraw()
            raise LetterRefused(_text(code, reply), is_final=_is_final(code))


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _words(error: smtplib.SMTPResponseException) -> str:
    reply = error.smtp_error
    return _text(error.smtp_code, reply if isinstance(reply, bytes) else str(reply).encode())


def _text(code: int, reply: bytes) -> str:
    words = " ".join(reply.decode("utf-8", "replace").split())
    shown = "".join(letter for letter in words if letter.isprintable())
    return f"{code} {shown}"[:_LONGEST_REPLY]
