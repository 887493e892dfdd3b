"""
A piece of work that is killed at each of its file operations in turn, as a power cut or `kill -9` does.

Python tells of each file that it is about to open for writing, rename, link or remove, and of each database
that is connected; the forked process dies right before the one whose turn it is. Inside SQLite's own writes
it dies where a file would grow past a limit.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator

_KILLED, _FAILED = 9, 3
_EVENTS = frozenset(
    {
        "os.rename",
        "os.remove",
        "os.link",
        "os.mkdir",
        "os.chmod",
        "shutil.copyfile",
        "sqlite3.connect",
    }
)
_WRITES = os.O_WRONLY | os.O_RDWR


def at_each_operation(work: Callable[[], object]) -> Iterator[int]:
    """Kill `work` before its first file operation, its second, and so on; ends when it got to its end."""
    turn = 1
    while before_operation(turn, work):
        yield turn
        turn += 1


def before_operation(turn: int, work: Callable[[], object]) -> bool:
    """Whether `work` was killed before its file operation of this number; otherwise it got to its end."""
    return _forked(lambda: _die_before(turn), work) == _KILLED


def when_a_file_grows_to(size: int, work: Callable[[], object]) -> bool:
    """Whether `work` was killed in a write that would have made a file larger than `size` bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return _forked(limit, work) == -signal.SIGXFSZ


def _forked(prepare: Callable[[], None], work: Callable[[], object]) -> int:
    """How it ended: 0, its exit status, or a signal's number below 0."""
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            work()
        except BaseException:  # noqa: BLE001 - a forked process must never go on with the tests
            traceback.print_exc()
            os._exit(_FAILED)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status != _FAILED, "the work itself failed"
    return status


def _die_before(turn: int) -> None:
    seen = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event not in _EVENTS:
            return
        seen += 1
        if seen == turn:
            os._exit(_KILLED)

    sys.addaudithook(count)
