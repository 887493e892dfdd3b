"""
Commands in processes of their own, forked from one that has loaded what they need: to load it takes each a second.

Runs as `python -m tests.forked_commands` and reads one JSON object a line. What a bare process loads for a
command, `tests/test_start.py` says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib import cli
from lib.cli.main import main
from lib.cli.parser import parse
from tests import loaded

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


class Commands:
    """The parent's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked_commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, arguments: Sequence[str], environ: dict[str, str]) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            job = {"arguments": [*arguments], "environ": environ, "out": str(out), "err": str(err)}
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            status = int(self._process.stdout.readline())
            return Ended(status, out.read_text(), err.read_text())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _become(job: dict[str, str]) -> None:
    """From here on the process is the command's own."""
    os.environ.clear()
    os.environ.update(job["environ"])
    for place, descriptor in ((os.devnull, 0), (job["out"], 1), (job["err"], 2)):
        opened = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)


def _serve() -> int:
    loaded.services_and_stores()
    loaded.packages(cli)
    for words in ("backup", "doctor", "restore x", "users list"):
        parse(words.split())  # The parser is kept.
    loaded.is_shared()
    assert threading.active_count() == 1, "what is forked must not hold another thread's locks"
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(job)
            return main(job["arguments"])
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_serve())
