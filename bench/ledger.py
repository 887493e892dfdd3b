"""
Measures the one search over a large ledger and its mirror.

    .venv/bin/python -m bench.ledger --folder FOLDER [--charges 1000000] [--runs 30]

Fills FOLDER once, see `bench.large`, and keeps it. Then times what people type in the search, by what
it finds. Prints a table; judges nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from bench import large
from lib.bootstrap import Services


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    services = large.ledger(arguments.folder, arguments.charges)
    time_searches(services, arguments.charges, runs=arguments.runs)


def searches(count: int) -> dict[str, str]:
    """What people type, by how much it finds."""
    one = count * 374 // 999
    payer = one // large.CHARGES_A_CUSTOMER
    return {
        "nothing typed": "",
        "one letter": "a",
        "two letters": "as",
        "common: a town": "ashmoor",
        "common: two words": "supply 1",
        "common: domain": "example",
        "common: invoices": "inv-",
        "common: last four": "0000",
        "common: a sum": "10.00",
        "rare: name": large.name_of(payer),
        "rare: address": f"accounts.{payer}@",
        "rare: invoice": f"INV-{one:07d}",
        "rare: written otherwise": f"inv {one}",
        "rare: digits": f"{one}",
        "rare: a sum": "2,345.67",
        "rare: run": "dental of week 77",
        "rare: customer id": large.id_of("cus", payer),
        "rare: charge id": large.id_of("chg", one),
        "rare: payment id": large.id_of("pi", one),
        "rare: refund id": large.id_of("rfd", 100),
        "absent: name": "zqxj zqxj",
        "absent: usual letters": "asher dentprint",
        "absent: invoice": "INV-99999999",
        "absent: a sum": "98,765.43",
        "absent: id": "pi_3PnoSuchPayment000000",
        "absent: odd letters": "\0\u2603%_\\",
    }


def time_searches(services: Services, count: int, *, runs: int) -> None:
    """By the clock, and the processor's time alone, which says more where others use the machine."""
    report = services.reports.search
    heads = ("p50 ms", "p99 ms", "p50 cpu", "p99 cpu")
    print(f"\n{'search':<26}{'kinds':>7}{'rows':>6}" + "".join(f"{head:>9}" for head in heads))
    every: list[tuple[float, float]] = []
    for name, text in searches(count).items():
        times = []
        for _ in range(runs):
            started, worked = time.perf_counter(), time.thread_time()
            groups = report.find(text)
            times.append((time.perf_counter() - started, time.thread_time() - worked))
        every += times
        rows = sum(len(group.rows) for group in groups)
        print(f"{name:<26}{len(groups):>7}{rows:>6}{_cells(times)}", flush=True)
    print(f"{'all':<39}{_cells(every)}")


def _cells(times: list[tuple[float, float]]) -> str:
    """p50 and p99 by the clock, then of the processor."""
    shown = [
        1000 * quantile for column in zip(*times, strict=True) for quantile in _quantiles(column)
    ]
    return "".join(f"{ms:>9.1f}" for ms in shown)


def _quantiles(times: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]


if __name__ == "__main__":
    main()
