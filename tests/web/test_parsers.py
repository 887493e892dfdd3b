"""Every parser that faces outside, with whatever may be sent: an answer, or a refusal, and never a failure."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.testclient import TestClient

from lib.errors import InvalidSignature, OnfileError, UnreadableEvent
from lib.services.staff.devices import device_token, known_device
from lib.services.staff.sign_in_cookie import cookie_name, principal_in
from lib.stripe_gateway import webhooks
from lib.web.address_limits import address_of
from lib.web.headers import SafeHeaders
from lib.web.known_hosts import KnownHosts
from lib.web.metrics import Timings
from lib.web.request_ids import RequestIds
from lib.web.routes import routes
from lib.web.size_limits import SizeLimits
from tests.fuzzing import OUTSIDE
from tests.webhook_route import signed
from tests.world import World

NOW = 1_800_000_000
SECRET = "whsec_test_secret_of_this_test"
KEY = "k" * 48

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)
_EVENT = st.fixed_dictionaries(
    {"object": st.sampled_from(["event", "v2.core.event", "x"])},
    optional=dict.fromkeys(
        ("id", "type", "created", "data", "account", "request", "related_object"), _JSON
    ),
)
# As uvicorn gives it: Latin-1, without line ends.
_HEADER = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n\0"), max_size=80)
_SIGNATURE = st.one_of(
    _HEADER,
    st.lists(st.tuples(st.sampled_from(["t", "v1", "v0", " t", "T", ""]), _HEADER), max_size=5).map(
        lambda pairs: ",".join(f"{name}={value}" for name, value in pairs)
    ),
    st.integers().map(lambda at: f"t={at},v1={'0' * 64}"),
)


@OUTSIDE
@given(payload=st.binary(max_size=200), header=st.none() | _SIGNATURE)
@example(payload=b"{}", header=f"t={NOW},v1=")
@example(payload=b"{}", header=f"t={NOW},v1=\xe9")
@example(payload=b"{}", header=f"t={'9' * 5_000},v1=0")
def test_nothing_unsigned_passes(payload: bytes, header: str | None) -> None:
    with pytest.raises(InvalidSignature):
        webhooks.verify(payload, header, (SECRET,), now=NOW)


@OUTSIDE
@given(content=_JSON | _EVENT)
@example(content={"object": "event", "id": "evt_1", "type": "x", "created": math.inf})
@example(content={"object": "event", "id": "evt_1", "type": "x", "created": True})
def test_what_is_signed_is_an_event_or_is_said_to_be_none(content: object) -> None:
    text = json.dumps(content)
    header = signed(text, SECRET, at=NOW)
    with contextlib.suppress(UnreadableEvent):
        delivery = webhooks.verify(text.encode(), header, ("another", SECRET), now=NOW)
        assert delivery.event.id
        assert delivery.signature_age == 0


@OUTSIDE
@given(depth=st.integers(1, 200_000))
@example(depth=200_000)
def test_an_event_nested_however_deep_is_answered_in_words(depth: int) -> None:
    text = '{"object": "event", "data": ' + "[" * depth + "]" * depth + "}"
    with pytest.raises(UnreadableEvent):
        webhooks.verify(text.encode(), signed(text, SECRET, at=NOW), (SECRET,), now=NOW)


_CLAIMS = st.dictionaries(
    st.sampled_from(["username", "exp_date", "aud", "sub", "until", "jti", "exp", "nbf", "iat"]),
    _JSON | st.just("onfile-device") | st.just("ada:1:x"),
)


@OUTSIDE
@given(cookie=st.text(max_size=200) | _HEADER)
def test_a_cookie_that_nobody_signed_names_nobody(cookie: str) -> None:
    assert principal_in(cookie, cookie_key=KEY, now=NOW) is None
    assert known_device(cookie, "ada", cookie_key=KEY, now=NOW) is None


@OUTSIDE
@given(claims=_CLAIMS, forged=st.booleans())
def test_a_signed_cookie_of_any_kind_is_read_or_left(claims: dict[str, Any], forged: bool) -> None:
    try:
        cookie = jwt.encode(claims, "x" * 48 if forged else KEY, algorithm="HS256")
    except (TypeError, ValueError):
        return  # No cookie can hold this.
    name = principal_in(cookie, cookie_key=KEY, now=NOW)
    device = known_device(cookie, "ada", cookie_key=KEY, now=NOW)
    assert name is None or (not forged and name == claims["username"])
    assert device is None or (not forged and claims["sub"] == "ada")


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_nor_one_by_another_algorithm(algorithm: str) -> None:
    claims = {"username": "ada:1:x", "exp_date": NOW * 2, "aud": "onfile-device", "sub": "ada"}
    cookie = jwt.encode(claims, "" if algorithm == "none" else KEY * 2, algorithm=algorithm)
    assert principal_in(cookie, cookie_key=KEY * 2, now=NOW) is None
    assert known_device(cookie, "ada", cookie_key=KEY * 2, now=NOW) is None


def test_one_kind_of_cookie_is_not_the_other() -> None:
    device = device_token("ada", cookie_key=KEY, now=NOW)
    assert principal_in(device, cookie_key=KEY, now=NOW) is None
    assert known_device(device, "ada", cookie_key=KEY, now=NOW)


@OUTSIDE
@given(host=st.text(max_size=80) | st.ip_addresses().map(str))
def test_whatever_a_proxy_says_is_an_address(host: str) -> None:
    request = Request({"type": "http", "headers": [], "client": (host, 1)})
    assert len(address_of(request)) <= 80


@OUTSIDE
@given(username=st.text(max_size=60), password=st.text(max_size=90), code=st.text(max_size=20))
@example(username="ada", password="practice-only\0", code="")
@example(username="ada\0", password="practice-only", code="\0")
@example(username="ada", password="\ud800", code="٣٣٣٣٣٣")
def test_a_sign_in_form_says_no_to_anything(
    people: World, username: str, password: str, code: str
) -> None:
    with pytest.raises(OnfileError):
        people.services.users.sign_in(username, password, code=code)
    people.change("DELETE FROM sign_in_failures")


@OUTSIDE
@given(token=st.text(max_size=80))
def test_an_invitation_that_nobody_made_invites_nobody(people: World, token: str) -> None:
    with pytest.raises(OnfileError):
        people.services.invitations.invited(token)
    with pytest.raises(OnfileError):
        people.services.invitations.accept(token, "four gentle walruses")


_PATH = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?"))


@OUTSIDE
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"]),
    path=st.sampled_from(["/download/", "/metrics", "/home", "/l/", "/setup/return"]).flatmap(
        lambda start: _PATH.map(lambda text: start + text)
    )
    | st.just("/webhooks/stripe"),
    headers=st.dictionaries(
        st.sampled_from(["Host", "Origin", "Cookie", "Forwarded", "Stripe-Signature", "Range"]),
        _HEADER,
    ),
    cookie=_HEADER,
)
def test_no_request_breaks_a_route_of_the_dashboard(
    client: TestClient,
    people: World,
    method: str,
    path: str,
    headers: dict[str, str],
    cookie: str,
) -> None:
    name = cookie_name(people.settings.cookie_key)
    raw = {key: value.strip().encode("latin-1") for key, value in headers.items()}
    raw.setdefault("Cookie", f"{name}={cookie.strip()}".encode("latin-1"))
    # The client raises what a route lets through.
    reply = client.request(method, path, headers=raw)
    assert reply.status_code < 500 or reply.status_code == 503


@pytest.fixture
def people(world: World) -> World:
    world.services.users.add_practice_users()
    return world


@pytest.fixture
def client(people: World) -> TestClient:
    app = Starlette(
        routes=routes(lambda: people.services),
        middleware=[
            Middleware(RequestIds),
            Middleware(Timings),
            Middleware(SafeHeaders, https=["https://pay.example.com"]),
            Middleware(KnownHosts, own=["https://pay.example.com"]),
            Middleware(SizeLimits),
        ],
    )
    return TestClient(app, base_url="http://localhost", follow_redirects=False)
