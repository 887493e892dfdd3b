"""
The routes that Stripe and customers reach, and monitoring: all that need face the internet.

Every handler hands its work to a thread, because services block, and says nothing about causes to
the caller. Only a delivery is checked on the spot, in less time than a thread takes to begin while
a page is being drawn.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.identity import pasted_id
from lib.domain.links import LinkStatus
from lib.errors import (
    Busy,
    GatewayError,
    InvalidSignature,
    OutcomeUnknown,
    RuleViolation,
    UnreadableEvent,
)
from lib.services.collect.links import ButtonFirst, LinkGone
from lib.services.collect.return_page import Setup
from lib.services.mirror.webhooks import NotConfigured
from lib.web.please_not import PleaseNot
from lib.web.shared_answers import SharedAnswers, TooSoon
from lib.web.visitors import TOKEN, Visitors

logger = logging.getLogger(__name__)

# Stripe's largest events are far below; anything bigger is not from Stripe.
LARGEST_DELIVERY_BYTES = 512 * 1024
# Stripe sends a delivery at once; whoever takes longer holds a connection open.
DELIVERY_SECONDS = 10.0
_SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{8,200}\Z")
_LINK_ID = re.compile(r"link_[a-z0-9]{8,64}\Z")
_NEVER_KEPT = {"Cache-Control": "no-store"}


class _PublicHandlers:
    def __init__(self, services: Callable[[], Services], visitors: Visitors) -> None:
        self._services = services
        self._visitors = visitors
        self._addresses = self._visitors.addresses
        self._page, self._too_many = self._visitors.page, self._visitors.too_many
        self._links: SharedAnswers[str | LinkGone | ButtonFirst] = SharedAnswers(self._now)
        self._returns: SharedAnswers[Setup | None] = SharedAnswers(self._now)

    def _now(self) -> int:
        return epoch(self._services().clock())

    async def stripe_webhook(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                payload = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except TimeoutError:
            return Response(status_code=408, headers={"Connection": "close"})
        if payload is None:
            return Response(status_code=413)
        try:
            stored = self._services().webhooks.receive(
                payload, request.headers.get("stripe-signature")
            )
            await asyncio.wrap_future(stored)
        except NotConfigured:
            return Response(status_code=503)
        except UnreadableEvent as error:
            # Whoever signed it may know why: Stripe shows the answer in its list of deliveries.
            return PlainTextResponse(str(error), status_code=400)
        except InvalidSignature:
            return Response(status_code=400)
        except sqlite3.Error:
            # Locked or full: not stored, so Stripe must send it again.
            logger.exception("a webhook delivery could not be stored")
            return Response(status_code=503)
        return Response(status_code=204)

    async def setup_return(self, request: Request) -> Response:
        if not self._addresses.admits(request):
            return self._too_many(request)
        session_id = request.query_params.get("session_id", "")
        setup = None
        if request.method == "GET" and _SESSION_ID.match(session_id):
            try:
                setup = await self._returns.answer(
                    session_id,
                    lambda: self._services().return_page.finish(session_id),
                    is_kept=lambda setup: setup is not None,
                )
            except TooSoon:
                pass  # The neutral page: webhook or polling will tell us.
            except (GatewayError, sqlite3.Error):
                # The card is saved at Stripe all the same; webhook or polling will tell us.
                logger.exception("the return page could not look at %s", session_id[:16])
        return await self._page(request, setup.value if setup else "thanks")

    async def setup_cancelled(self, request: Request) -> Response:
        if not self._addresses.admits(request):
            return self._too_many(request)
        link = request.query_params.get("link", "")
        if request.method == "GET" and _LINK_ID.match(link):
            try:
                await run_in_threadpool(self._services().links.note_cancel, link)
            except sqlite3.Error:
                logger.exception("that a customer came back could not be written down")
        return await self._page(request, "cancelled")

    async def durable_link(self, request: Request) -> Response:
        if not self._addresses.admits(request):
            return self._too_many(request)
        # Copied out of a mail, an address may end in a letter that nobody sees.
        token = pasted_id(request.path_params["token"])
        if not TOKEN.match(token):
            self._addresses.miss(request)
            return await self._visitors.gone(request)
        try:
            # What the database knows costs nothing at Stripe, and is asked anew each time.
            known = await run_in_threadpool(self._services().links.known, token)
            if request.method == "HEAD":
                return await self._head(request, known)
            result: str | LinkGone | ButtonFirst
            if isinstance(known, LinkGone):
                result = known
            else:
                result = await self._open(token, by_person=request.method == "POST")
        except TooSoon:
            return await self._page(request, "try_again", status_code=503)
        except (Busy, OutcomeUnknown, sqlite3.Error):
            logger.exception("a durable link could not be opened just now")
            return await self._page(request, "try_again", status_code=503)
        except (GatewayError, RuleViolation):
            logger.exception("a durable link cannot be opened until somebody mends it")
            return await self._page(request, "broken", status_code=503, asks=True)
        if isinstance(result, LinkGone):
            return await self._ended(request, result)
        if isinstance(result, ButtonFirst):
            return await self._page(request, "open_page")
        return RedirectResponse(result, status_code=303, headers=_NEVER_KEPT)

    async def _open(self, token: str, *, by_person: bool) -> str | LinkGone | ButtonFirst:
        answer = await self._links.answer(
            f"{token} by a person" if by_person else token,
            lambda: self._services().links.open_durable(token, by_person=by_person),
            is_kept=lambda _: True,
        )
        if by_person:
            self._links.forget(token)
        return answer

    async def _head(self, request: Request, known: str | LinkGone | None) -> Response:
        """For those who only want to know whether the link works: no page is made at Stripe."""
        if isinstance(known, LinkGone):
            return await self._ended(request, known)
        if known is None:
            return Response(status_code=200, headers=_NEVER_KEPT)
        return RedirectResponse(known, status_code=303, headers=_NEVER_KEPT)

    async def _ended(self, request: Request, link: LinkGone) -> Response:
        if link.is_confirming:
            return await self._page(request, "confirming", status_code=410)
        if link.status is LinkStatus.COMPLETED or link.is_done:
            return await self._page(request, "used", status_code=410)
        if link.status is None:
            self._addresses.miss(request)
        return await self._visitors.gone(request)

    async def healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        # Each look takes the database's write lock for a moment.
        if not self._addresses.admits(request):
            return self._too_many(request)
        checks = await run_in_threadpool(lambda: self._services().doctor.is_ready())
        ok = all(check.ok for check in checks)
        return JSONResponse(
            {
                "status": "ok" if ok else "not ready",
                "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks],
            },
            status_code=200 if ok else 503,
        )


def public_routes(services: Callable[[], Services]) -> list[Route]:
    """`services` is called per request, so that building them may wait until the first one."""
    visitors = Visitors(services)
    handlers = _PublicHandlers(services, visitors)
    return [
        Route("/webhooks/stripe", handlers.stripe_webhook, methods=["POST"]),
        Route("/setup/return", handlers.setup_return, methods=["GET"]),
        Route("/setup/cancelled", handlers.setup_cancelled, methods=["GET"]),
        Route("/l/answer/{answer}", PleaseNot(services, visitors).page, methods=["GET", "POST"]),
        Route("/l/{token}", handlers.durable_link, methods=["GET", "POST"]),
        *health_routes(services),
    ]


def health_routes(services: Callable[[], Services]) -> list[Route]:
    """Each process answers for itself."""
    handlers = _PublicHandlers(services, Visitors(services))
    return [
        Route("/healthz", handlers.healthz, methods=["GET"]),
        Route("/readyz", handlers.readyz, methods=["GET"]),
    ]


def closed_routes(services: Callable[[], Services]) -> list[Route]:
    """Of a process that leaves the public side to another one, and still says how it is."""
    return [
        *(Route(f"/{path}", _elsewhere) for path in ("webhooks/stripe", "setup/{_}", "l/{_:path}")),
        *health_routes(services),
    ]


async def _elsewhere(_: Request) -> Response:
    return PlainTextResponse("This is not served at this address.", status_code=404)


async def _body(request: Request) -> bytes | None:
    """The raw body, or None when it is larger than any delivery of Stripe's."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_DELIVERY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
