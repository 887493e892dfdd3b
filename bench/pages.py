"""
Measures how long the server takes for each page with many mirrored sessions. Prints a table; judges nothing.

    .venv/bin/python -m bench.pages [--sessions 10000] [--runs 15]

Every page runs as the real script, through router, sign-in and guard, over a real database that
was filled by a real sync from practice Stripe. What is measured is one rerun of the script on the
server; the browser's own painting is not in it.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamlit.testing.v1 import AppTest

from bench.filled import filled_world
from lib import bootstrap
from lib.bootstrap import Services
from lib.ui import navigation

ROUTER = str(bootstrap.ROOT / "lib" / "ui" / "router.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        filled_world(Path(folder), sessions=arguments.sessions) as world,
    ):
        print_times(None)
        for spec in navigation.existing():
            print_times(spec.url_path, times_of(world.services, str(spec.path), arguments.runs))


def print_times(name: str | None, times: Sequence[tuple[float, float]] = ()) -> None:
    """
    One row; without a name, the head of the table.

    The processor's time says more than the clock's where others use the machine.
    """
    if name is None:
        heads = f"{'median ms':>11}{'p95 ms':>9}{'max ms':>9}{'cpu ms':>9}"
        print(f"{'page':<44}{heads}", flush=True)
        return
    ordered, worked = sorted(time for time, _ in times), [cpu for _, cpu in times]
    p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    shown = (statistics.median(ordered), p95, ordered[-1], statistics.median(worked))
    print(f"{name:<44}  " + "".join(f"{ms:>9.1f}" for ms in shown), flush=True)


def times_of(
    services: Services, path: str, runs: int, query: Mapping[str, str] | None = None
) -> list[tuple[float, float]]:
    """
    Milliseconds of each rerun of a page by the clock, and of the processor; by Ada.

    `query` is what stands in its address.
    """
    # Streamlit warns of every rerun outside a server of its own; errors are still shown.
    logging.disable(logging.WARNING)
    bootstrap.services = lambda: services  # type: ignore[assignment]
    app = AppTest.from_file(ROUTER, default_timeout=60)
    ada = services.users.find("ada")
    if ada is None:
        raise SystemExit("Ada is missing")
    app.session_state["authentication_status"] = True
    app.session_state["username"] = services.sessions.begin(ada)
    app.run()
    app.switch_page(path)
    for name, value in (query or {}).items():
        app.query_params[name] = value
    app.run()
    if app.exception:
        raise SystemExit(f"{path}: {app.exception[0].message}")
    if app.error or any(field.key == "sign_in_password" for field in app.text_input):
        raise SystemExit(f"{path}: the page refused, so its time would say nothing")
    times = []
    for _ in range(runs):
        start, worked = time.perf_counter(), time.process_time()
        app.run()
        ended = time.perf_counter(), time.process_time()
        times.append(((ended[0] - start) * 1000, (ended[1] - worked) * 1000))
    return times


if __name__ == "__main__":
    main()
