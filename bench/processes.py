"""Starts the processes of a benchmark, each alone with its memory, and ends them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.conftest import command, environment, free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
# A proxy from the environment has no business between processes of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def stripe_server(
    *, sessions: int, latency_ms: float = 0, rps: float = 0, has_dated_ids: bool = True
) -> Iterator[str]:
    """The address of a new `bench.stripe_server`."""
    arguments = ["--sessions", str(sessions), "--latency-ms", str(latency_ms), "--rps", str(rps)]
    if not has_dated_ids:
        arguments.append("--noise-ids")
    with server("bench.stripe_server", *arguments) as address:
        yield address


@contextmanager
def server(name: str, *arguments: str) -> Iterator[str]:
    """The address that a module of ours prints when it begins to serve."""
    process = start(name, *arguments)
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address.startswith("http"):
            raise SystemExit("The server of the benchmark did not start.")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@dataclass(frozen=True, slots=True)
class OnfileServer:
    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def onfile_server(
    folder: Path, *, command_of: Callable[[int], list[str]] = command
) -> Iterator[OnfileServer]:
    """
    The real server over a new data folder, in practice mode.

    Args:
        command_of: what is run, by the port that it serves.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command_of(port),
            cwd=ROOT,
            env=environment(folder, port),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"{address}/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The server did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield OnfileServer(address, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        with _DIRECT.open(address, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def counts(address: str) -> dict[str, Any]:
    with _DIRECT.open(f"{address}/_bench/counts", timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    """A module of ours, beside what is done meanwhile; `result_of` waits for it."""
    return subprocess.Popen(module(name, *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Its last line, as JSON, once it has ended."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, process.args[2:]))} failed.")  # type: ignore[index]
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
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
