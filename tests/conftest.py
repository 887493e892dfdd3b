"""For every folder: a fresh world, files in memory where that is possible, retries that do not wait."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from tests import fuzzing, shared_server
from tests.simulation import report as hazards
from tests.world import World, new_world

# Nothing here simulates a power cut, so waiting for a disk after each commit would only cost time.
_MEMORY = Path("/dev/shm")
_ENOUGH = 2 * 1024**3
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
    tempfile.tempdir = str(_MEMORY)


fuzzing.draw_a_share()

# Thousands of tests are made while they are collected, and none of them is garbage.
gc.disable()

_SERVERS = {"world", "house", "server", "one_server", "practice_doctor", "start", "browser"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Marks what talks to a server; what asks for none may not start one, see `served`.

    What drives a browser is tried up to three times more when it fails, and each is counted as a rerun:
    two browsers on two cores now and then lose a click or wait longer than anybody's patience.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=3))
        if _SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it for garbage took a twelfth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    shared_server.is_expected = item.get_closest_marker("server") is not None


@pytest.fixture(autouse=True, scope="session")
def _retries_do_not_wait() -> Iterator[None]:
    """Calls are retried as often as in production, without the pauses."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(autouse=True, scope="session")
def _looks_at_unknown_rows_do_not_wait() -> Iterator[None]:
    """A run looks as often as in production before it ends with unknown charges."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("lib.services.runs.execute.LOOK_AFTER_SECONDS", (0.0,) * 4)
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path) as built:
        yield built


_hazards_of_seeds: list[dict[str, int]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _hazards_of_seeds.extend(
            held
            for name, held in report.user_properties
            if name == hazards.HAPPENED and isinstance(held, dict)
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A hazard that never befell hundreds of seeds says nothing: the simulation is red."""
    if hazards.told(_hazards_of_seeds)[1] and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _hazards_of_seeds:
        return
    lines, missing = hazards.told(_hazards_of_seeds)
    terminalreporter.section(f"hazards of {len(_hazards_of_seeds)} seeds")
    for line in lines:
        terminalreporter.write_line(line)
    for kind in missing:
        terminalreporter.write_line(f"never happened: {kind}", red=True)
