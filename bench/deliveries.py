"""
Sends signed webhook deliveries as Stripe does, over connections that stay open, and says how long
each answer took: `python -m bench.deliveries --url … --data-dir … --type customer.updated`.

With `--rate` they leave by the clock whether or not earlier ones were answered, and what they wait
for a free connection counts as time to answer. Without, each connection sends when it is free.
The last line printed is the result, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.processes import ROOT
from lib.settings import load_settings

Deliver = Callable[[int, float], Coroutine[Any, Any, None]]
"""(number, moment at which it is due)"""

API_VERSION = "2026-10-28.endive"


@dataclass(slots=True)
class Outcome:
    statuses: Counter[int] = field(default_factory=Counter)
    """0 stands for a connection that broke."""
    milliseconds: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.milliseconds.append(seconds * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--type", required=True)
    parser.add_argument("--run", required=True, help="a name that all event ids begin with")
    parser.add_argument("--rate", type=float, default=0, help="deliveries a second; 0: flat out")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    outcome = Outcome()
    started = time.perf_counter()
    asyncio.run(_run(arguments, outcome))
    seconds = time.perf_counter() - started
    result = {
        "seconds": seconds,
        "statuses": {str(status): count for status, count in outcome.statuses.items()},
        **percentiles(outcome.milliseconds),
    }
    print(json.dumps(result))


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    if not ordered:
        return dict.fromkeys(("p50", "p95", "p99", "max"), float("nan"))

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": ordered[-1]}


def stored(database: Path, run: str) -> tuple[int, int]:
    """Rows of this run, and how many of them the worker is done with."""
    with closing(sqlite3.connect(database)) as connection:
        stored, processed = connection.execute(
            """SELECT count(*), coalesce(sum(state = 'processed'), 0) FROM webhook_deliveries
               WHERE event_id LIKE ?""",
            (f"evt_{run}%",),
        ).fetchone()
    return int(stored), int(processed)


async def _run(arguments: argparse.Namespace, outcome: Outcome) -> None:
    address = urlsplit(arguments.url)
    host, port = str(address.hostname), int(address.port or 80)
    make = _maker(arguments, f"{host}:{port}")
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(arguments.connections):
        idle.put_nowait(_Connection(host, port))

    async def deliver(number: int, due: float) -> None:
        async with _taken(idle) as connection:
            status = await connection.send(make(number))
            outcome.add(status, time.perf_counter() - due)

    if arguments.rate:
        await _by_the_clock(deliver, arguments.rate, arguments.seconds)
    else:
        await _flat_out(deliver, arguments.connections, arguments.seconds)
    while not idle.empty():
        idle.get_nowait().close()


async def _by_the_clock(deliver: Deliver, rate: float, seconds: float) -> None:
    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(due - time.perf_counter())
            tasks.create_task(deliver(number, due))


async def _flat_out(deliver: Deliver, connections: int, seconds: float) -> None:
    end = time.perf_counter() + seconds
    numbers = iter(range(10**9))

    async def one_after_another() -> None:
        while (now := time.perf_counter()) < end:
            await deliver(next(numbers), now)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(one_after_another())


def _maker(arguments: argparse.Namespace, host: str) -> Callable[[int], bytes]:
    """Makes the whole request of delivery number n, signed at the moment it is made."""
    settings = load_settings(ROOT, {"ONFILE_DATA_DIR": str(arguments.data_dir)})
    secret = settings.webhook_secrets[0].encode()
    objects = _objects(settings.database, arguments.type)

    def make(number: int) -> bytes:
        now = int(time.time())
        event = {
            "id": f"evt_{arguments.run}{number:08d}",
            "object": "event",
            "api_version": API_VERSION,
            "created": now,
            "data": {"object": objects[number % len(objects)]},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": f"req_{number:014d}", "idempotency_key": None},
            "type": arguments.type,
        }
        body = json.dumps(event, indent=2).encode()
        signature = hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()
        head = (
            f"POST /webhooks/stripe HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nStripe-Signature: t={now},v1={signature}\r\n\r\n"
        )
        return head.encode() + body

    return make


def _objects(database: Path, kind: str) -> list[dict[str, object]]:
    """Customers that the server knows, so that its worker finds them at practice Stripe."""
    if not kind.startswith("customer."):
        return [{"id": "in_1Bench", "object": kind.split(".")[0], "lines": ["x" * 80] * 15}]
    with closing(sqlite3.connect(database)) as connection:
        ids = connection.execute("SELECT id FROM customers WHERE is_deleted = 0").fetchall()
    if not ids:
        raise SystemExit("The server knows no customer yet.")
    filling = {"object": "customer", "metadata": {f"key_{n}": "x" * 40 for n in range(20)}}
    return [{"id": row[0], **filling} for row in ids]


class _Connection:
    """One request at a time over one connection; a broken one is opened anew."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> int:
        """The status of the answer; 0 when there was none."""
        try:
            reader, writer = self._streams = self._streams or await asyncio.open_connection(
                self._host, self._port
            )
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0
        if b"connection: close" in head.lower():
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


@asynccontextmanager
async def _taken(idle: asyncio.Queue[_Connection]) -> AsyncIterator[_Connection]:
    connection = await idle.get()
    try:
        yield connection
    finally:
        idle.put_nowait(connection)


if __name__ == "__main__":
    main()
