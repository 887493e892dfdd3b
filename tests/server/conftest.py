"""The real server process over an empty data folder, and a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from lib.settings import NAMES
from tests.server.people import data_folders

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Server:
    url: str
    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]


def environment(data_dir: Path, port: int, **extra: str) -> dict[str, str]:
    """This process's, without settings that the developer may have."""
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    return {**kept, "ONFILE_DATA_DIR": str(data_dir), "PORT": str(port), **extra}


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def practice_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder as the first start leaves it: to make the practice business costs seconds."""
    folder = tmp_path_factory.mktemp("first")
    with running_server(folder) as first:
        return first.data_dir


@pytest.fixture
def server(tmp_path: Path, practice_data: Path) -> Iterator[Server]:
    shutil.copytree(practice_data, tmp_path / "data")
    with running_server(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory, practice_data: Path) -> Iterator[Server]:
    """The same for all tests of a module, each of which leaves what others look at alone."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(practice_data, folder / "data")
    with running_server(folder) as running:
        yield running


@contextmanager
def running_server(folder: Path, **extra: str) -> Iterator[Server]:
    """Args: extra: settings, besides the data folder and the port."""
    port, data_dir, log = free_port(), folder / "data", folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(port),
            cwd=ROOT,
            env=environment(data_dir, port, **extra),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", data_dir, log, process)
    data_folders[server.url] = data_dir
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        del data_folders[server.url]
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=list(ARGUMENTS), timeout=60_000
        )
        _launched.append(launched)
        yield launched
        _launched.remove(launched)
        launched.close()


_launched: list[Browser] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed says what stood in its browser's windows."""
    report = yield
    if report.failed and item.get_closest_marker("browser"):
        report.sections += [
            (f"Browser at {page.url}", _text_of(page))
            for browser in _launched
            for context in browser.contexts
            for page in context.pages
        ]
    return report


def _text_of(page: Page) -> str:
    """A window that says nothing is no reason to lose what the test said."""
    try:
        return page.locator("body").inner_text(timeout=5_000)
    except Error as error:
        return f"It could not be read: {error.message}"


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    assert found, "No Chromium: run `make chromium`, or set CHROMIUM=/path/to/it."
    return found


def _wait_until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log.read_text()
        try:
            with urllib.request.urlopen(f"{server.url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"The server did not answer in {START_SECONDS} s:\n{server.log.read_text()}")
