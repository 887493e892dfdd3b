"""STARTTLS and TLS with a real server: whose certificate is not trusted is given nothing, not even the password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from lib.domain.outbox import MessageState
from lib.mail.mailer import ServerTrouble
from lib.mail.smtp import SmtpMailer, SmtpServer
from tests.certificates import Authority, authority
from tests.mail_server import MailServer, mail_server
from tests.world import ALICE, World

KINDS = ("starttls", "tls")
SCHEMES = {"starttls": "smtp", "tls": "smtps"}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(autouse=True)
def trusts(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a company trusts an authority of its own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def serving(
    kind: str, signed_by: Authority, folder: Path, host: str = "localhost", *, is_over: bool = False
) -> AbstractContextManager[MailServer]:
    context = signed_by.server(host, folder, is_over=is_over)
    if kind == "tls":
        return mail_server(user="anna", password="secret", tls=context)
    return mail_server(user="anna", password="secret", starttls=context)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str, trusted: Authority, tmp_path: Path) -> Iterator[MailServer]:
    with serving(kind, trusted, tmp_path) as running:
        yield running


def asked(world: World, kind: str, server: MailServer) -> str:
    """A message that waits for this server, by a name that its certificate has or has not."""
    world.settings = replace(
        world.settings,
        smtp_url=f"{SCHEMES[kind]}://anna:secret@localhost:{server.port}",
        mail_from="billing@acme.example",
    )
    world.rebuild()
    customer = world.customer("Anna Example", "anna@example.com")
    made, _ = world.services.links.offer(customer, occasion="test", by=ALICE)
    return world.services.messages.requests.send([made.id], by=ALICE).queued[0]


def test_a_message_goes_over_it_after_the_sign_in(
    world: World, kind: str, server: MailServer
) -> None:
    message = asked(world, kind, server)
    assert world.services.messages.delivery.send_due() == 1
    assert world.services.messages.outbox.show(message).state is MessageState.SENT
    assert server.addresses() == ["Anna Example <anna@example.com>"]
    assert server.was_encrypted == [True]
    (check,) = [one for one in world.services.doctor.checks() if one.name == "mail"]
    assert check.ok
    assert "localhost answers over TLS, and takes the user anna" in check.detail


@pytest.mark.parametrize(
    ("whose", "host", "is_over"),
    [
        ("somebody else's", "localhost", False),
        ("ours", "mail.example.com", False),
        ("ours", "localhost", True),
    ],
)
def test_a_certificate_that_is_not_trusted(
    world: World,
    kind: str,
    trusted: Authority,
    tmp_path: Path,
    whose: str,
    host: str,
    is_over: bool,
) -> None:
    signed_by = trusted if whose == "ours" else authority(tmp_path, "Somebody else")
    with serving(kind, signed_by, tmp_path, host, is_over=is_over) as server:
        message = asked(world, kind, server)
        assert world.services.messages.delivery.send_due() == 0
        trouble = world.services.messages.outbox.status().trouble
        assert trouble is not None
        assert "The certificate of localhost cannot be trusted" in trouble.reason
        assert world.services.messages.outbox.show(message).state is MessageState.WAITING
        (check,) = [one for one in world.services.doctor.checks() if one.name == "mail"]
        assert not check.ok
        assert "cannot be trusted" in check.detail
        assert server.taken == []
        assert server.sign_ins == 0, "a stranger was told the password"


def test_a_server_elsewhere_without_starttls_is_not_told_the_password() -> None:
    with mail_server(user="anna", password="secret") as plain:
        elsewhere = SmtpServer("127.0.0.1", plain.port, False, "anna", "secret", may_be_plain=False)
        with pytest.raises(ServerTrouble), SmtpMailer(elsewhere).connection():
            pass
        assert plain.sign_ins == 0


def test_smtps_to_a_server_that_speaks_none(world: World) -> None:
    with mail_server() as plain:
        asked(world, "tls", plain)
        assert world.services.messages.delivery.send_due() == 0
        trouble = world.services.messages.outbox.status().trouble
        assert trouble is not None
        assert "speaks no TLS" in trouble.reason
