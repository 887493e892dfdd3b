"""Whether the mail server takes messages, as it is set: asked by connecting and signing in, and nothing else."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from lib.domain.checks import Check
from lib.mail.mailer import Mailer, ServerTrouble
from lib.settings import Settings

_NAME = "mail"


def check_mail(mailer: Mailer | None, settings: Settings) -> Check:
    """Sends nothing."""
    if mailer is None:
        return Check(
            _NAME,
            True,
            "No mail server is set (ONFILE_SMTP_URL): messages are copied, or opened in the clerk's own mail program.",
        )
    if mailer.is_practice:
        return Check(_NAME, True, "Practice mode: what would be sent stands in the outbox.")
    parts = urlsplit(settings.smtp_url)
    try:
        with mailer.connection():
            pass
    except ServerTrouble as trouble:
        return Check(
            _NAME,
            False,
            f"{trouble} No message leaves until this is mended: look at ONFILE_SMTP_URL.",
        )
    if parts.scheme == "file":
        return Check(_NAME, True, f"Messages are written as files to {unquote(parts.path)}.")
    user = f", and takes the user {unquote(parts.username)}" if parts.username else ""
    how = "over TLS" if mailer.is_encrypted else "without TLS, on this machine"
    return Check(
        _NAME,
        True,
        f"{parts.hostname} answers {how}{user}. Messages come from {settings.mail_from}.",
    )
