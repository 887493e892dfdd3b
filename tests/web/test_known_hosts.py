"""Names and origins under which the dashboard answers, and the headers of its answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from lib.web.headers import SafeHeaders
from lib.web.known_hosts import KnownHosts, name_in

OWN = ("https://pay.example.com", "https://staff.example.com:8443")


async def _answer(_: Request) -> Response:
    response = Response("ok")
    response.set_cookie("_streamlit_xsrf", "x")
    return response


async def _talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


APPLICATION = Starlette(
    routes=[
        WebSocketRoute("/_stcore/stream", _talk),
        Route("/{path:path}", _answer, methods=["GET", "POST", "PUT", "DELETE"]),
    ],
    middleware=[Middleware(SafeHeaders, https=OWN), Middleware(KnownHosts, own=OWN)],
)


def client(host: str = "localhost:8501", scheme: str = "http") -> TestClient:
    return TestClient(APPLICATION, base_url=f"{scheme}://{host}")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8501",
        "127.0.0.1",
        "[::1]:8501",
        "PAY.example.com",
        "staff.example.com:8443",
        "pay.example.com.",
    ],
)
def test_its_own_names_are_answered(host: str) -> None:
    assert client().get("/charges", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8501",
        "localhost@evil.example",
        "localhost/evil",
        "localhost:x",
        "[::1",
        "169.254.169.254",
        "",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/charges", "/_stcore/host-config", "/media/x.csv", "/download/x"]
)
def test_other_names_are_refused_in_words(host: str, path: str) -> None:
    reply = client().get(path, headers={"Host": host})
    assert reply.status_code == 400
    assert "ONFILE_STAFF_URL" in reply.text


@pytest.mark.parametrize(
    "path", ["/webhooks/stripe", "/l/x", "/setup/return", "/healthz", "/readyz"]
)
def test_what_is_public_is_answered_under_every_name(path: str) -> None:
    assert client().get(path, headers={"Host": "evil.example"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp",
    ],
)
def test_figures_and_the_door_for_agents_are_for_nobody(path: str) -> None:
    assert client().get(path).status_code == 404
    assert client().post(path).status_code == 404


ORIGINS: list[tuple[str, str | None, bool]] = [
    ("localhost:8501", None, True),
    ("localhost:8501", "http://localhost:8501", True),
    ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
    # A proxy that asks under another Host.
    ("127.0.0.1:8501", "https://staff.example.com:8443", True),
    ("pay.example.com", "https://pay.example.com", True),
    ("localhost:8501", "https://evil.example", False),
    ("localhost:8501", "http://localhost:9000", False),
    ("localhost:8501", "null", False),
    ("localhost:8501", "", False),
    ("evil.example", "http://evil.example", False),
    ("evil.example", None, False),
    ("localhost:8501", "https://staff.example.com", False),
    ("localhost:8501", "https://pay.example.com.evil.example", False),
]


@pytest.mark.parametrize(("host", "origin", "is_own"), ORIGINS)
def test_websockets_are_opened_by_its_own_pages_only(
    host: str, origin: str | None, is_own: bool
) -> None:
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    if is_own:
        with client().websocket_connect("/_stcore/stream", headers=headers):
            pass
        return
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client().websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_so_are_requests_that_change_something(method: str) -> None:
    path = "/_stcore/upload_file/x/y"
    foreign = client().request(method, path, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.text) == (
        403,
        "This request came from a page of another site.",
    )
    own = client().request(method, path, headers={"Origin": "http://localhost:8501"})
    assert own.status_code == 200


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_none(text: str) -> None:
    name = name_in(f"//{text}")
    assert name is None or name


class TestHeaders:
    def test_nothing_is_loaded_from_or_sent_to_elsewhere(self) -> None:
        headers = client().get("/").headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'"
        assert policy["connect-src"] == "'self' ws://localhost:8501 wss://localhost:8501"
        assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'self'"
        assert policy["object-src"] == "'none'"
        assert not {source for value in policy.values() for source in value.split()} & {
            "*",
            "https:",
            "http:",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "SAMEORIGIN"

    @pytest.mark.parametrize(
        ("host", "scheme", "is_https"),
        [
            ("localhost:8501", "http", False),
            ("localhost:8501", "https", True),
            # A proxy took TLS off, and does not say so.
            ("pay.example.com", "http", True),
        ],
    )
    def test_https_stays_https(self, host: str, scheme: str, is_https: bool) -> None:
        headers = client(host, scheme).get("/").headers
        assert headers.get("strict-transport-security") == (
            "max-age=31536000" if is_https else None
        )
        assert ("Secure" in headers["set-cookie"]) is is_https

    def test_a_host_cannot_write_into_the_policy(self) -> None:
        reply = client().get("/healthz", headers={"Host": "x; script-src *"})
        assert "script-src *" not in reply.headers["content-security-policy"]

    def test_a_refusal_has_them_too(self) -> None:
        assert (
            "content-security-policy" in client().get("/", headers={"Host": "evil.example"}).headers
        )
