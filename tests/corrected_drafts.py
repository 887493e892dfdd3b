"""Drafts whose rows are mended, and what becomes of them."""

from __future__ import annotations

import csv
import io

from lib.domain.correction_fields import Field
from lib.domain.runs import Run, RunRow
from lib.services.runs.files import RunUpload
from tests.charge_runs import approve, rows_of
from tests.world import ALICE, World

HEADER = "customer,amount,currency,reference,description,note"


def upload(world: World, *lines: str, header: str = HEADER, name: str = "may.csv") -> RunUpload:
    return world.services.runs.files.open("\n".join([header, *lines, ""]).encode(), name)


def imported(world: World, *lines: str, header: str = HEADER) -> str:
    world.services.users.add_practice_users()
    run = world.services.runs.files.create_run(
        upload(world, *lines, header=header), name="May", by=ALICE
    )
    return run.id


def payer(world: World, email: str, number: str = "4242424242424242") -> str:
    customer = world.customer(email=email)
    world.save_card(customer, number)
    return customer


def correct(world: World, run_id: str, number: int, reason: str = "typo", **changes: str) -> int:
    return world.services.runs.corrections.correct(
        run_id,
        [number],
        {Field(name): text for name, text in changes.items()},
        reason=reason,
        by=ALICE,
    )


def row(world: World, run_id: str, number: int = 2) -> RunRow:
    return next(one for one in rows_of(world, run_id) if one.number == number)


def codes(row: RunRow) -> list[str]:
    return [finding.code for finding in row.findings]


def executed(world: World, run_id: str, **options: object) -> Run:
    runs = world.services.runs
    run = runs.approvals.submit(run_id, by=ALICE, **options)  # type: ignore[arg-type]
    approve(world, run)
    runs.control.start(run_id, by=ALICE)
    assert runs.executor.execute(run_id)
    return runs.control.find(run_id)


def results(world: World, run_id: str) -> list[dict[str, str]]:
    _, data = world.services.runs.files.results(run_id, "results.csv", by=ALICE)
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
