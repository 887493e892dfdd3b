"""Starts the processes of a benchmark, each alone with its memory, and ends them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# A proxy from the environment has no business between processes of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def stripe_server(*, sessions: int, latency_ms: float = 0, rps: float = 0) -> Iterator[str]:
    """The address of a new `bench.stripe_server`."""
    arguments = ["--sessions", str(sessions), "--latency-ms", str(latency_ms), "--rps", str(rps)]
    process = subprocess.Popen(
        module("bench.stripe_server", *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address.startswith("http"):
            raise SystemExit("The server of the benchmark did not start.")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def counts(address: str) -> dict[str, Any]:
    with _DIRECT.open(f"{address}/_bench/counts", timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def result_of(name: str, *arguments: str) -> dict[str, Any]:
    """Run a module of ours to its end; its last line is its result, as JSON."""
    done = subprocess.run(
        module(name, *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)} failed.")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def peak_mb() -> float:
    """
    The most memory that this process has held.

    `ru_maxrss` counts what the parent held when it forked; Linux also knows it of the program alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
