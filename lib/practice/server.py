"""Practice Stripe over HTTP on the loopback interface, for the real SDK and for other processes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.practice.engine import PracticeStripe
from lib.practice.parameters import decode_form
from lib.practice.replies import ConnectionDropped, Reply, StripeRefusal

START_TIMEOUT_SECONDS = 15.0
_STOP_TIMEOUT_SECONDS = 5.0


class PracticeServer:
    """Serves `stripe` from a thread of its own, on 127.0.0.1 only.

    Besides the API it answers `POST /_practice/faults` (a JSON object with `method`, `path`,
    `kind`, `times`, `detail`, `after`), `GET` and `DELETE /_practice/faults` and
    `GET /_practice/money`, for tests that run in another process.

    Args:
        port: 0 takes a free one; `base_url` names it.
    """

    def __init__(self, stripe: PracticeStripe, *, port: int = 0) -> None:
        self._stripe = stripe
        # asyncio switches Nagle's delay off only where the protocol is named.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            _Outermost(self._application()),
            log_config=None,
            log_level="error",
            access_log=False,
            # The account's own clock says it.
            date_header=False,
            lifespan="off",
            ws="none",
            http="h11",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="practice-stripe", daemon=True)

    def start(self) -> None:
        """Returns once requests are accepted.

        Raises:
            RuntimeError: The server did not come up.
        """
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("practice Stripe did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/_practice/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                Route("/_practice/money", self._money),
                Route("/{path:path}", self._api, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def _api(self, request: Request) -> Response:
        query = parse_qsl(request.url.query, keep_blank_values=True)
        body = await request.body()
        text = body.decode("utf-8", "replace")
        form = parse_qsl(text, keep_blank_values=True)
        try:
            return await run_in_threadpool(self._answer, request, [*query, *form])
        except ConnectionDropped:
            return _Dropped()

    def _answer(self, request: Request, pairs: list[tuple[str, str]]) -> Response:
        try:
            params = decode_form(pairs)
        except StripeRefusal as refused:
            return JSONResponse({"error": refused.error}, refused.status)
        # Quoted as it was sent: an id of an account's own making may hold a slash.
        path = request.scope["raw_path"].decode("ascii")
        reply = self._stripe.handle(request.method, path, params, request.headers)
        return _response(reply)

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            await run_in_threadpool(self._stripe.faults.clear)
            return JSONResponse({})
        if request.method == "GET":
            return JSONResponse({"data": await run_in_threadpool(self._stripe.faults.waiting)})
        body = await request.body()
        try:
            given: dict[str, Any] = dict(json.loads(body))
            detail = given.get("detail")
            await run_in_threadpool(
                self._stripe.faults.add,
                str(given["method"]),
                str(given["path"]),
                kind=str(given["kind"]),
                times=int(given.get("times", 1)),
                detail=None if detail is None else str(detail),
                after=int(given.get("after", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": {"message": str(error)}}, 400)
        return JSONResponse({})

    async def _money(self, request: Request) -> Response:
        moved = await run_in_threadpool(self._stripe.money_moved)
        rows = [asdict(row) | {"moved_at": row.moved_at.isoformat()} for row in moved]
        return JSONResponse({"data": rows})


def _response(reply: Reply) -> Response:
    content = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
    return Response(content, reply.status, reply.headers, "application/json")


class _Outermost:
    """Remembers the connection, which Starlette hides, so that it can be cut."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["practice.connection"] = getattr(send, "__self__", None)
        await self._application(scope, receive, send)


class _Dropped(Response):
    """Cuts the connection without a byte of answer, as a failing network does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # An application that merely ends early gets a 500 from uvicorn in its name.
        scope["practice.connection"].transport.abort()
