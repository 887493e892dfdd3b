"""
The routes beside Streamlit's own: Stripe's webhook, the customer's pages, monitoring.

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
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lib.bootstrap import Services
from lib.domain.links import LinkStatus
from lib.errors import Busy, GatewayError, InvalidSignature, OutcomeUnknown, RuleViolation
from lib.services.collect.links import LinkGone
from lib.services.mirror.webhooks import NotConfigured

logger = logging.getLogger(__name__)

# Stripe's largest events are far below; anything bigger is not from Stripe.
LARGEST_DELIVERY_BYTES = 512 * 1024
_SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{8,200}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}\Z")
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
)


class _Handlers:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    async def stripe_webhook(self, request: Request) -> Response:
        try:
            payload = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if payload is None:
            return Response(status_code=413)
        try:
            stored = self._services().webhooks.receive(
                payload, request.headers.get("stripe-signature")
            )
            await asyncio.wrap_future(stored)
        except NotConfigured:
            return Response(status_code=503)
        except InvalidSignature:
            return Response(status_code=400)
        except sqlite3.Error:
            # Locked or full: not stored, so Stripe must send it again.
            logger.exception("a webhook delivery could not be stored")
            return Response(status_code=503)
        return Response(status_code=204)

    async def setup_return(self, request: Request) -> Response:
        session_id = request.query_params.get("session_id", "")
        setup = None
        if _SESSION_ID.match(session_id):
            try:
                setup = await run_in_threadpool(self._services().return_page.finish, session_id)
            except (GatewayError, sqlite3.Error):
                # The card is saved at Stripe all the same; webhook or polling will tell us.
                logger.exception("the return page could not look at %s", session_id[:16])
        return _page(setup.value if setup else "thanks")

    async def setup_cancelled(self, _: Request) -> Response:
        return _page("cancelled")

    async def durable_link(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not _TOKEN.match(token):
            return _page("gone", status_code=410)
        try:
            result = await run_in_threadpool(self._services().links.open_durable, token)
        except (Busy, OutcomeUnknown, sqlite3.Error):
            logger.exception("a durable link could not be opened just now")
            return _page("try_again", status_code=503)
        except (GatewayError, RuleViolation):
            logger.exception("a durable link cannot be opened until somebody mends it")
            return _page("broken", status_code=503, more=self._whom_to_ask())
        if isinstance(result, LinkGone):
            if result.is_confirming:
                return _page("confirming", status_code=410)
            used = result.status is LinkStatus.COMPLETED
            return _page("used" if used else "gone", status_code=410)
        return RedirectResponse(result, status_code=303, headers={"Cache-Control": "no-store"})

    def _whom_to_ask(self) -> str:
        settings = self._services().settings
        if not settings.contact:
            return f"Please ask {settings.company or 'the person who sent it to you'}."
        return f"Please ask {settings.company or 'us'}: {settings.contact}"

    async def home(self, _: Request) -> Response:
        # The default page lives at "/"; Streamlit says "Page not found" at its own name.
        return RedirectResponse("/", status_code=303)

    async def healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        checks = await run_in_threadpool(lambda: self._services().doctor.is_ready())
        ok = all(check.ok for check in checks)
        return JSONResponse(
            {
                "status": "ok" if ok else "not ready",
                "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks],
            },
            status_code=200 if ok else 503,
        )


def routes(services: Callable[[], Services]) -> list[Route]:
    """`services` is called per request, so that building them may wait until the first one."""
    handlers = _Handlers(services)
    return [
        Route("/webhooks/stripe", handlers.stripe_webhook, methods=["POST"]),
        Route("/setup/return", handlers.setup_return, methods=["GET"]),
        Route("/setup/cancelled", handlers.setup_cancelled, methods=["GET"]),
        Route("/l/{token}", handlers.durable_link, methods=["GET"]),
        Route("/home", handlers.home, methods=["GET"]),
        Route("/healthz", handlers.healthz, methods=["GET"]),
        Route("/readyz", handlers.readyz, methods=["GET"]),
    ]


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


_WORDS = {
    "saved": ("Your card is saved", "Thank you. You can close this page now."),
    "thanks": (
        "Thank you",
        "You can close this page now. If you were saving a card, we will let you know should anything be missing.",
    ),
    "confirming": (
        "Your bank is still confirming",
        "Thank you, you are done here. Stripe writes to you if your bank account has to be verified, which takes some days.",
    ),
    "cancelled": (
        "Nothing was saved",
        "You left before finishing. Open the link again whenever it suits you.",
    ),
    "used": ("This link was used", "Your card is saved already; there is nothing left to do."),
    "gone": (
        "This link no longer works",
        "Please ask the person who sent it to you for a new one.",
    ),
    "try_again": (
        "Please try again in a minute",
        "The payment page could not be opened just now. The link stays valid.",
    ),
    "broken": (
        "This link does not work at present",
        "The mistake is ours, not yours, and our staff can see it. Nothing was saved or charged.",
    ),
}


def _page(name: str, *, status_code: int = 200, more: str = "") -> Response:
    title, text = _WORDS[name]
    html = _templates.get_template("message.html").render(
        title=title, text=text, more=more, name=name
    )
    return HTMLResponse(html, status_code=status_code, headers=_PAGE_HEADERS)
