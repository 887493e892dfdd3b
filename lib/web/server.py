"""The public side as a process of its own: `python -m lib public`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Route

from lib import bootstrap
from lib.bootstrap import Services
from lib.practice import hosted
from lib.settings import Mode
from lib.web.headers import SafeHeaders
from lib.web.metrics import Timings, metrics_route
from lib.web.public import LARGEST_DELIVERY_BYTES, public_routes
from lib.web.request_ids import RequestIds
from lib.web.size_limits import LARGEST_HEAD_BYTES, SizeLimits
from lib.web.slow_clients import close_slow_clients

logger = logging.getLogger(__name__)

COUNT_SECONDS = 10.0
# More connections than this at once are answered 503, before the system runs out of files.
_MOST_CONNECTIONS = 500
_SHUTDOWN_SECONDS = 30


def outside_routes(services: Callable[[], Services]) -> list[Route]:
    """All that customers and Stripe reach; in practice mode their payment page is ours, too."""
    practice = services().settings.mode is Mode.PRACTICE
    hosted_pages = hosted.routes(lambda: bootstrap.practice()) if practice else []
    return [*public_routes(services), *hosted_pages]


def public_application(services: Callable[[], Services]) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        counting = asyncio.create_task(_count_reads(services()))
        try:
            yield
        finally:
            counting.cancel()

    return Starlette(
        lifespan=lifespan,
        routes=[*outside_routes(services), metrics_route(services, with_state=False)],
        middleware=[
            Middleware(RequestIds),
            Middleware(Timings),
            Middleware(SafeHeaders, https=[services().settings.public_url]),
            Middleware(SizeLimits, largest_body=LARGEST_DELIVERY_BYTES),
        ],
    )


async def _count_reads(services: Services) -> None:
    """Stripe allows so many reads a month: this process's count before it ends, which may be by force."""
    while True:
        await asyncio.sleep(COUNT_SECONDS)
        try:
            await run_in_threadpool(services.count_reads)
        except sqlite3.Error:
            # They stay, and are counted the next time.
            logger.warning("the reads at Stripe could not be counted", exc_info=True)


def public_server(services: Services, *, host: str, port: int) -> uvicorn.Server:
    close_slow_clients()
    config = uvicorn.Config(
        public_application(lambda: services),
        host=host,
        port=port,
        http="h11",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def serve(services: Services, *, host: str, port: int) -> bool:
    """Until SIGTERM or Ctrl+C; False when it could not start, and uvicorn has said why."""
    server = public_server(services, host=host, port=port)
    # uvicorn raises what stopped it again once it has ended well.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run()
    except SystemExit:
        return False
    return server.started
