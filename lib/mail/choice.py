"""The mailer that the settings mean."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lib.mail.mailer import FolderMailer, Mailer, PracticeMailer

_PORTS = {"smtp": 587, "smtps": 465}


def mailer_for(url: str, *, is_practice: bool) -> Mailer | None:
    """
    None: there is none, and messages are copied.

    Practice writes to nobody: its customers are made up, and their addresses may be somebody's. A server
    on this machine, for tests, is used all the same.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderMailer(Path(unquote(parts.path)))
    host = parts.hostname or ""
    is_here = _is_this_machine(host)
    if is_practice and not is_here:
        return PracticeMailer()
    if not host:
        return None
    from lib.mail.smtp import SmtpMailer, SmtpServer

    return SmtpMailer(
        SmtpServer(
            host=host,
            port=parts.port or _PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            may_be_plain=is_here,
        )
    )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
