"""The pages that customers see here, in their language, and how often one address may ask for them."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from lib.bootstrap import Services
from lib.domain.sender import Sender
from lib.languages import Language, accepted, first_of
from lib.web.address_limits import RETRY_AFTER_SECONDS, AddressLimits
from lib.web.customer_pages import customer_page

logger = logging.getLogger(__name__)

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}\Z")
"""Of an address that customers open; whatever else comes there asks nobody."""


class Visitors:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self.addresses = AddressLimits()

    async def gone(self, request: Request) -> Response:
        """Whether it ever was a link is nobody's business; who sends a new one is."""
        return await self.page(request, "gone", status_code=410, asks=True)

    async def page(
        self,
        request: Request,
        name: str,
        *,
        status_code: int = 200,
        asks: bool = False,
        reads: str | None = None,
    ) -> Response:
        """`reads`: the language in which the customer was written to, where that is known."""
        sender, language = await run_in_threadpool(self._known_to, request)
        language = first_of([reads]) or language
        return customer_page(name, sender, language, status_code=status_code, asks=asks)

    def too_many(self, request: Request) -> Response:
        """Costs neither a thread nor a look into the database."""
        services = self._services()
        page = customer_page(
            "too_many",
            services.senders.without_a_database(),
            services.languages.without_a_database(_browser(request)),
            status_code=429,
        )
        page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return page

    def _known_to(self, request: Request) -> tuple[Sender, Language]:
        """Whom the customer deals with, and the language they read."""
        services, browser = self._services(), _browser(request)
        try:
            language = services.languages.of_visitor(
                token=request.path_params.get("token"),
                session_id=request.query_params.get("session_id"),
                browser=browser,
            )
            return services.senders.sender(), language
        except sqlite3.Error:
            # The page says so itself where it matters; a name is no reason to show none.
            logger.exception("the company's name could not be read")
            return (
                services.senders.without_a_database(),
                services.languages.without_a_database(browser),
            )


def _browser(request: Request) -> list[str]:
    return accepted(request.headers.get("accept-language", ""))
