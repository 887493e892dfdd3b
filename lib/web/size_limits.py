"""ASGI middleware: what is larger than anything that means well is refused before it is looked at."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Ours have a cookie or two and a signature.
LARGEST_HEAD_BYTES = 16 * 1024


class SizeLimits:
    """`largest_body`: None where the routes themselves say how much they take."""

    def __init__(self, app: ASGIApp, *, largest_body: int | None = None) -> None:
        self._app = app
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            headers = scope["headers"]
            size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
            if size + sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD_BYTES:
                app = PlainTextResponse("The request's headers are too large.", status_code=431)
            elif self._largest_body is not None and _length(headers) > self._largest_body:
                app = PlainTextResponse("The request is too large.", status_code=413)
        await app(scope, receive, send)


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    """As announced; one that comes without a length is counted by whoever reads it."""
    announced = dict(headers).get(b"content-length", b"")
    return int(announced) if announced.isdigit() and len(announced) < 20 else 0
