"""ID tokens that the provider did not sign for us: nobody is signed in with one, whatever it says."""

from __future__ import annotations

import base64
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.server.conftest import running_server
from tests.server.test_single_sign_on import CLIENT_SECRET, Company, Person

pytestmark = pytest.mark.server

Claims = dict[str, Any]


@dataclass
class Provider:
    """One that says what the test wants."""

    key: rsa.RSAPrivateKey
    sign: Callable[[Claims], str] = field(default=lambda _: "")
    url: str = ""
    nonce: str = ""

    @property
    def keys(self) -> Claims:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}

    def description(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def token(self) -> Claims:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "sub-alice",
            "aud": "onfile",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "alice@example.com",
            "email_verified": True,
        }
        signed = self.sign(claims)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed, "expires_in": 300}


def well(provider: Provider, **changes: Any) -> Callable[[Claims], str]:
    def sign(claims: Claims) -> str:
        told = {name: one for name, one in (claims | changes).items() if one is not None}
        return jwt.encode(told, provider.key, algorithm="RS256", headers={"kid": "one"})

    return sign


def unsigned(claims: Claims) -> str:
    return jwt.encode(claims, "", algorithm="none")


def with_the_secret(claims: Claims) -> str:
    return jwt.encode(claims, CLIENT_SECRET, algorithm="HS256", headers={"kid": "one"})


def with_the_public_key(provider: Provider) -> Callable[[Claims], str]:
    """The oldest confusion: what everybody may read, used as a secret."""
    public = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def sign(claims: Claims) -> str:
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256", "kid": "one"}, claims)
        )
        digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        mac = base64.urlsafe_b64encode(digest.sign(head + b"." + body, public)).rstrip(b"=")
        return b".".join((head, body, mac)).decode()

    return sign


def with_another_key(claims: Claims) -> str:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, other, algorithm="RS256", headers={"kid": "one"})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    one = Provider(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                asked = parse_qs(parts.query)
                one.nonce = asked["nonce"][0]
                self.send_response(302)
                back = f"{asked['redirect_uri'][0]}?code=c&state={asked['state'][0]}"
                self.send_header("Location", back)
                self.end_headers()
                return
            self._say(one.keys if parts.path == "/keys" else one.description())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say(one.token())

        def _say(self, content: Claims) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield one
    server.shutdown()


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory, practice_data: Path, provider: Provider
) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("forged")
    shutil.copytree(practice_data, folder / "data")
    with running_server(
        folder,
        ONFILE_SSO_ISSUER=provider.url,
        ONFILE_SSO_CLIENT_ID="onfile",
        ONFILE_SSO_CLIENT_SECRET=CLIENT_SECRET,
    ) as server:
        company = Company(provider.url, server.url.replace("127.0.0.1", "localhost"), server)
        company.link("alice")
        yield company


def gets_in(company: Company) -> bool:
    person = Person(company)
    asked = person.get(person.way_to_the_provider())
    answered = person.http.get(asked.headers["Location"], timeout=60, allow_redirects=False)
    back = urlsplit(answered.headers["Location"])
    person.get(f"{back.path}?{back.query}")
    with person.tab() as tab:
        return tab.visit("home").headings == ["Hello, Alice"]


FORGED: dict[str, Callable[[Provider], Callable[[Claims], str]]] = {
    "unsigned": lambda _: unsigned,
    "the client's secret as key": lambda _: with_the_secret,
    "the public key as secret": with_the_public_key,
    "another key": lambda _: with_another_key,
    "for another client": lambda one: well(one, aud="somebody-else"),
    "for many clients, ours not among them": lambda one: well(one, aud=["a", "b"]),
    "another issuer's": lambda one: well(one, iss="https://evil.example"),
    "another sign-in's": lambda one: well(one, nonce="of another"),
    "of no sign-in": lambda one: well(one, nonce=None),
    "over": lambda one: well(one, exp=int(time.time()) - 3_600, iat=int(time.time()) - 7_200),
    "without a subject": lambda one: well(one, sub=None),
    "another person's subject with alice's address": lambda one: well(one, sub="sub-mallory"),
    "an hour old": lambda one: well(one, iat=int(time.time()) - 3_600),
    "of tomorrow": lambda one: well(one, iat=int(time.time()) + 86_400),
}


def test_what_the_provider_signed_lets_in(company: Company, provider: Provider) -> None:
    provider.sign = well(provider)
    assert gets_in(company)


@pytest.mark.parametrize("how", FORGED)
def test_what_it_did_not_sign_for_us_does_not(
    company: Company, provider: Provider, how: str
) -> None:
    provider.sign = FORGED[how](provider)
    assert not gets_in(company)
