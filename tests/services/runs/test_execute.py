"""Executing runs: every row once, whatever happens, and a stop when something is wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.mirror import PaymentIntent
from lib.domain.runs import RunState
from lib.errors import NotAdmitted
from tests.charge_runs import (
    approved,
    counts,
    executed,
    invoices,
    payers,
    resumed,
    rows_of,
    started,
)
from tests.world import ALICE, ALWAYS_DECLINES, World


class TestToTheEnd:
    def test_each_attempt_is_committed_before_stripe_is_asked(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        gateway = world.services.gateway
        send = gateway.create_payment_intent

        def looking(params: dict[str, Any], *, idempotency_key: str, **more: Any) -> PaymentIntent:
            with closing(sqlite3.connect(world.settings.database)) as other:
                found = other.execute(
                    "SELECT params, outcome, run_row FROM attempts WHERE idempotency_key = ?",
                    (idempotency_key,),
                ).fetchone()
            assert found is not None, "sent before it was written down"
            assert (json.loads(found[0]), found[1]) == (params, None)
            seen.append(found[2])
            return send(params, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(gateway, "create_payment_intent", looking)
        run = executed(world, invoices(payers(world, 2) * 2))
        assert counts(world, run.id) == {"succeeded": 4}
        assert sorted(seen) == [2, 3, 4, 5]

    def test_every_row_is_charged_once(self, world: World) -> None:
        run = executed(world, invoices(payers(world, 6)))
        assert run.state is RunState.FINISHED
        assert counts(world, run.id) == {"succeeded": 6}
        assert sorted(world.moved()) == [(1000 + at, "usd") for at in range(1, 7)]

    def test_several_rows_of_one_customer_come_one_after_the_other(self, world: World) -> None:
        ((customer, method),) = payers(world, 1)
        rows = [(customer, method, 1000 + at, f"INV-{at}") for at in range(5)]
        run = executed(world, rows)
        assert counts(world, run.id) == {"succeeded": 5}
        assert len(world.moved()) == 5

    def test_declines_are_failures_of_their_rows_only(self, world: World) -> None:
        people = [*payers(world, 2), *payers(world, 1, ALWAYS_DECLINES)]
        run = executed(world, invoices(people))
        assert run.state is RunState.FINISHED
        assert counts(world, run.id) == {"succeeded": 2, "declined": 1}

    def test_a_lost_reply_is_settled_before_the_run_ends(self, world: World) -> None:
        world.lose_reply()
        run = executed(world, invoices(payers(world, 3)))
        assert run.state is RunState.FINISHED
        assert counts(world, run.id) == {"succeeded": 3}
        assert len(world.moved()) == 3

    def test_what_was_charged_singly_meanwhile_is_blocked(self, world: World) -> None:
        people = payers(world, 2)
        run = approved(world, invoices(people))
        order = world.order(people[0][0], amount="10.01", reference="INV-1")
        with pytest.raises(NotAdmitted, match="is in the run “"):
            world.services.charges.charge(order, by=ALICE)
        order = replace(order, despite={"in_another_run": "It is urgent."})
        world.services.charges.charge(order, by=ALICE)
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"blocked": 1, "succeeded": 1}
        (blocked, _) = rows_of(world, run.id)
        assert [finding.code for finding in blocked.findings] == ["already_charged"]
        assert len(world.moved()) == 2

    def test_what_somebody_cancelled_before_it_was_sent_again_is_blocked(
        self, world: World
    ) -> None:
        """Stripe did not take it at first, so its charge is there, and planned."""
        run_id = started(world, invoices(payers(world, 1) * 2))
        world.fault("missing_permission")
        world.services.runs.executor.execute(run_id)
        (charge_id,) = world.services.reports.charges.page().frame["id"]
        world.services.charges.cancel(charge_id, by=ALICE)
        run = resumed(world, run_id)
        assert run.state is RunState.FINISHED, run.stop_message
        assert counts(world, run_id) == {"blocked": 1, "succeeded": 1}
        (blocked,) = [row for row in rows_of(world, run_id) if row.charge_id == charge_id]
        assert [finding.code for finding in blocked.findings] == ["charge_cancelled"]
        assert len(world.moved()) == 1
