"""
Practice Stripe over HTTP, with half the work a request: a thread a connection, and nothing read that the SDK does not send.

The server that Onfile starts itself, `lib/practice/server.py`, has its tests in `tests/practice`.
"""

from __future__ import annotations

import contextlib
import http
import json
import socket
import socketserver
import threading
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from lib.practice.parameters import decode_form
from lib.practice.replies import ConnectionDropped, Reply, StripeRefusal


class Account(Protocol):
    def handle(
        self, method: str, path: str, params: dict[str, Any], headers: Mapping[str, str]
    ) -> Reply: ...


class PlainServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, account: Account) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.account = account
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}"
        self.open: set[_Connection] = set()

    def hang_up(self, beginning: str) -> None:
        """On who asked for such a path last: a client keeps its connection, and with it a thread here, until it is collected."""
        for connection in tuple(self.open):
            if connection.path.startswith(beginning):
                # The other side may have been faster.
                with contextlib.suppress(OSError):
                    connection.connection.shutdown(socket.SHUT_RDWR)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, name="plain-stripe", daemon=True).start()


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: PlainServer
    path = ""
    """Of the last request."""

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self)

    def finish(self) -> None:
        self.server.open.discard(self)
        super().finish()

    def handle(self) -> None:
        # Whoever asked may have stopped waiting.
        with contextlib.suppress(ConnectionError):
            self._answer()

    def _answer(self) -> None:
        while line := self.rfile.readline():
            method, target, _ = line.decode("ascii").split(" ")
            headers: dict[str, str] = {}
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            assert "transfer-encoding" not in headers, "the SDK says how long its bodies are"
            body = self.rfile.read(int(headers.get("content-length", 0)))
            try:
                reply = self._reply(method, target, body, headers)
            except ConnectionDropped:
                return
            self.wfile.write(_bytes(reply))

    def _reply(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        self.path, _, query = target.partition("?")
        text = body.decode("utf-8", "replace")
        pairs = [*_pairs(query), *_pairs(text)]
        try:
            return self.server.account.handle(method, self.path, decode_form(pairs), headers)
        except StripeRefusal as refused:
            return Reply(refused.status, {"error": refused.error})


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def _bytes(reply: Reply) -> bytes:
    content = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
    lines = [
        f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode("latin-1") + content
