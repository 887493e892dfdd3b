"""The public side as its own server, over real connections."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.clock import utcnow
from lib.services.staff.sign_in_cookie import cookie_name
from lib.web import slow_clients
from lib.web.public import LARGEST_DELIVERY_BYTES
from lib.web.server import public_server
from lib.web.size_limits import LARGEST_HEAD_BYTES
from tests import stripe_account
from tests.fuzzing import OUTSIDE
from tests.webhook_route import PATH, signed
from tests.world import ALICE, World

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port(world: World) -> Iterator[int]:
    """Where the server answers, over the world's database and practice Stripe."""
    chosen = free_port()
    server = public_server(world.services, host="127.0.0.1", port=chosen)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _wait_until_it_answers(chosen)
    yield chosen
    server.should_exit = True
    thread.join(timeout=20)
    assert not thread.is_alive()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, "the process ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not answer")


def client_at(port: int) -> httpx2.Client:
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=False)


def sent(port: int, data: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def test_a_link_opens_and_a_delivery_is_stored(world: World, port: int) -> None:
    made = world.services.links.create(form_key="f", customer=world.customer(), by=ALICE)
    [event] = stripe_account.events(world, "customer.created")
    body = json.dumps(event)
    header = signed(body, world.settings.webhook_secrets[0], at=world.now)
    with client_at(port) as client:
        reply = client.get(f"/l/{made.link.token}")
        assert (reply.status_code, reply.headers["location"]) == (303, made.url)
        assert (
            client.post(PATH, content=body, headers={"Stripe-Signature": header}).status_code == 204
        )
        assert client.get("/setup/cancelled").status_code == 200
        world.worker.run_once()
        assert client.get("/readyz").json()["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/", "/home", "/users", "/download/x", "/_stcore/health", "/docs"]
)
def test_nothing_of_the_dashboard_is_there(port: int, path: str) -> None:
    with client_at(port) as client:
        reply = client.get(path)
    assert reply.status_code == 404
    assert "server" not in reply.headers
    assert "set-cookie" not in reply.headers


def test_what_a_proxy_says_of_the_address_counts(port: int) -> None:
    with client_at(port) as client:

        def status(address: str) -> int:
            return client.get("/l/" + "a" * 27, headers={"X-Forwarded-For": address}).status_code

        assert [status("192.0.2.1") for _ in range(31)][-1] == 429
        # What the sender put before the proxy's own word makes no other sender of it.
        assert status("198.51.100.7, 192.0.2.1") == 429
        assert status("192.0.2.2") == 410


class TestSlowClients:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slow_clients, "HEAD_SECONDS", 0.3)
        monkeypatch.setattr("lib.web.public.DELIVERY_SECONDS", 0.3)

    @pytest.mark.parametrize(
        "half",
        [
            b"",
            b"GET /l/aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: onfile.test\r\nX-Slow: ",
            b"GET",
        ],
    )
    def test_sixty_half_sent_requests_are_closed(self, port: int, half: bytes) -> None:
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        for connection in connections:
            connection.sendall(half)
        for connection in connections:
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(1) == b""
            connection.close()

    def test_a_second_request_that_stays_half_is_closed_too(self, port: int) -> None:
        whole = b"GET /healthz HTTP/1.1\r\nHost: onfile.test\r\n\r\n"
        assert sent(port, whole + b"GET /heal").count(b"200 OK") == 1

    def test_a_delivery_that_does_not_end_is_answered_408(self, port: int) -> None:
        head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: onfile.test\r\nContent-Length: 100\r\n\r\n"
        assert sent(port, head + b"{").startswith(b"HTTP/1.1 408")

    def test_a_body_that_nobody_reads_is_not_waited_for(self, port: int) -> None:
        head = b"GET /healthz HTTP/1.1\r\nHost: onfile.test\r\nContent-Length: 100\r\n\r\n"
        assert sent(port, head + b"{").startswith(b"HTTP/1.1 200")


def test_sizes(port: int) -> None:
    with client_at(port) as client:
        large = {"X-Large": "x" * LARGEST_HEAD_BYTES}
        assert client.get("/setup/cancelled", headers=large).status_code in (400, 431)
        assert client.get(f"/l/{'a' * LARGEST_HEAD_BYTES}").status_code in (400, 431)
        announced = {"Content-Length": str(LARGEST_DELIVERY_BYTES + 1)}
        for method, path in (("POST", PATH), ("GET", "/l/" + "a" * 27), ("POST", "/setup/return")):
            lines = [f"{method} {path} HTTP/1.1", "Host: onfile.test", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in announced.items()]
            assert sent(port, "\r\n".join([*lines, "", ""]).encode()).startswith(b"HTTP/1.1 413")


# A path as it goes over the wire: what is no token of HTTP is refused before any route sees it.
_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
_PATHS = st.one_of(
    st.sampled_from(
        [
            "/l/",
            "/setup/return",
            "/setup/cancelled",
            "/webhooks/stripe",
            "/healthz",
            "/practice/checkout/",
        ]
    ),
    _TEXT.map(lambda text: "/l/" + text),
    _TEXT.map(lambda text: "/setup/return?session_id=cs_test_" + text),
    _TEXT.map(lambda text: "/" + text),
    st.binary(max_size=20).map(lambda raw: "/l/" + "".join(f"%{byte:02x}" for byte in raw)),
    st.binary(max_size=20).map(
        lambda raw: "/setup/return?session_id=" + "".join(f"%{byte:02x}" for byte in raw)
    ),
)
_METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "X"]
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Stripe-Signature",
                "X-Forwarded-For",
                "X-Forwarded-Proto",
                "Cookie",
                "Content-Type",
                "Range",
            ]
        ),
        st.binary(max_size=40).map(
            lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F)
        ),
    ),
    max_size=4,
)


@OUTSIDE
@given(method=_METHODS, path=_PATHS, headers=_HEADERS, body=st.binary(max_size=200))
def test_nothing_that_is_asked_breaks_a_route(
    world: World,
    port: int,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    headers: list[tuple[str, bytes]],
    body: bytes,
) -> None:
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: onfile.test", b"Connection: close"]
    lines += [name.encode() + b": " + value for name, value in headers]
    lines += [b"Content-Length: %d" % len(body), b"", body]
    with caplog.at_level(logging.ERROR):
        answer = sent(port, b"\r\n".join(lines))
    status = int(answer.split(b" ", 2)[1])
    assert 200 <= status < 500
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@OUTSIDE
@given(
    event=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
        max_leaves=20,
    )
    | st.fixed_dictionaries(
        {"object": st.sampled_from(["event", "v2.core.event"])},
        optional={
            name: st.none()
            | st.integers()
            | st.text(max_size=10)
            | st.dictionaries(st.text(), st.none())
            for name in ("id", "type", "created", "data", "account", "request", "related_object")
        },
    )
)
def test_no_signed_delivery_breaks_the_webhook(
    world: World, port: int, caplog: pytest.LogCaptureFixture, event: object
) -> None:
    body = json.dumps(event)
    header = signed(body, world.settings.webhook_secrets[0], at=world.now)
    with client_at(port) as client, caplog.at_level(logging.ERROR):
        reply = client.post(PATH, content=body, headers={"Stripe-Signature": header})
    assert reply.status_code in (204, 400)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class TestProcess:
    @pytest.fixture
    def process(self, world: World) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
        """`python -m lib public` beside this process, on the world's folder."""
        chosen = free_port()
        started = subprocess.Popen(
            [sys.executable, "-m", "lib", "public", "--port", str(chosen)],
            cwd=ROOT,
            env={
                **os.environ,
                "ONFILE_DATA_DIR": str(world.settings.data_dir),
                "ONFILE_COOKIE_KEY": world.settings.cookie_key,
            },
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        _wait_until_it_answers(chosen, started)
        yield chosen, started
        if started.poll() is None:
            started.kill()
        started.communicate(timeout=20)

    def test_two_processes_on_one_folder(
        self, world: World, port: int, process: tuple[int, subprocess.Popen[bytes]]
    ) -> None:
        other, child = process
        # The other process has the machine's clock, by which the link's first page is over.
        world.clock.now = utcnow() - timedelta(hours=25)
        made = world.services.links.create(form_key="f", customer=world.customer(), by=ALICE)
        world.clock.now = utcnow()
        replies = _from_both((port, other), f"/l/{made.link.token}", times=10)
        assert {reply.status_code for reply in replies} == {303}
        [address] = {reply.headers["location"] for reply in replies}
        assert address != made.url
        with world.services.uow.read() as stores:
            last = stores.link_sessions.last_of(made.link.id)
        assert last is not None
        assert (last.number, last.url) == (2, address)
        assert cookie_name(world.settings.cookie_key) not in str(replies[0].headers)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=40)
        assert (child.returncode, out) == (0, b"Stopped.\n")
        assert b"Traceback" not in err

    def test_streamlit_is_not_loaded(self) -> None:
        code = (
            "import sys, lib.web.server; print(sorted(m for m in sys.modules if m == 'streamlit'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60
        )
        assert done.stdout == b"[]\n"

    def test_an_address_that_is_taken_is_said(self, world: World, port: int) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "lib", "--json", "public", "--port", str(port)],
            cwd=ROOT,
            env={
                **os.environ,
                "ONFILE_DATA_DIR": str(world.settings.data_dir),
                "ONFILE_COOKIE_KEY": world.settings.cookie_key,
            },
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["code"] == "address_in_use"


def _from_both(ports: tuple[int, int], path: str, *, times: int) -> list[httpx2.Response]:
    replies: list[httpx2.Response] = []

    def ask(port: int) -> None:
        with client_at(port) as client:
            replies.append(client.get(path, timeout=PATIENCE_SECONDS))

    threads = [threading.Thread(target=ask, args=(port,)) for port in ports * times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_reads_are_counted_while_it_serves(
    world: World, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.web.server.COUNT_SECONDS", 0.05)
    port = request.getfixturevalue("port")
    made = world.services.links.create(form_key="f", customer=world.customer(), by=ALICE)
    world.services.sync.count_reads()
    before = _counted_reads(world)
    with client_at(port) as client:
        assert client.get(f"/l/{made.link.token}").status_code == 303
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _counted_reads(world) == before:
        assert time.monotonic() < deadline, "nothing was counted"
        time.sleep(0.02)
    assert _counted_reads(world) == before + 1


def _counted_reads(world: World) -> int:
    with world.services.uow.read() as stores:
        return stores.sync.reads_since(0)
