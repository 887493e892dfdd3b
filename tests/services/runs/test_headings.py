"""Files become drafts: which heading is meant, and what a person is told of it."""

from __future__ import annotations

from lib.domain.runs import RunRow
from lib.services.runs.files import RunUpload
from lib.store.meta import RUN_COLUMNS
from tests.charge_runs import rows_of
from tests.world import ALICE, World


def opened(world: World, *lines: str) -> RunUpload:
    return world.services.runs.files.open("\n".join(lines).encode(), "file.csv")


def only_row(world: World, upload: RunUpload, **choices: object) -> RunRow:
    run = world.services.runs.files.create_run(upload, name="File", by=ALICE, **choices)  # type: ignore[arg-type]
    (row,) = rows_of(world, run.id)
    return row


def payer(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    return customer


class TestHeadings:
    OCTOBER = "customer,Total,currency,reference"
    NOVEMBER = "customer,amount,currency,reference,Total"

    def test_the_own_name_is_charged_whatever_the_last_file_had(self, world: World) -> None:
        customer = payer(world)
        october = opened(world, self.OCTOBER, f"{customer},10.00,usd,INV-1")
        assert only_row(world, october, columns=dict(october.guess)).amount == 1_000
        november = opened(world, self.NOVEMBER, f"{customer},12.00,usd,INV-2,9999.00")
        assert "“Total” could be it as well" in november.guess.doubts[0]
        assert only_row(world, november).amount == 1_200

    def test_also_of_customers(self, world: World) -> None:
        one, other = payer(world), payer(world)
        first = opened(world, "Client,amount,currency,reference", f"{one},1.00,usd,INV-1")
        only_row(world, first, columns=dict(first.guess))
        both = opened(
            world, "customer,Client,amount,currency,reference", f"{other},{one},1.00,usd,INV-2"
        )
        assert only_row(world, both).customer == other

    def test_what_a_person_chose_over_it_stays_and_is_said(self, world: World) -> None:
        customer = payer(world)
        first = opened(world, self.NOVEMBER, f"{customer},12.00,usd,INV-1,15.00")
        assert only_row(world, first, columns={**first.guess, "amount": 4}).amount == 1_500
        second = opened(world, self.NOVEMBER, f"{customer},12.00,usd,INV-2,15.00")
        assert "“amount” could be it as well" in second.guess.doubts[0]
        assert only_row(world, second).amount == 1_500
        third = opened(world, self.NOVEMBER, f"{customer},12.00,usd,INV-3,15.00")
        only_row(world, third, columns={**third.guess, "amount": 1})
        fourth = opened(world, self.NOVEMBER, f"{customer},12.00,usd,INV-4,15.00")
        assert fourth.guess["amount"] == 1, "and can be taken back"

    def test_a_guess_that_nobody_confirmed_is_not_remembered(self, world: World) -> None:
        only_row(world, opened(world, self.OCTOBER, f"{payer(world)},10.00,usd,INV-1"))
        with world.services.uow.read() as stores:
            assert stores.meta.headings(RUN_COLUMNS) == {}


def test_a_heading_and_a_cell_of_two_currencies_are_never_sent(world: World) -> None:
    upload = opened(
        world, "customer,Amount (EUR),currency,reference", f"{payer(world)},10.00,usd,INV-1"
    )
    row = only_row(world, upload)
    assert [finding.code for finding in row.findings] == ["currency_contradicts_heading"]
    assert row.state == "blocked"
