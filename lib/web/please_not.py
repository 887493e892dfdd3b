"""The address in an announcement, on which a payer asks not to be charged: a page with a button."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from lib.bootstrap import Services
from lib.domain.identity import pasted_id
from lib.errors import Busy
from lib.web.visitors import TOKEN, Visitors

logger = logging.getLogger(__name__)


class PleaseNot:
    def __init__(self, services: Callable[[], Services], visitors: Visitors) -> None:
        self._services = services
        self._visitors = visitors

    async def page(self, request: Request) -> Response:
        """
        The address in an announcement. Opened it changes nothing, as scanners open every link: the button
        on its page does.
        """
        if not self._visitors.addresses.admits(request):
            return self._visitors.too_many(request)
        token = pasted_id(request.path_params["answer"])
        answers = self._services().runs.announcements.answers
        ask = answers.answer if request.method == "POST" else answers.find
        try:
            announcement, is_open = (
                await run_in_threadpool(ask, token) if TOKEN.match(token) else (None, False)
            )
        except (Busy, sqlite3.Error):
            logger.exception("a payer's answer could not be read or written down")
            return await self._visitors.page(request, "try_again", status_code=503)
        if announcement is None:
            self._visitors.addresses.miss(request)
            return await self._visitors.gone(request)
        if announcement.answered_at is not None:
            return await self._visitors.page(
                request, "please_not_done", reads=announcement.language
            )
        if not is_open:
            return await self._visitors.page(
                request, "please_not_late", asks=True, reads=announcement.language
            )
        return await self._visitors.page(request, "please_not", reads=announcement.language)
