"""The dashboard's routes beside Streamlit's own."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lib.bootstrap import Services
from lib.errors import NotFound, NotSignedIn
from lib.web.metrics import metrics_route
from lib.web.public import public_routes
from lib.web.staff_uploads import named_in

_FILE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _DashboardHandlers:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    async def download(self, request: Request) -> Response:
        services = self._services()
        named = named_in(request, services)
        token = request.path_params["token"]
        try:
            file = await run_in_threadpool(services.downloads.fetch, token, named=named)
        except NotSignedIn as error:
            return Response(str(error), status_code=401, headers=_FILE_HEADERS)
        except NotFound as error:
            return Response(str(error), status_code=410, headers=_FILE_HEADERS)
        return Response(
            file.content,
            media_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            headers=_FILE_HEADERS
            | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"},
        )

    async def home(self, _: Request) -> Response:
        # The default page lives at "/"; Streamlit says "Page not found" at its own name.
        return RedirectResponse("/", status_code=303)


def routes(services: Callable[[], Services]) -> list[Route]:
    """All of them in one process."""
    return [*public_routes(services), *staff_routes(services)]


def staff_routes(services: Callable[[], Services]) -> list[Route]:
    """`services` is called per request, so that building them may wait until the first one."""
    handlers = _DashboardHandlers(services)
    return [
        Route("/home", handlers.home, methods=["GET"]),
        Route("/download/{token}", handlers.download, methods=["GET"]),
        metrics_route(services, with_state=True),
    ]
