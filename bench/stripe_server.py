"""
Stripe's lists over HTTP for an account of any size, from a process of its own.

    .venv/bin/python -m bench.stripe_server --sessions 1000000 [--latency-ms 80] [--rps 25] [--noise-ids]

Prints its address and serves until it is ended. It answers what a backfill asks: the lists of
Sessions and customers, a customer's methods, one Session or customer; every other list is empty.
Charges all succeed.
What it would not answer as Stripe does, it refuses. `GET /_bench/counts` tells how many requests
there were, `POST /_bench/reset` begins to count anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol
from urllib.parse import parse_qsl

import uvicorn

from bench.account import DAY, END, Account
from bench.templates import Templates

LARGEST_PAGE = 100
ACCOUNT_ID = "acct_1Bench"
_EXPAND = "data.setup_intent.payment_method"
_EMPTY = frozenset(
    "setup_intents payment_intents payment_methods charges refunds disputes events".split()
)
_CREATED = re.compile(r"created\[(gte|gt|lte|lt)\]\Z")
_ID = re.compile(r"/(?:cs_test|cus|seti|pm|pi|ch|re|du|evt)_[A-Za-z0-9_]+")
_RATE_LIMITED = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."


class Refused(Exception):
    def __init__(self, status: int, message: str, **error: str) -> None:
        self.status = status
        self.error = {"type": "invalid_request_error", "message": message, **error}


@dataclass(slots=True)
class Bucket:
    """At most `rate` a second, and as many at once after a second of silence."""

    rate: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Counts:
    requests: int = 0
    limited: int = 0
    by_endpoint: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ListParams:
    limit: int
    below: int
    """Only numbers smaller than this one: `created[lte]`, `created[lt]` and `starting_after`."""
    floor: int
    """Only numbers from this one on: `created[gte]` and `created[gt]`."""
    status: str | None
    expanded: bool


class Lists:
    """What the account answers; knows nothing of HTTP."""

    def __init__(self, sessions: int, *, has_dated_ids: bool) -> None:
        self._account = Account(sessions, has_dated_ids=has_dated_ids)
        self._templates = Templates()

    def answer(self, path: str, pairs: list[tuple[str, str]]) -> str:
        """
        Raises:
            Refused
        """
        parts = path.strip("/").split("/")[1:]
        match parts:
            case ["account"]:
                return f'{{"id": "{ACCOUNT_ID}", "object": "account", "livemode": false}}'
            case ["checkout", "sessions"]:
                return self._sessions(path, self._read(pairs))
            case ["checkout", "sessions", session_id]:
                number = self._known(session_id, "checkout.session")
                return self._session(number, expanded=any("expand" in name for name, _ in pairs))
            case ["customers"]:
                return self._customers(path, self._read(pairs))
            case ["customers", customer_id]:
                number = self._known(customer_id, "customer")
                return self._templates.customer(self._account.item(number))
            case ["customers", customer_id, "payment_methods"]:
                return self._methods(path, self._known(customer_id, "customer"))
            case [collection] if collection in _EMPTY:
                return _list_of(path, [], has_more=False)
            case _:
                raise Refused(404, f"Unrecognized request URL (GET: {path}).")

    def _sessions(self, path: str, asked: ListParams) -> str:
        floor = asked.floor
        if asked.status == "open":
            # None is older; looking through all of them would take a second.
            floor = max(floor, self._account.first_since(END - DAY))
        found = islice(self._comparison(asked.below, floor, asked.status), asked.limit + 1)
        return _page_of(
            path, list(found), asked.limit, lambda n: self._session(n, expanded=asked.expanded)
        )

    def _comparison(self, below: int, floor: int, status: str | None) -> Iterable[int]:
        numbers = range(below - 1, floor - 1, -1)
        if status is None:
            return numbers
        return (number for number in numbers if self._account.item(number).status == status)

    def _customers(self, path: str, asked: ListParams) -> str:
        numbers = self._account.customers_below(asked.below)
        found = [n for n in islice(numbers, asked.limit + 1) if n >= asked.floor]
        return _page_of(
            path, found, asked.limit, lambda n: self._templates.customer(self._account.item(n))
        )

    def _methods(self, path: str, owner: int) -> str:
        items = map(self._account.item, self._account.sessions_of(owner))
        saved = [self._templates.payment_method(i) for i in items if i.status == "complete"]
        return _list_of(path, saved, has_more=False)

    def _session(self, number: int, *, expanded: bool) -> str:
        return self._templates.session(self._account.item(number), expanded=expanded)

    def _known(self, identifier: str, noun: str) -> int:
        number = self._account.number_of(identifier)
        if number is None:
            message = f"No such {noun}: '{identifier}'"
            raise Refused(404, message, code="resource_missing", param="id")
        return number

    def _read(self, pairs: list[tuple[str, str]]) -> ListParams:
        limit, below, floor = 10, self._account.sessions, 0
        status, expanded = None, False
        for name, value in pairs:
            if name == "limit" and value.isdecimal() and 1 <= int(value) <= LARGEST_PAGE:
                limit = int(value)
            elif name == "starting_after":
                below = min(below, self._after(value))
            elif name == "status" and value in ("open", "complete", "expired"):
                status = value
            elif name.startswith("expand[") and value == _EXPAND:
                expanded = True
            elif (bound := _CREATED.match(name)) and value.isdecimal():
                first = self._account.first_since(int(value) + (bound[1] in ("gt", "lte")))
                if bound[1] in ("gte", "gt"):
                    floor = max(floor, first)
                else:
                    below = min(below, first)
            else:
                raise Refused(400, f"This server has no list with {name}={value}.", param=name)
        return ListParams(limit, below, floor, status, expanded)

    def _after(self, identifier: str) -> int:
        number = self._account.number_of(identifier)
        if number is None:
            message = f"No such object: '{identifier}'"
            raise Refused(400, message, code="resource_missing", param="starting_after")
        return number


class Payments:
    """Charges that all succeed. The same key is answered the same, and moves nothing again."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}
        self.amount = 0

    @property
    def count(self) -> int:
        return len(self._answers)

    def create(self, key: str, form: dict[str, str]) -> str:
        """
        Raises:
            Refused: no key, or not what an off-session charge needs.
        """
        if not key or form.get("off_session") != "true" or form.get("confirm") != "true":
            raise Refused(400, "This server only charges off-session, with a key.")
        if key not in self._answers:
            number = self.count + 1
            self.amount += int(form["amount"])
            metadata = {n[9:-1]: v for n, v in form.items() if n.startswith("metadata[")}
            self._answers[key] = json.dumps(
                {
                    "id": f"pi_1Bench{number:08d}",
                    "object": "payment_intent",
                    "livemode": False,
                    "status": "succeeded",
                    "customer": form["customer"],
                    "payment_method": form["payment_method"],
                    "amount": int(form["amount"]),
                    "currency": form["currency"],
                    "metadata": metadata,
                    "created": END,
                    "latest_charge": f"ch_1Bench{number:08d}",
                    "last_payment_error": None,
                    "description": form.get("description"),
                }
            )
        return self._answers[key]


class Answers(Protocol):
    def answer(self, path: str, pairs: list[tuple[str, str]]) -> str:
        """
        Raises:
            Refused
        """
        ...


class Application:
    """The ASGI side: latency, rate limits and counts."""

    def __init__(self, lists: Answers, *, latency_seconds: float, rps: float) -> None:
        self._lists = lists
        self._payments = Payments()
        self._latency_seconds = latency_seconds
        self._rps = rps
        self._buckets: dict[str, Bucket] = {}
        self._counts = Counts()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path.startswith("/_bench/"):
            await _send(send, 200, self._counted(path))
            return
        started = time.perf_counter()
        form = await _form(receive) if scope["method"] == "POST" else {}
        key = next((v.decode() for n, v in scope["headers"] if n == b"idempotency-key"), "")
        status, body, headers = self._answered(
            scope["method"], path, scope["query_string"], form, key
        )
        await asyncio.sleep(self._latency_seconds - (time.perf_counter() - started))
        await _send(send, status, body, headers)

    def _answered(
        self, method: str, path: str, query: bytes, form: dict[str, str], key: str
    ) -> tuple[int, str, dict[str, str]]:
        endpoint = f"{method} {_ID.sub('/{id}', path)}"
        self._counts.requests += 1
        self._counts.by_endpoint[endpoint] += 1
        if not self._may_pass(endpoint):
            self._counts.limited += 1
            error = {
                "type": "invalid_request_error",
                "code": "rate_limit",
                "message": _RATE_LIMITED,
            }
            return (
                429,
                json.dumps({"error": error}),
                {"Stripe-Rate-Limited-Reason": "endpoint-rate"},
            )
        try:
            if (method, path) == ("POST", "/v1/payment_intents"):
                return 200, self._payments.create(key, form), {}
            if method != "GET":
                raise Refused(404, f"Unrecognized request URL ({method}: {path}).")
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
            return 200, self._lists.answer(path, pairs), {}
        except Refused as refused:
            return refused.status, json.dumps({"error": refused.error}), {}

    def _may_pass(self, endpoint: str) -> bool:
        if not self._rps:
            return True
        now = time.monotonic()
        bucket = self._buckets.setdefault(endpoint, Bucket(self._rps, self._rps, now))
        return bucket.take(now)

    def _counted(self, path: str) -> str:
        if path == "/_bench/reset":
            self._counts = Counts()
            self._buckets.clear()
        return json.dumps(
            {
                "requests": self._counts.requests,
                "limited": self._counts.limited,
                "by_endpoint": self._counts.by_endpoint,
                "charges": self._payments.count,
                "amount": self._payments.amount,
            }
        )


async def _form(receive: Any) -> dict[str, str]:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return dict(parse_qsl(body.decode()))


def _page_of(path: str, found: list[int], limit: int, written: Any) -> str:
    return _list_of(
        path, [written(number) for number in found[:limit]], has_more=len(found) > limit
    )


def _list_of(path: str, objects: list[str], *, has_more: bool) -> str:
    data = ",\n".join(objects)
    return (
        f'{{\n"object": "list",\n"data": [{data}],\n"has_more": {"true" if has_more else "false"},'
        f'\n"url": "{path}"\n}}'
    )


async def _send(send: Any, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    body = text.encode()
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Request-Id": f"req_bench{time.monotonic_ns():x}",
        **(headers or {}),
    }
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rps", type=float, default=0, help="for each endpoint; 0 is no limit")
    parser.add_argument("--noise-ids", action="store_true", help="no id begins with its time")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    application = Application(
        Lists(arguments.sessions, has_dated_ids=not arguments.noise_ids),
        latency_seconds=arguments.latency_ms / 1000,
        rps=arguments.rps,
    )
    serve(application, arguments.port)


def serve(application: Application, port: int) -> None:
    """Prints its address first."""
    # asyncio switches Nagle's delay off only where the protocol is named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        application,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        timeout_keep_alive=600,
    )
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
