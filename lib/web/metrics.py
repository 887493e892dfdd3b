"""
`/metrics` for Prometheus, asked on this machine: what is waiting, how old what is known is, how long things take.

Whoever comes through a proxy, or from another address, gets 404: figures say how much a company charges.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.bootstrap import Services
from lib.metrics import REGISTRY, REQUEST_SECONDS
from lib.web.known_hosts import name_in

_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
# What Streamlit serves besides: its files, uploads and the socket over which pages come.
_STREAMLIT = "streamlit"


class Timings:
    """ASGI middleware: how long each request took until its answer began, by route and never by address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                labels = (
                    route.path if isinstance(route, Route) else _STREAMLIT,
                    scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other",
                    str(message["status"]),
                )
                REQUEST_SECONDS.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_and_note)


class _State(Collector):
    """What the database knows, read when somebody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        facts = self._services.reports.metrics.now(
            has_webhooks=bool(self._services.settings.webhook_secrets)
        )
        charges = GaugeMetricFamily(
            "onfile_charges", "Charges by outcome.", labels=("state", "currency")
        )
        for one in facts.charges:
            charges.add_metric((one.state, one.currency), one.count)
        yield charges
        for name, text, value in facts.figures:
            if value is not None:
                yield GaugeMetricFamily(f"onfile_{name}", text, value=value)


def metrics_route(services: Callable[[], Services], *, with_state: bool) -> Route:
    """`with_state`: also what the database knows, which one of several processes need say."""

    async def metrics(request: Request) -> Response:
        if not _is_local(request):
            return PlainTextResponse("Not found", status_code=404)
        text = await run_in_threadpool(_text, services() if with_state else None)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Route("/metrics", metrics, methods=["GET"])


def _text(services: Services | None) -> bytes:
    text = generate_latest(REGISTRY)
    if services is not None:
        registry = CollectorRegistry()
        registry.register(_State(services))
        text += generate_latest(registry)
    return text


def _is_local(request: Request) -> bool:
    """From this machine, by one of its own names, and not on behalf of somebody else."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    return _is_loopback(request.client.host if request.client else "") and _is_loopback(
        name_in(f"//{request.headers.get('host', '')}") or ""
    )


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
