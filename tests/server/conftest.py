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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from lib.settings import NAMES

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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """A function that starts a server, answering but not yet visited by anybody."""
    running: list[subprocess.Popen[bytes]] = []

    def started() -> Server:
        port, data_dir, log = free_port(), tmp_path / "data", tmp_path / "server.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command(port),
                cwd=ROOT,
                env=environment(data_dir, port),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running.append(process)
        server = Server(f"http://127.0.0.1:{port}", data_dir, log, process)
        _wait_until_it_answers(server)
        return server

    yield started
    for process in running:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


@pytest.fixture
def server(start: Callable[[], Server]) -> Server:
    return start()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=list(ARGUMENTS), timeout=60_000
        )
        yield launched
        launched.close()


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
