"""
Charge runs: how fast one is executed, what the ledger costs, and how long a large one takes to judge.

    .venv/bin/python -m bench.runs [free] [limited] [preview]

    free     2 000 charges, 300 ms a request, no limit, 32 in flight: a bare threaded loop and ours
    limited  1 000 charges, 300 ms a request, 25 requests a second: ours, against the limit
    preview  50 000 rows: from the parsed file to a judged draft, and its page

Each contestant is a process of its own; the server is one, too. Prints tables and whether what the
server charged is what the rows say; judges nothing else.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

from bench.processes import counts, result_of, start, stripe_server

LATENCY_MS = 300
LIMIT_RPS = 25


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = {"free": free, "limited": limited, "preview": preview}
    parser.add_argument("scenarios", nargs="*", metavar="|".join(known))
    for name in parser.parse_args().scenarios or list(known):
        if name not in known:
            parser.error(f"{name} is none of: {', '.join(known)}")
        known[name]()


def free(charges: int = 2_000) -> None:
    print(f"\n{charges:,} charges, {LATENCY_MS} ms a request, no limit, 32 in flight")
    bare = _execute("bare", charges)
    ours = _execute("ours", charges)
    _line("bare threaded loop, no ledger", bare)
    _line("ours, ledger on", ours)
    cost = (ours["cpu_seconds"] - bare["cpu_seconds"]) / charges * 1e3
    longer = (ours["seconds"] - bare["seconds"]) / charges * 1e3
    print(f"ledger: {longer:.2f} ms longer a charge, {cost:.2f} ms of processor time")


def limited(charges: int = 1_000) -> None:
    print(f"\n{charges:,} charges, {LATENCY_MS} ms a request, {LIMIT_RPS} requests a second")
    for asked in (LIMIT_RPS - 1, LIMIT_RPS):
        found = _execute("ours", charges, rps=LIMIT_RPS, max_rps=asked)
        _line(f"ours, asking for {asked}", found)
        share = found["charges"] / found["seconds"] / LIMIT_RPS
        print(
            f"{100 * share:.1f} % of the limit, "
            f"{100 * found['limited'] / found['requests']:.2f} % answered 429"
        )


def preview(rows: int = 50_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = result_of(
            start("bench.run_contestants", "preview", "--folder", folder, "--charges", str(rows))
        )
    print(f"\n{rows:,} rows of {found['customers']:,} customers")
    print(
        f"judged and stored in {found['seconds']:.2f} s, {found['cpu_seconds']:.2f} s of processor time "
        f"({found['states']})"
    )
    for name, milliseconds in found["page_ms"].items():
        print(f"  {name:<34}{milliseconds:8.1f} ms")


def _execute(
    contestant: str, charges: int, *, rps: float = 0, max_rps: float = 0
) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        stripe_server(sessions=100, latency_ms=LATENCY_MS, rps=rps) as url,
    ):
        process = start(
            "bench.run_contestants",
            contestant,
            "--url",
            url,
            "--folder",
            folder,
            "--charges",
            str(charges),
            "--max-rps",
            f"{max_rps:g}",
        )
        found = result_of(process)
        at_stripe = counts(url)
    if (at_stripe["charges"], at_stripe["amount"]) != (charges, found["amount"]):
        print(f"WRONG: {contestant} should have charged {found['amount']} by {charges} charges")
    return found | at_stripe


def _line(name: str, found: dict[str, Any]) -> None:
    print(
        f"{name:<34}{found['charges']:>7,} charges{found['seconds']:>8.2f} s"
        f"{found['charges'] / found['seconds']:>8.1f}/s{found['requests']:>8,} requests"
        f"{found['limited']:>5,} x 429{found['cpu_seconds'] / found['charges'] * 1e3:>8.2f} ms CPU a charge"
    )


if __name__ == "__main__":
    main()
