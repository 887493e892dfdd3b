"""
ASGI middleware: the dashboard answers under its own names, and opens sessions for its own pages only.

A page of another site can have a browser send requests here, and open websockets; under a name that
its owner points at this machine it is even "the same site" to the browser. Streamlit's
`server.allowedHosts` looks at websockets alone, and says nothing to a person; this looks at all but
what is public anyway, and Streamlit's stays as it is.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Streamlit's figures about itself and its door for agents, which answers even when it is off.
_HIDDEN = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
# Signed, or for whoever has the address, or known to all: under whatever name they are reached.
_PUBLIC = ("/webhooks/", "/l/", "/setup/", "/healthz", "/readyz", "/practice/")
_WRONG_HOST = "Onfile does not know this address. If staff use it, set ONFILE_STAFF_URL to it and start again."
_WRONG_ORIGIN = "This request came from a page of another site."


class KnownHosts:
    """
    `own`: the addresses at which Onfile is reached, besides this machine's own names.

    Of requests without an Origin, which browsers send with every websocket, nothing is known.
    """

    def __init__(self, app: ASGIApp, *, own: Iterable[str]) -> None:
        self._app = app
        self._origins = {origin_of(url) for url in own}
        names = {name_in(origin) for origin in self._origins}
        self._names = {*_LOOPBACK, socket.gethostname().lower(), *names} - {None}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] in ("http", "websocket"):
            refusal = self._refusal(scope)
            if refusal is not None:
                status, text = refusal
                if scope["type"] == "websocket":
                    # Before it is accepted: the server answers the handshake with 403.
                    app = WebSocketClose(code=1008, reason=text)
                else:
                    app = PlainTextResponse(text, status_code=status)
        await app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        path = scope["path"]
        if path.startswith(_PUBLIC):
            return None
        if path.startswith(_HIDDEN):
            return 404, "Not found"
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        name = name_in(f"//{host}")
        # The address of the connection itself cannot be a name that somebody else points here.
        if name not in self._names and name != (scope.get("server") or ("",))[0]:
            return 400, _WRONG_HOST
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in _SAFE_METHODS):
            return None
        origin = origin.lower()
        if origin in self._origins or origin in (f"http://{host}", f"https://{host}"):
            return None
        return 403, _WRONG_ORIGIN


def origin_of(url: str) -> str:
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"


def name_in(url: str) -> str | None:
    """The host's name without port and brackets; None where there is none that can be read."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is no number
        is_only_a_host = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
        return (parts.hostname or "").rstrip(".") or None if is_only_a_host else None
    except ValueError:
        return None
