"""Letters as they travel: whoever is named in one writes nothing into its headers."""

from __future__ import annotations

import base64
import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.mail.mailer import Letter, bytes_of

LETTER = Letter(
    id="msg_1",
    sender="billing@acme.example",
    sender_name="Acme GmbH",
    address="anna@example.com",
    name="Anna Example",
    reply_to="help@acme.example",
    language="de",
    subject="Your card",
    text="Hello",
    html="<p>Hello</p>",
    at=datetime(2026, 12, 1, tzinfo=UTC),
)
HEADERS = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
]


def encoded(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


def read(letter: Letter) -> EmailMessage:
    mail = email.message_from_bytes(bytes_of(letter), policy=email.policy.default)  # type: ignore[arg-type]
    return cast(EmailMessage, mail)


HOSTILE = [
    encoded("A\r\nBcc: eve@example.org"),
    encoded("A\r\n\r\nPay here: https://evil.example"),
    "=?utf-8?q?A=0D=0AReply-To:_eve@example.org?=",
    "=?" + encoded("A\n") + "?=",
    'A" <eve@example.org>, "',
    "A\r\nBcc: eve@example.org",
    "A\u2028Bcc: eve@example.org",
]


@pytest.mark.parametrize("field", ["name", "sender_name", "subject"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_writes_no_header(field: str, text: str) -> None:
    mail = read(replace(LETTER, **{field: text}))
    assert mail.keys() == HEADERS
    assert [one.addr_spec for one in mail["To"].addresses] == ["anna@example.com"]
    assert [one.addr_spec for one in mail["Reply-To"].addresses] == ["help@acme.example"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Hello"


@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    subject=st.text(st.sampled_from(list("=?utf8bqQ0KAäß, <>@\r\n\t\"'")), max_size=60),
)
def test_whatever_stands_in_a_name_or_a_subject(name: str, subject: str) -> None:
    mail = read(replace(LETTER, name=name, subject=subject))
    assert mail.keys() == HEADERS
    assert [one.addr_spec for one in mail["To"].addresses] == ["anna@example.com"]


def test_names_are_read_as_they_are_written() -> None:
    mail = read(
        replace(LETTER, name="Jörg Müller-Lüdenscheidt, Söhne & Co.", subject="お支払い = 1?")
    )
    assert mail["To"].addresses[0].display_name == "Jörg Müller-Lüdenscheidt, Söhne & Co."
    assert mail["Subject"] == "お支払い = 1?"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("anna@münchen.example", "anna@xn--mnchen-3ya.example"),
        ("jörg@example.com", "jörg@example.com"),
        ("名前@例え.example", "名前@xn--r8jz45g.example"),
    ],
)
def test_addresses_with_other_letters(address: str, written: str) -> None:
    """Before the @ they have no other form: the head is UTF-8 then, as a server with SMTPUTF8 takes it."""
    data = bytes_of(replace(LETTER, address=address, name="Jörg"))
    head = data.partition(b"\r\n\r\n")[0]
    assert f"<{written}>".encode() in head
    assert head.isascii() == written.isascii()
    assert (b"To: J\xc3\xb6rg <" in head) != head.isascii()
    assert read(replace(LETTER, address=address, name="Jörg")).keys() == HEADERS


@pytest.mark.parametrize("field", ["name", "subject"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_writes_no_header_beside_such_an_address_either(field: str, text: str) -> None:
    assert read(replace(LETTER, address="jörg@example.com", **{field: text})).keys() == HEADERS
