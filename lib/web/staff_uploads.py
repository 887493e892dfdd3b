"""
ASGI middleware: whoever is not signed in uploads nothing.

Streamlit takes files for every open websocket, also that of the sign-in page, and keeps them in memory while it
is open: a stranger could fill the machine.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.sessions import Ending
from lib.services.staff.sign_in_cookie import cookie_name, principal_in

_UPLOADS = "/_stcore/upload_file"
_REFUSAL = "Sign in to upload a file."


class StaffUploads:
    """`services` is called per request, so that building them may wait until the first one."""

    def __init__(self, app: ASGIApp, *, services: Callable[[], Services]) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if (
            scope["type"] == "http"
            and scope["path"].startswith(_UPLOADS)
            and scope["method"] != "OPTIONS"
            and not await run_in_threadpool(self._is_signed_in, HTTPConnection(scope))
        ):
            app = PlainTextResponse(_REFUSAL, status_code=401, headers={"Connection": "close"})
        await app(scope, receive, send)

    def _is_signed_in(self, request: HTTPConnection) -> bool:
        services = self._services()
        named = named_in(request, services)
        return not isinstance(services.sessions.user_of(named), Ending)


def named_in(request: HTTPConnection, services: Services) -> str | None:
    """Whom the cookie of a request names, whether or not they are signed in still."""
    key = services.settings.cookie_key
    cookie = request.cookies.get(cookie_name(key), "")
    return principal_in(cookie, cookie_key=key, now=epoch(services.clock()))
