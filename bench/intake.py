"""
Measures how many signed deliveries a second the real server stores while somebody uses a page.

    .venv/bin/python -m bench.intake [--seconds 15] [--rate 350] [--think-ms 500] [--anywhere]

The server, the sender and the browser are three processes on the same machine. The latter two stand
in for other machines: they share one core, and the server may use all of them. With --anywhere they
take from each core what they can get, and drawing pages in the browser is measured, too.

Each kind of event is sent at a fixed rate and then flat out: one that nobody handles, so that only
the intake works, and `customer.updated` of customers that exist, so that the worker asks practice
Stripe meanwhile. Afterwards the rows in the file are counted: there must be one for every 204.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.deliveries import percentiles, stored
from bench.processes import onfile_server, result_of, start
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.conftest import ARGUMENTS, chromium

IGNORED, HANDLED = "invoice.paid", "customer.updated"
PATIENCE_MS = 60_000
_AT_REST = '[data-testid="stApp"][data-test-script-state="notRunning"]'
COLUMNS = (
    "event",
    "offered/s",
    "stored/s",
    "stored",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
    "refused",
    "processed",
    "clicks",
    "click p50",
    "click max",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=float, default=350)
    parser.add_argument("--think-ms", type=float, default=500, help="between two clicks")
    parser.add_argument("--anywhere", action="store_true", help="browser and sender on all cores")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        onfile_server(Path(folder)) as server,
        _elsewhere(everywhere=arguments.anywhere) as place,
        sync_playwright() as playwright,
    ):
        url = server.url
        print(
            f"\nwebhook intake on {os.cpu_count()} cores, browser and sender on {place}, "
            f"{arguments.seconds:g} s each, Sessions in use with {arguments.think_ms:g} ms between "
            "clicks"
        )
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        _open_sessions(page, url)
        _row("-", "-", clicks=_click(page, arguments.think_ms, until=_after(arguments.seconds / 3)))
        for kind in (IGNORED, HANDLED):
            for rate in (arguments.rate, 0.0):
                _measure(page, url, Path(folder), kind, rate, arguments)
        browser.close()


@contextmanager
def _elsewhere(*, everywhere: bool) -> Iterator[str]:
    """What is started in here, after the server, runs on the last core only; says where it runs."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else {0}
    if everywhere or len(before) == 1:
        yield "all of them"
        return
    os.sched_setaffinity(0, {max(before)})
    try:
        yield "one of them"
    finally:
        os.sched_setaffinity(0, before)


def _measure(
    page: Page, url: str, folder: Path, kind: str, rate: float, arguments: argparse.Namespace
) -> None:
    run = f"bench{time.time_ns():x}"
    sender = start(
        "bench.deliveries",
        "--url",
        url,
        "--data-dir",
        str(folder),
        "--type",
        kind,
        "--run",
        run,
        "--rate",
        f"{rate:g}",
        "--seconds",
        f"{arguments.seconds:g}",
    )
    clicks = _click(page, arguments.think_ms, until=lambda: _has_ended(sender))
    found = result_of(sender)
    kept, processed = stored(folder / "onfile.db", run)
    accepted = found["statuses"].pop("204", 0)
    offered = f"{rate:g}" if rate else "flat out"
    _row(kind, offered, found=found, stored=kept, processed=processed, clicks=clicks)
    if kept != accepted:
        print(f"WRONG: {accepted:,} were answered 204 and {kept:,} are stored")


def _row(
    kind: str,
    offered: str,
    *,
    clicks: list[float],
    found: dict[str, Any] | None = None,
    stored: int = 0,
    processed: int = 0,
) -> None:
    of_clicks = percentiles(clicks)
    cells = ["-"] * 7 + ["-"]
    if found is None:
        print("".join(f"{name:>{_width(name)}}" for name in COLUMNS))
    else:
        times = [f"{found[name]:.1f}" for name in ("p50", "p95", "p99", "max")]
        refused = " ".join(f"{n}x{status}" for status, n in found["statuses"].items()) or "0"
        cells = [
            f"{stored / found['seconds']:.0f}",
            f"{stored:,}",
            *times,
            refused,
            f"{processed:,}",
        ]
    shown = [kind, offered, *cells, f"{len(clicks):,}"]
    shown += [f"{of_clicks['p50']:.0f}", f"{of_clicks['max']:.0f}"]
    print(
        "".join(f"{cell:>{_width(name)}}" for name, cell in zip(COLUMNS, shown, strict=True)),
        flush=True,
    )


def _width(column: str) -> int:
    return 18 if column == "event" else 11


def _open_sessions(page: Page, url: str) -> None:
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password", exact=True).fill(PRACTICE_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_function("document.cookie.includes('onfile_')")
    page.goto(f"{url}/sessions")
    _state_pill(page).wait_for()
    page.locator(_AT_REST).wait_for()


def _click(page: Page, think_ms: float, *, until: Any) -> list[float]:
    """Milliseconds of each click, from the mouse to the page at rest with what was asked for."""
    times = []
    while not until():
        before = page.url
        started = time.perf_counter()
        _state_pill(page).click()
        page.wait_for_url(_any_but(before), wait_until="commit")
        page.locator(_AT_REST).wait_for()
        times.append((time.perf_counter() - started) * 1000)
        page.wait_for_timeout(think_ms)
    return times


def _any_but(address: str) -> Callable[[str], bool]:
    return lambda url: url != address


def _state_pill(page: Page) -> Any:
    """A press shows the expired sessions, the next one all of them."""
    return page.get_by_role("radio", name="Expired ·")


def _after(seconds: float) -> Any:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _has_ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


if __name__ == "__main__":
    main()
