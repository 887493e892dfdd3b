"""
Executors in processes of their own that die where they are told to.

Runs as `python -m tests.forked_executors FOLDER API_BASE` and reads one JSON list of jobs a line; each job is
executed in a fork, all of a line at once. Answers with how each ended and how many points it passed.
A job dies at a point of its own, or is killed from outside at any moment. A point is the moment before or after a commit, and before or after a call to Stripe.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stamina
import stripe

from lib import bootstrap
from lib.services.runs import execute, lease
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import load_settings
from lib.store import connection, connection_pool
from tests import loaded
from tests.world import BOB, World

DIED = 9
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    exit: int
    points: int
    """Passed until the end; 0 when it died."""


class Executors:
    """The parent's side: a process that forks executors over the world's files."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.forked_executors",
                str(world.settings.data_dir.parent),
                world.server.base_url,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )

    def run(self, *jobs: dict[str, Any]) -> list[Ended]:
        """
        Each job: `run`, `refund` to approve, or `new_cards` to charge those that came, and if wanted `die_at` (a point), `in_flight`, `now`,
        `kill_after` (seconds from the fork to SIGKILL).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        now = self._world.clock().timestamp()
        lines = json.dumps([{"now": now, "die_at": 0, "in_flight": 1} | job for job in jobs])
        self._process.stdin.write(lines + "\n")
        self._process.stdin.flush()
        return [Ended(*one) for one in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _patched(point: Callable[[], None]) -> None:
    write, call = connection.write_transaction, stripe.StripeClient.raw_request

    @contextmanager
    def dying(database: Any) -> Iterator[None]:
        with write(database):
            yield
            point()
        point()

    def asked(self: stripe.StripeClient, *given: Any, **more: Any) -> Any:
        point()
        try:
            return call(self, *given, **more)
        finally:
            point()

    connection_pool.write_transaction = dying  # type: ignore[attr-defined]
    stripe.StripeClient.raw_request = asked  # type: ignore[method-assign]


def _execute(folder: Path, api_base: str, job: dict[str, Any], report: int) -> None:
    passed, lock = 0, threading.Lock()

    def point() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == job["die_at"]:
                os._exit(DIED)

    _patched(point)
    execute.LOOK_AFTER_SECONDS = (0.0,) * 4
    # On a busy machine a heartbeat more would be a point more to die at.
    lease.BEAT_SECONDS = 3_600
    settings = load_settings(
        folder, {"ONFILE_DATA_DIR": str(folder / "data"), "ONFILE_MAX_RPS": "0"}
    )
    now = datetime.fromtimestamp(job["now"], UTC)
    services = bootstrap.build_services(settings, clock=lambda: now, api_base=api_base)
    if "new_cards" in job:
        services.runs.waiting_charges.end_with_their_approval()
        services.runs.new_cards.charge_due()
        services.charge_resolver.resolve_due()
    elif "refund" in job:
        services.refunds.approve(job["refund"], by=BOB, password=PRACTICE_PASSWORD)
    else:
        executor = services.runs.executor
        executor.in_flight = job["in_flight"]
        executor.execute(job["run"])
    os.write(report, str(passed).encode())
    os._exit(0)


def _kill(when: Iterable[tuple[float, int]]) -> None:
    """Whoever has ended by then is not waited for yet, so that its id is nobody else's."""
    began = time.monotonic()
    for seconds, child in sorted(when):
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        os.kill(child, signal.SIGKILL)


def _answer(folder: Path, api_base: str, jobs: list[dict[str, Any]]) -> list[tuple[int, int]]:
    children = []
    for job in jobs:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)
            try:
                _execute(folder, api_base, job, writing)
            finally:
                os._exit(1)
        os.close(writing)
        children.append((child, reading))
    _kill(
        (job["kill_after"], child)
        for job, (child, _) in zip(jobs, children, strict=True)
        if "kill_after" in job
    )
    ended = []
    for child, reading in children:
        _, status = os.waitpid(child, 0)
        ended.append((os.waitstatus_to_exitcode(status), int(os.read(reading, 20) or 0)))
        os.close(reading)
    return ended


def main() -> None:
    folder, api_base = Path(sys.argv[1]), sys.argv[2]
    loaded.services_and_stores()
    loaded.is_shared()
    with stamina.set_testing(True, attempts=5, cap=True):
        for line in sys.stdin:
            print(json.dumps(_answer(folder, api_base, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
