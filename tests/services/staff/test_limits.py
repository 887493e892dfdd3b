"""Limits: who may charge how much without somebody else."""

from __future__ import annotations

import pytest

from lib.domain.runs import Limits, RunState
from lib.errors import Blocked, InvalidInput, NotPermitted
from lib.store.meta import TIMEZONE
from tests.charge_runs import submitted
from tests.world import ADA, ALICE, World


def limit(world: World, **amounts: str) -> None:
    world.services.limits.set(
        "usd", by=ADA, **{"per_charge": "", "per_run": "", "per_day": ""} | amounts
    )


@pytest.fixture
def payer(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    return customer


def test_a_single_charge_over_the_limit_is_refused_before_anything_is_sent(
    world: World, payer: str
) -> None:
    limit(world, per_charge="20.00")
    world.charge(payer, amount="20.00", reference="A")
    with pytest.raises(Blocked, match="over the limit"):
        world.charge(payer, amount="20.01", reference="B")
    assert world.moved() == [(2000, "usd")]


def test_a_day_counts_what_was_charged_since_midnight(world: World, payer: str) -> None:
    limit(world, per_day="30.00")
    world.charge(payer, amount="20.00", reference="A")
    with pytest.raises(Blocked, match="today"):
        world.charge(payer, amount="10.01", reference="B")
    world.charge(payer, amount="10.00", reference="C")
    world.clock.advance(hours=13)
    world.charge(payer, amount="30.00", reference="D")


def test_a_day_begins_at_the_installations_midnight(world: World, payer: str) -> None:
    """23:00 UTC is midnight in Berlin in November."""
    with world.uow.write() as stores:
        stores.meta.set(TIMEZONE, "Europe/Berlin")
    limit(world, per_day="30.00")
    world.clock.advance(hours=10, minutes=59)
    world.charge(payer, amount="30.00", reference="A")
    with pytest.raises(Blocked, match="today"):
        world.charge(payer, amount="1.00", reference="B")
    world.clock.advance(minutes=1)
    world.charge(payer, amount="30.00", reference="C")


def test_other_currencies_have_their_own(world: World, payer: str) -> None:
    limit(world, per_charge="1.00")
    assert world.charge(payer, amount="20.00", currency="eur").charge.state == "succeeded"


def test_a_run_over_a_limit_needs_two(world: World, payer: str) -> None:
    method = world.services.reports.payment_methods.page(customer=payer).frame["id"].iloc[0]
    limit(world, per_run="19.99")
    run = submitted(world, [(payer, method, 2000, "A")])
    assert (run.state, run.approvals_needed) == (RunState.AWAITING_APPROVAL, 2)
    other = submitted(world, [(payer, method, 1999, "B")])
    assert other.approvals_needed == 1


def test_setting_them_needs_an_admin_and_leaves_an_entry(world: World) -> None:
    with pytest.raises(NotPermitted):
        world.services.limits.set("usd", per_charge="1", per_run="", per_day="", by=ALICE)
    limit(world, per_charge="5.00", per_day="50.00")
    assert world.services.limits.all() == {"usd": Limits(500, None, 5000)}
    entry = world.services.reports.audit.page(rows=1).frame.iloc[0]
    assert entry["action"] == "limits.set"


@pytest.mark.parametrize(
    "amounts",
    [{"per_charge": "x"}, {"per_charge": "10", "per_run": "9"}, {"per_run": "10", "per_day": "9"}],
)
def test_what_makes_no_sense_is_refused(world: World, amounts: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        limit(world, **amounts)
    assert world.services.limits.all() == {}
