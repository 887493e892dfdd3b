"""
A first backfill of many Sessions, ours beside the loop that everybody writes.

    .venv/bin/python -m bench.backfill [10k] [100k] [curve] [--sizes 10000 100000 1000000]
        [--limited] [--noise-ids]

    10k    10 000 sessions, 80 ms a request, no limit: both, and the ratio
    100k   100 000 sessions, 80 ms a request, 25 requests a second: ours, and what the limit allows
    curve  ours at sizes ten times apart, without a limit unless --limited: what a session costs, and
           the memory

--noise-ids: no id begins with the time at which it was made, as Stripe's do (see bench.account).

Every contestant is a process of its own against a new server of its own, so neither memory nor
anything kept by a server is shared. Prints tables; judges nothing but whether all rows are there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from bench.processes import counts, result_of, start, stripe_server

LATENCY_MS = 80
LIMIT_RPS = 25
OUR_RPS = 24
PAGE = 100
COLUMNS = ("", "sessions", "seconds", "of CPU", "sessions/s", "requests", "429", "peak MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="10k|100k|curve")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--latency-ms", type=float, default=LATENCY_MS)
    parser.add_argument("--limited", action="store_true", help="the curve under Stripe's limit")
    parser.add_argument("--noise-ids", action="store_true", help="ids that are all noise")
    arguments = parser.parse_args()
    stripe = Stripe(arguments.latency_ms, has_dated_ids=not arguments.noise_ids)
    known = {
        "10k": lambda: side_by_side(10_000, stripe),
        "100k": lambda: under_the_limit(100_000, stripe),
        "curve": lambda: curve(arguments.sizes, stripe, limited=arguments.limited),
    }
    for name in arguments.scenarios or ["10k", "100k"]:
        if name not in known:
            parser.error(f"{name} is none of: {', '.join(known)}")
        known[name]()


@dataclass(frozen=True, slots=True)
class Stripe:
    """What the server in its place is like."""

    latency_ms: float
    has_dated_ids: bool

    def __str__(self) -> str:
        ids = "" if self.has_dated_ids else ", ids of noise"
        return f"{self.latency_ms:g} ms a request{ids}"


def side_by_side(sessions: int, stripe: Stripe) -> None:
    print(f"\n{sessions:,} sessions, {stripe}, no limit")
    _line(*COLUMNS)
    theirs = _run("plain", sessions, stripe)
    _result("plain loop (SDK, sqlite-utils, WAL)", theirs)
    _result("the same, from start to exit", _whole(theirs))
    mine = _run("ours", sessions, stripe)
    _ours(mine)
    _result("the same, from start to exit", _whole(mine))
    ratios = {
        "mirrored": theirs["seconds"] / mine["seconds"],
        "searchable": theirs["seconds"] / mine["searchable_seconds"],
        "from start to exit": theirs["process_seconds"] / mine["process_seconds"],
    }
    shown = ", ".join(f"{name} {ratio:.1f}x" for name, ratio in ratios.items())
    print(f"ratio to the plain loop: {shown}")


def under_the_limit(sessions: int, stripe: Stripe) -> None:
    print(
        f"\n{sessions:,} sessions, {stripe}, {LIMIT_RPS} requests a second "
        f"(ours asks for {OUR_RPS})"
    )
    _line(*COLUMNS)
    mine = _run("ours", sessions, stripe, rps=LIMIT_RPS, max_rps=OUR_RPS)
    _ours(mine)
    least = sessions / PAGE / LIMIT_RPS
    print(
        f"the limit allows {least:.1f} s: mirrored {mine['seconds'] / least:.3f}x, "
        f"searchable {mine['searchable_seconds'] / least:.3f}x; "
        f"{100 * mine['limited'] / mine['requests']:.2f} % of requests answered 429"
    )


def curve(sizes: list[int], stripe: Stripe, *, limited: bool) -> None:
    limit = f"{LIMIT_RPS} requests a second" if limited else "no limit"
    rates = {"rps": LIMIT_RPS, "max_rps": OUR_RPS} if limited else {}
    print(f"\nours by size, {stripe}, {limit}")
    names = (
        "sessions",
        "seconds",
        "us a session",
        "us of CPU",
        "with search",
        "requests",
        "peak MB",
        "+ index",
    )
    print("".join(f"{name:>14}" for name in names))
    for sessions in sizes:
        found = _run("ours", sessions, stripe, **rates)
        costs = (
            f"{found[name] / sessions * 1e6:,.0f}"
            for name in ("seconds", "cpu_seconds", "searchable_seconds")
        )
        cells = (
            f"{sessions:,}",
            f"{found['seconds']:.1f}",
            *costs,
            f"{found['requests']:,}",
            f"{found['mirrored_mb']:.0f}",
            f"{found['peak_mb']:.0f}",
        )
        print("".join(f"{cell:>14}" for cell in cells), flush=True)


def _run(
    contestant: str, sessions: int, stripe: Stripe, *, rps: float = 0, max_rps: float = 0
) -> dict[str, Any]:
    server = stripe_server(
        sessions=sessions,
        latency_ms=stripe.latency_ms,
        rps=rps,
        has_dated_ids=stripe.has_dated_ids,
    )
    with tempfile.TemporaryDirectory() as folder, server as url:
        started = time.perf_counter()
        process = start(
            "bench.contestants",
            contestant,
            "--url",
            url,
            "--folder",
            folder,
            "--max-rps",
            f"{max_rps:g}",
        )
        found = result_of(process) | {"process_seconds": time.perf_counter() - started}
        found |= counts(url)
    if found["sessions"] != sessions:
        print(f"INCOMPLETE: {contestant} holds {found['sessions']:,} of {sessions:,} sessions")
    return found


def _ours(found: dict[str, Any]) -> None:
    _result("ours, mirrored", found | {"peak_mb": found["mirrored_mb"]})
    searchable = {
        "seconds": found["searchable_seconds"],
        "cpu_seconds": found["searchable_cpu_seconds"],
    }
    _result("ours, mirrored and searchable", found | searchable)


def _whole(found: dict[str, Any]) -> dict[str, Any]:
    """From start to exit, with everything that is loaded, prepared and counted."""
    return found | {
        "seconds": found["process_seconds"],
        "cpu_seconds": found["process_cpu_seconds"],
    }


def _result(name: str, found: dict[str, Any]) -> None:
    _line(
        name,
        f"{found['sessions']:,}",
        f"{found['seconds']:.1f}",
        f"{found['cpu_seconds']:.1f}",
        f"{found['sessions'] / found['seconds']:,.0f}",
        f"{found['requests']:,}",
        f"{found['limited']:,}",
        f"{found['peak_mb']:.0f}",
    )


def _line(name: str, *cells: str) -> None:
    print(f"{name:<38}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
