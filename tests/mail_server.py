"""A mail server of tests: aiosmtpd on a free port, which refuses and breaks off when told to."""

from __future__ import annotations

import email
import email.policy
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class MailServer:
    """Addresses and replies by recipient; what was taken, in order."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    """Of what was taken."""
    connections: int = 0
    sign_ins: int = 0
    """Tries, right or wrong."""
    at_mail: str = "250 OK"
    """Reply to MAIL, whoever is written to."""
    at_rcpt: dict[str, str] = field(default_factory=dict)
    """Replies to RCPT in the place of 250."""
    at_data: dict[str, str] = field(default_factory=dict)
    """Replies after the text; "drop" ends the connection without one, after taking it."""
    when_offered: Callable[[], object] = lambda: None
    when_taken: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def addresses(self) -> list[str]:
        return [str(mail["To"]) for mail in self.taken]

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_mail.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.at_mail

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.at_rcpt.get(address)
        if reply is not None:
            return reply
        self.when_offered()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        reply = self.at_data.get(envelope.rcpt_tos[0], "250 Taken")
        if reply.startswith("250") or reply == "drop":
            content: Any = envelope.content
            self.taken.append(email.message_from_bytes(content, policy=email.policy.default))  # type: ignore[arg-type]
            assert server.transport is not None
            self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            self.when_taken()
        if reply == "drop":
            assert server.transport is not None
            server.transport.abort()
        return reply


class _Controller(Controller):
    """On a port that the system chose."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    *,
    user: str = "",
    password: str = "",
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
) -> Iterator[MailServer]:
    """
    On this machine; with a user it wants a sign-in.

    Args:
        tls: from the first byte.
        starttls: takes nothing before the client asked for it.
    """
    handler = MailServer()

    def authenticate(*given: Any) -> AuthResult:
        login = given[-1]
        handler.sign_ins += 1
        return AuthResult(
            handled=False,
            success=(login.login, login.password) == (user.encode(), password.encode()),
        )

    more: dict[str, Any] = {}
    if user:
        more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    if starttls is not None:
        more |= {"tls_context": starttls, "require_starttls": True}
    controller = _Controller(handler, hostname="127.0.0.1", port=0, ssl_context=tls, **more)
    controller.start()
    try:
        handler.port, handler.connections = controller.port, 0
        yield handler
    finally:
        controller.stop()
