"""
Measures how long commands take from start to exit, each a process of its own: `python -m bench.starts`.

The first line is Python alone. The best of the runs is the least disturbed one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.processes import ROOT
from tests.server.conftest import environment

_PASSWORD = "correct-horse"
_AS_ADA = ("--as", "ada", "--json")
COMMANDS: dict[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    "--help": ("-m", "lib", "--help"),
    "doctor (asks Stripe)": ("-m", "lib", "doctor", "--json"),
    "worker --once": ("-m", "lib", "worker", "--once"),
    "users list (a password)": ("-m", "lib", "users", "list", *_AS_ADA),
    "links list (a password)": ("-m", "lib", "links", "list", *_AS_ADA),
    "audit verify (a password)": ("-m", "lib", "audit", "verify", *_AS_ADA),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(f"\nstart to exit, practice mode, ms; {runs} runs, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<28}" + "".join(f"{name:>12}" for name in ("best", "median", "CPU, best")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        added = ("-m", "lib", "users", "add", "ada", "--email", "ada@example.com")
        _seconds(folder, *added, "--role", "admin")
        for label, arguments in COMMANDS.items():
            times = [_seconds(folder, *arguments) for _ in range(runs)]
            wall, cpu = zip(*times, strict=True)
            cells = (min(wall), statistics.median(wall), min(cpu))
            print(f"{label:<28}" + "".join(f"{cell * 1000:>12.0f}" for cell in cells), flush=True)


def _seconds(folder: Path, *arguments: str) -> tuple[float, float]:
    """(from start to exit, of CPU)"""
    before, started = _cpu(), time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(folder, 8501, ONFILE_PASSWORD=_PASSWORD, ONFILE_NEW_PASSWORD=_PASSWORD),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started, _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
