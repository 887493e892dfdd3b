"""The provider of the single sign-on is asked for its description before anybody is sent there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from lib.services.staff.provider_check import provider_checks, trouble_of
from lib.settings import Provider

Answers = Callable[[Callable[[str], tuple[int, bytes]]], Provider]


def provider_at(issuer: str) -> Provider:
    return Provider(issuer, "onfile", "a secret", "the company")


def described(issuer: str, **other: Any) -> bytes:
    named = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
    }
    return json.dumps(named | other).encode()


@pytest.fixture
def answers() -> Iterator[Answers]:
    """`answers(lambda issuer: (status, body))`: a provider that describes itself so."""
    servers: list[HTTPServer] = []

    def serve(answer: Callable[[str], tuple[int, bytes]]) -> Provider:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_asked = self.path == "/realm/.well-known/openid-configuration"
                status, body = answer(issuer) if is_asked else (404, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        issuer = f"http://127.0.0.1:{server.server_port}/realm"
        return provider_at(issuer)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_one_that_is_well(answers: Answers) -> None:
    provider = answers(lambda issuer: (200, described(issuer)))
    assert trouble_of(provider) == ""
    [check] = provider_checks(provider)
    assert (check.name, check.ok) == ("single_sign_on", True)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda issuer: (503, b"down"), "does not answer"),
        (lambda issuer: (200, b"<html>"), "does not answer"),
        (lambda issuer: (200, b"[]"), "not as the provider that is set"),
        (lambda issuer: (200, described(issuer + "/")), "not as the provider that is set"),
        (lambda issuer: (200, described(issuer, jwks_uri="")), "not as the provider that is set"),
    ],
)
def test_one_that_is_not(answers: Answers, answer: Any, says: str) -> None:
    provider = answers(answer)
    assert says in trouble_of(provider)
    [check] = provider_checks(provider)
    assert not check.ok
    assert "the company" in check.detail


def test_nobody_is_there() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert "does not answer" in trouble_of(provider_at(f"http://127.0.0.1:{port}"))


def test_without_a_provider_there_is_nothing_to_check() -> None:
    assert provider_checks(None) == []
