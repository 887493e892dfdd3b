"""
An hour at the office: staff walk from page to page, Stripe delivers webhooks, and runs are charged.

    .venv/bin/python -m bench.busy_hour [--minutes 60] [--pages 20] [--rate 50] [--rows 1000] [--run-every 10]

A real server in practice mode; clerks, sender and commands are other processes of the same machine. Each of the
pages stands open in a websocket of its own, asks for its fragments as often as the server tells it to, and
is left for the next one after 10 to 30 seconds. A page took from its question to the end of its script. A
run is imported, approved and started by the command line every ten minutes, and charged by the worker.

Prints each minute what the server's process holds, and how long pages took, then the same of all but the first
minute, in which every page is drawn for the first time; at the end, what is lost: deliveries
that were answered 204 and are not stored, and rows that are not paid exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection

from bench import deliveries, open_pages, processes
from bench.screenshots import PAGES
from lib.practice.engine import PracticeStripe
from lib.services.staff.users import PRACTICE_PASSWORD

# Of those that pictures are taken of; the others are no pages of hers, or are left after a look.
_NOT_WALKED = {"new_run", "users", "settings", "backups", "payment-page"}
_PAGES = tuple(page for page in PAGES if page not in _NOT_WALKED)
_THINK_SECONDS = (10.0, 30.0)
# A run that was started is waited for so long after the last minute.
_LAST_RUN_SECONDS = 300
_FINISHED = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY
_EVENTS = "customer.updated"


@dataclass
class Clerk(open_pages.Client):
    """A page that stands open, and is left for another one now and then."""

    chance: random.Random = field(default_factory=random.Random)
    took: list[tuple[str, float]] = field(default_factory=list)
    asked_at: float | None = None
    leaves_at: float = 0.0

    async def ask_what_is_due(self, socket: ClientConnection) -> None:
        if self.asked_at is None and time.monotonic() >= self.leaves_at:
            self.page, self.query = self.chance.choice(_PAGES), ""
            self.every.clear()
            self.due.clear()
            await self.ask(socket)
        await super().ask_what_is_due(socket)

    async def ask(self, socket: ClientConnection, fragment: str = "") -> None:
        if not fragment:
            self.asked_at = time.monotonic()
        await super().ask(socket, fragment)

    def hear(self, data: str | bytes) -> None:
        super().hear(data)
        message = ForwardMsg.FromString(data.encode() if isinstance(data, str) else data)
        is_over = message.HasField("script_finished") and message.script_finished == _FINISHED
        if is_over and self.asked_at is not None:
            now = time.monotonic()
            self.took.append((self.page, (now - self.asked_at) * 1000))
            self.asked_at = None
            self.leaves_at = now + self.chance.uniform(*_THINK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50, help="deliveries a second")
    parser.add_argument("--rows", type=int, default=1_000, help="of each run")
    parser.add_argument("--run-every", type=float, default=10, help="minutes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with processes.onfile_server(folder / "data") as server:
            asyncio.run(_hour(server, folder, arguments))


async def _hour(
    server: processes.OnfileServer, folder: Path, arguments: argparse.Namespace
) -> None:
    seconds = arguments.minutes * 60
    cookie, places = open_pages.cookie(folder), list(open_pages.places(folder).values())
    clerks = [
        Clerk(server.url, cookie, *places[number % len(places)], chance=random.Random(number))
        for number in range(arguments.pages)
    ]
    over = asyncio.Event()
    open_tabs = [asyncio.create_task(clerk.stay(over)) for clerk in clerks]
    sender = processes.start(
        "bench.deliveries",
        *("--url", server.url, "--data-dir", str(folder / "data"), "--type", _EVENTS),
        *("--run", "hour", "--rate", f"{arguments.rate:g}", "--seconds", f"{seconds:g}"),
    )
    runs = asyncio.create_task(
        asyncio.to_thread(_charge_runs, folder, arguments.rows, arguments.run_every * 60, seconds)
    )
    print(
        f"{'minute':>6}{'RSS MB':>9}{'pages':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'errors':>8}  slowest"
    )
    counted = first = [0] * len(clerks)
    began = time.monotonic()
    for minute in range(1, int(arguments.minutes) + 1):
        await asyncio.sleep(began + minute * 60 - time.monotonic())
        if runs.done() and (failed := runs.exception()):
            raise failed
        took = _since(clerks, counted)
        counted = [len(clerk.took) for clerk in clerks]
        _line(str(minute), server, took, clerks)
        first = counted if minute == 1 else first
    later = _since(clerks, first)
    _line("later", server, later, clerks)
    _tell_pages(later)
    result = await asyncio.to_thread(processes.result_of, sender)
    started = await runs
    over.set()
    await asyncio.gather(*open_tabs, return_exceptions=True)
    _tell_losses(folder, result, started)


def _since(clerks: list[Clerk], counted: list[int]) -> list[tuple[str, float]]:
    return [page for clerk, n in zip(clerks, counted, strict=True) for page in clerk.took[n:]]


def _line(
    name: str, server: processes.OnfileServer, took: list[tuple[str, float]], clerks: list[Clerk]
) -> None:
    spread = deliveries.percentiles([ms for _, ms in took])
    slowest = max(took, key=lambda page: page[1], default=("", 0.0))[0]
    print(
        f"{name:>6}{_resident_mb(server.process.pid):>9.0f}{len(took):>8}{spread['p50']:>9.0f}"
        f"{spread['p99']:>9.0f}{spread['max']:>9.0f}{sum(clerk.errors for clerk in clerks):>8}  {slowest}",
        flush=True,
    )


def _tell_pages(took: list[tuple[str, float]]) -> None:
    """The pages by their slowest hundredth."""
    by_page: dict[str, list[float]] = defaultdict(list)
    for page, ms in took:
        by_page[page].append(ms)
    spreads = {page: deliveries.percentiles(times) for page, times in by_page.items()}
    print(f"\n{'page':<28}{'times':>7}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for page, spread in sorted(spreads.items(), key=lambda item: -item[1]["p99"]):
        print(
            f"{page:<28}{len(by_page[page]):>7}{spread['p50']:>9.0f}{spread['p99']:>9.0f}{spread['max']:>9.0f}"
        )


def _resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _charge_runs(folder: Path, rows: int, every: float, seconds: float) -> dict[str, int]:
    """The runs that were started, and how many rows each has; the last one is waited for."""
    started: dict[str, int] = {}
    end = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        started[_start_run(folder, len(started), rows)] = rows
        if begun + every >= end:
            break
        took = time.monotonic() - begun
        print(f"run {len(started)}: imported, approved and started in {took:.1f} s", flush=True)
        time.sleep(max(0.0, every - took))
    time.sleep(max(0.0, end - time.monotonic()))
    deadline = time.monotonic() + _LAST_RUN_SECONDS
    while time.monotonic() < deadline and _unfinished(folder):
        time.sleep(1)
    return started


def _start_run(folder: Path, number: int, rows: int) -> str:
    file = folder / f"hour-{number}.csv"
    with closing(sqlite3.connect(folder / "data" / "onfile.db")) as ledger:
        customers = [
            row[0]
            for row in ledger.execute(
                "SELECT DISTINCT customer FROM charges WHERE state = 'succeeded' ORDER BY 1"
            )
        ]
    # No two rows of a customer have the same sum, which would be stopped as alike; and small ones, so that no
    # limit of the day asks for a second approver.
    first = 100 + number * -(-rows // len(customers))
    lines = (
        f"{customers[row % len(customers)]},{(first + row // len(customers)) / 100:.2f},usd,HOUR-{number}-{row}"
        for row in range(rows)
    )
    file.write_text("\n".join(["customer,amount,currency,reference", *lines]))
    run = str(_onfile(folder, "alice", "import", str(file))["run_id"])
    _onfile(folder, "alice", "submit", run)
    _onfile(folder, "bob", "approve", run, "--note", "measured")
    _onfile(folder, "alice", "start", run)
    return run


def _onfile(folder: Path, who: str, *words: str) -> dict[str, Any]:
    """What a command about runs answers."""
    answer = subprocess.run(
        [sys.executable, "-m", "lib", "--as", who, "runs", *words, "--json"],
        cwd=processes.ROOT,
        env={
            **os.environ,
            "ONFILE_DATA_DIR": str(folder / "data"),
            "ONFILE_PASSWORD": PRACTICE_PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise SystemExit(f"runs {' '.join(words)}: {answer.stdout}{answer.stderr}")
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def _unfinished(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "data" / "onfile.db")) as ledger:
        (number,) = ledger.execute(
            "SELECT count(*) FROM runs WHERE state IN ('approved', 'running')"
        ).fetchone()
    return int(number)


def _tell_losses(folder: Path, sent: dict[str, Any], started: dict[str, int]) -> None:
    kept, processed = deliveries.stored(folder / "data" / "onfile.db", "hour")
    accepted = sent["statuses"].pop("204", 0)
    print(
        f"\ndeliveries: {accepted:,} answered 204, {kept:,} stored, {processed:,} processed, others {sent['statuses']}; "
        f"p50 {sent['p50']:.0f} ms, p99 {sent['p99']:.0f} ms, max {sent['max']:.0f} ms"
    )
    paid = Counter(
        moved.metadata["onfile_reference"]
        for moved in PracticeStripe(folder / "data" / "practice.db").money_moved()
        if moved.metadata.get("onfile_reference", "").startswith("HOUR-")
    )
    twice = [reference for reference, times in paid.items() if times > 1]
    with closing(sqlite3.connect(folder / "data" / "onfile.db")) as ledger:
        states = ledger.execute(
            "SELECT state, count(*) FROM charges WHERE reference LIKE 'HOUR-%' GROUP BY 1"
        ).fetchall()
    print(
        f"runs: {len(started)}, rows {sum(started.values()):,}, paid at Stripe {len(paid):,}, twice {len(twice)}; "
        f"in the ledger {dict(states)}"
    )


if __name__ == "__main__":
    main()
