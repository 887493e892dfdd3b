"""Charge runs for tests: rows written as a maker would, submitted by Alice, approved by Bob."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable

from lib.domain.runs import RowRequest, RowState, Run, RunRow, RunState
from lib.ids import new_id
from lib.money import Money
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.unit_of_work import UnitOfWork
from tests.world import ADA, ALICE, BOB, GOOD, World

_names = itertools.count(1)


def payers(world: World, count: int, number: str = GOOD) -> list[tuple[str, str]]:
    made = [world.customer(f"Payer {at}") for at in range(count)]
    return [(customer, world.save_card(customer, number)) for customer in made]


def invoices(people: list[tuple[str, str]], start: int = 1) -> list[tuple[str, str, int, str]]:
    return [
        (customer, method, 1000 + at, f"INV-{at}")
        for at, (customer, method) in enumerate(people, start=start)
    ]


def draft(world: World, rows: Iterable[tuple[str, str, int, str]], **more: object) -> str:
    """A draft over (customer, payment method, minor units, reference); currency usd."""
    run_id = new_id("run")
    made = [
        RunRow(
            run_id=run_id,
            number=number,
            cells=(customer, str(amount), reference),
            request=RowRequest(
                number,
                (customer, str(amount), reference),
                customer,
                Money(amount, "usd"),
                reference,
            ),
            customer=customer,
            payment_method=method,
            amount=amount,
            currency="usd",
            reference=reference,
            description=None,
            suffix=None,
            state=RowState.PLANNED,
            charge_id=new_id("chg"),
        )
        for number, (customer, method, amount, reference) in enumerate(rows, start=2)
    ]
    with uow(world).write() as stores:
        stores.runs.add(
            Run(
                id=run_id,
                name=f"Run {next(_names)}",
                state=RunState.DRAFT,
                header=("customer", "amount", "reference"),
                file_name=None,
                file_digest=None,
                follows=None,
                created_by=ALICE.username,
                created_at=world.now,
            ),
            livemode=False,
        )
        stores.run_rows.add(made)
        stores.runs.sum_up(run_id)
    return run_id


def submitted(world: World, rows: Iterable[tuple[str, str, int, str]], **options: object) -> Run:
    world.services.users.add_practice_users()
    return world.services.runs.approvals.submit(
        draft(world, rows),
        by=ALICE,
        **options,  # type: ignore[arg-type]
    )


def approved(world: World, rows: Iterable[tuple[str, str, int, str]], **options: object) -> Run:
    return approve(world, submitted(world, rows, **options))


def approve(world: World, run: Run) -> Run:
    return world.services.runs.approvals.approve(
        run.id, digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD
    )


def started(world: World, rows: Iterable[tuple[str, str, int, str]], **options: object) -> str:
    run = approved(world, rows, **options)
    return world.services.runs.control.start(run.id, by=ALICE).id


def started_by_two(world: World, rows: Iterable[tuple[str, str, int, str]]) -> str:
    """Above a limit: Bob and Ada agree."""
    run = approved(world, rows)
    assert run.state is RunState.AWAITING_APPROVAL
    world.services.runs.approvals.approve(
        run.id, digest=run.digest or "", by=ADA, password=PRACTICE_PASSWORD
    )
    return world.services.runs.control.start(run.id, by=ALICE).id


def executed(world: World, rows: Iterable[tuple[str, str, int, str]], **options: object) -> Run:
    run_id = started(world, rows, **options)
    assert world.services.runs.executor.execute(run_id)
    return world.services.runs.control.find(run_id)


def resumed(world: World, run_id: str) -> Run:
    """A person resumes, and the worker executes until it rests again."""
    world.services.runs.control.resume(run_id, by=ALICE)
    assert world.services.runs.executor.execute(run_id)
    return world.services.runs.control.find(run_id)


def counts(world: World, run_id: str) -> dict[str, int]:
    with uow(world).read() as stores:
        return stores.run_rows.sums(run_id)[0]


def rows_of(world: World, run_id: str) -> list[RunRow]:
    with uow(world).read() as stores:
        return stores.run_rows.of(run_id)


def audited(world: World) -> list[str]:
    """What the audit log says was done, oldest first."""
    with sqlite3.connect(world.settings.database) as shell:
        return [action for (action,) in shell.execute("SELECT action FROM audit_log ORDER BY id")]


def uow(world: World) -> UnitOfWork:
    return UnitOfWork(world.settings.database)
