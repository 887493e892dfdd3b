"""
ASGI middleware: limits of how many websockets one may open, how much they send, and how fast.

Streamlit takes every websocket, and runs the page for every message, also for whoever is not signed in: a dozen
of a stranger's, with messages of five bytes, stopped everybody. Each takes four of the process's files, and what it
was sent stays in memory for minutes after it has gone.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.sessions import Ending
from lib.services.staff.devices import device_cookie_name, device_in
from lib.services.staff.open_tabs import TAB_HEADER, OpenTabs
from lib.web.address_limits import address_of
from lib.web.staff_uploads import named_in

LARGEST_OF_STRANGERS = 64 * 1024
# A pasted file of 100,000 rows is below, and so is every page.
LARGEST_OF_PEOPLE = 25_000_000
# Pages that draw themselves anew send one every second or two.
_OF_ONE_TAB = RateLimitItemPerSecond(20)
_OF_ONE_STRANGER = RateLimitItemPerSecond(5)
_OF_STRANGERS = RateLimitItemPerSecond(15)
_AGAIN_SECONDS = 0.2
_MOST_FILES = 65_536


def allow_open_files() -> None:
    """As many as the system lets this process have: a service begins with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class TabLimits:
    """`services` is called per request, so that building them may wait until the first one."""

    def __init__(self, app: ASGIApp, *, services: Callable[[], Services]) -> None:
        self._app = app
        self._services = services
        self._pace = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        services, request = self._services(), HTTPConnection(scope)
        tabs = services.open_tabs
        cookie_key, now = services.settings.cookie_key, epoch(services.clock())
        user = await run_in_threadpool(services.sessions.user_of, named_in(request, services))
        tab = tabs.open(
            address_of(request),
            known=device_in(
                request.cookies.get(device_cookie_name(cookie_key), ""),
                cookie_key=cookie_key,
                now=now,
            ),
            username=None if isinstance(user, Ending) else user.username,
            of=_sizes(receive),
        )
        if tab is None:
            # Before it is accepted: the server answers the handshake with 403.
            await WebSocketClose(code=1013, reason="Too many open tabs.")(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        headers[TAB_HEADER] = tab

        async def in_time() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                # Nothing more is read from the connection until this was taken.
                while not self._may_pass(tabs, tab):
                    await asyncio.sleep(_AGAIN_SECONDS)
            return message

        try:
            await self._app(scope, in_time, send)
        finally:
            tabs.close(tab)

    def _may_pass(self, tabs: OpenTabs, tab: str) -> bool:
        if not tabs.is_strangers(tab):
            return self._pace.hit(_OF_ONE_TAB, "tab", tab)
        counts: list[tuple[RateLimitItem, str]] = [
            (_OF_ONE_STRANGER, tabs.owner(tab)),
            (_OF_STRANGERS, "all"),
        ]
        # One that waits for the others takes nothing of its own.
        return all(self._pace.test(item, "stranger", of) for item, of in counts) and all(
            self._pace.hit(item, "stranger", of) for item, of in counts
        )


def _sizes(receive: Receive) -> Callable[[bool], None]:
    """How large a message may be is asked where it begins to arrive: later it is in memory."""
    protocol = getattr(receive, "__self__", None)
    if not isinstance(protocol, WebSocketsSansIOProtocol):
        return lambda _: None

    def allow(is_persons: bool) -> None:
        largest = LARGEST_OF_PEOPLE if is_persons else LARGEST_OF_STRANGERS
        protocol.conn.max_message_size = largest

    return allow
