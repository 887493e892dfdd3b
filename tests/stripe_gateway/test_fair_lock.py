"""First come, first served."""

from __future__ import annotations

import threading

from lib.stripe_gateway.fair_lock import Line
from tests.held_requests import until


def test_whoever_waited_longest_goes_first() -> None:
    line, order = Line(), []

    def stand(number: int) -> None:
        with line:
            order.append(number)

    threads = [threading.Thread(target=stand, args=(number,)) for number in range(12)]
    with line:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            until(lambda: line.waiting == number)  # noqa: B023 - called before it changes
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == list(range(12))


def test_an_empty_line_keeps_nobody_waiting() -> None:
    line = Line()
    for _ in range(2):
        with line:
            pass
    assert not line.is_taken
