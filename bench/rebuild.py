"""
A rebuild from nothing, under Stripe's limits: how near to them each step reads.

    .venv/bin/python -m bench.rebuild [--payments 40000] [--latency-ms 80]

A list may be asked for 25 times a second, and all searches together 20 times, as live; Onfile's settings
are what they are by default.
Prints a table; judges nothing but whether everything came back.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from bench.contestants import KEY
from bench.marked_server import END, PAYMENTS_A_CUSTOMER, PAYMENTS_A_REFUND
from bench.processes import counts, peak_mb, server

LIMIT_RPS, SEARCH_RPS = 25, 20
_NAMES = {
    "customers": "customers, by list",
    "checkout_sessions": "setup sessions, by list",
    "refunds": "refunds, by list",
    "payment_intents": "payments of two days, by list",
    "marks": "payments of before, by Search",
    "taking_over": "taking over",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--payments", type=int, default=40_000)
    parser.add_argument("--latency-ms", type=float, default=80)
    arguments = parser.parse_args()
    measure(arguments.payments, latency_ms=arguments.latency_ms)


def measure(payments: int, *, latency_ms: float) -> None:
    from lib import bootstrap
    from lib.domain.actors import SYSTEM
    from lib.settings import load_settings

    rates = ("--rps", str(LIMIT_RPS), "--latency-ms", f"{latency_ms:g}")
    with (
        tempfile.TemporaryDirectory() as folder,
        server("bench.marked_server", "--payments", str(payments), *rates) as url,
    ):
        settings = load_settings(
            Path(folder),
            {
                "ONFILE_DATA_DIR": folder,
                "STRIPE_SECRET_KEY": KEY,
                "STRIPE_API_BASE": url,
            },
        )
        settings = replace(settings, total_rps=0.0)  # which only a sandbox has
        bootstrap.migrate(settings)
        now = datetime.fromtimestamp(END + 7200, UTC)
        began = time.perf_counter()
        services = bootstrap.build_services(
            settings, clock=lambda: now + _since(began), api_base=url
        )
        marks: list[tuple[float, int, str]] = []

        def watch(state: dict[str, object]) -> None:
            marks.append((time.perf_counter(), services.gateway.requests, str(state["doing"])))

        result = services.rebuilds.rebuild(by=SYSTEM, progress=watch)
        seconds = time.perf_counter() - began
        requests, limited = services.gateway.requests, counts(url)["limited"]
        services.close()
    print(f"\n{payments:,} payments of a lost installation, {latency_ms:g} ms a request")
    _table(marks)
    print(
        f"whole: {requests:,} requests in {seconds:.1f} s, {limited} answered 429, "
        f"{peak_mb():.0f} MB at most; taken over: {result.adopted}"
    )
    wanted = {
        "charges": payments,
        "refunds": -(-payments // PAYMENTS_A_REFUND),
        "links": -(-payments // PAYMENTS_A_CUSTOMER),
    }
    if {name: result.adopted[name] for name in wanted} != wanted or result.conflicts:
        print(f"INCOMPLETE: {wanted} were to come back, {len(result.conflicts)} conflicts")


def _table(marks: list[tuple[float, int, str]]) -> None:
    """Each step from the report before its first to its own last one."""
    print(f"{'':<34}{'requests':>10}{'seconds':>10}{'a second':>10}{'of the limit':>14}")
    before = marks[0]
    for doing, reports in groupby(marks, key=lambda mark: mark[2]):
        last = list(reports)[-1]
        seconds, requests = last[0] - before[0], last[1] - before[1]
        before = last
        if doing not in _NAMES or (not requests and doing != "taking_over"):
            continue
        limit = SEARCH_RPS if doing == "marks" else LIMIT_RPS
        rate = requests / seconds if requests else 0.0
        shown = f"{rate:>10.1f}{rate / limit:>14.0%}" if requests else ""
        print(f"{_NAMES[doing]:<34}{requests:>10,}{seconds:>10.1f}{shown}")


def _since(began: float) -> timedelta:
    return timedelta(seconds=time.perf_counter() - began)


if __name__ == "__main__":
    main()
