"""Headers that every answer carries unless its route says something stricter."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.web.known_hosts import name_in

# What is loaded, sent and framed is our own. That is all it can do: Streamlit's charts evaluate text
# (vega compiles its expressions), and its pages run small scripts that come over the websocket, so
# that neither nonces nor hashes could name them. 'self', not 'none', may frame: the component that
# keeps the sign-in cookie runs in a frame of our own.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'{sockets}; "
    "form-action 'self'; base-uri 'self'; object-src 'none'; frame-src 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# A year. Of this name alone: what else stands under the domain is not ours to say.
_HSTS = "max-age=31536000"
_HOST = re.compile(r"[a-z0-9.:\[\]-]{1,260}\Z")


class SafeHeaders:
    """
    ASGI middleware: nothing is loaded from or sent to elsewhere, other sites may not frame a page,
    nor learn its address from a link in it, and what came by https stays there.

    `https`: addresses that begin with https, where a proxy does not say how it was asked.
    """

    def __init__(self, app: ASGIApp, *, https: Iterable[str] = ()) -> None:
        self._app = app
        self._https = {name_in(url) for url in https if url.lower().startswith("https://")} - {None}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "").lower()
        is_https = scope["scheme"] == "https" or name_in(f"//{host}") in self._https
        # Older browsers do not count websockets to 'self'.
        sockets = f" ws://{host} wss://{host}" if _HOST.match(host) else ""
        given = HEADERS | {"Content-Security-Policy": _POLICY.format(sockets=sockets)}
        if is_https:
            given["Strict-Transport-Security"] = _HSTS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in given.items():
                    headers.setdefault(name, value)
                if is_https:
                    message["headers"] = [_secure(*pair) for pair in message["headers"]]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _secure(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Streamlit marks its cookies so only where it has the certificate itself."""
    if name.lower() == b"set-cookie" and b"; secure" not in value.lower():
        return name, value + b"; Secure"
    return name, value
