"""What tests of runs that stop have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lib.domain.runs import Run, RunState
from lib.services.runs.send_row import RowSender
from tests.charge_runs import counts, invoices, payers
from tests.world import GOOD, World


def stopped(run: Run, code: str) -> bool:
    assert (run.state, run.stop_code) == (RunState.STOPPED, code), run.stop_message
    assert run.stop_message
    assert run.lease_owner is None
    return True


def one_payer(world: World, rows: int, number: str = GOOD) -> list[tuple[str, str, int, str]]:
    """Rows of one customer, which are sent one after the other."""
    return invoices(payers(world, 1, number) * rows)


def all_paid(world: World, run: Run, rows: int) -> bool:
    assert run.state is RunState.FINISHED, run.stop_message
    assert counts(world, run.id) == {"succeeded": rows}
    assert sorted(world.moved()) == [(1000 + at, "usd") for at in range(1, rows + 1)]
    return True


def around_send(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], None], then: Callable[[], None]
) -> None:
    """Do something before and after the second row that is sent."""
    send = RowSender.send
    rows: list[int] = []

    def wrapped(self: RowSender, run: Any, row: Any, lease: Any) -> Any:
        rows.append(row.number)
        if len(rows) != 2:
            return send(self, run, row, lease)
        before()
        try:
            return send(self, run, row, lease)
        finally:
            then()

    monkeypatch.setattr(RowSender, "send", wrapped)
