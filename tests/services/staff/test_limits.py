"""Limits: who may charge how much without somebody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib import bootstrap
from lib.domain.limits import Limits
from lib.domain.runs import RunState
from lib.errors import Blocked, InvalidInput, NotPermitted
from lib.services.continuity.ownership import bind_to_timezone
from lib.store.meta import TIMEZONE
from tests.beginnings import made_once
from tests.charge_runs import submitted
from tests.world import ADA, ALICE, World


def limit(world: World, **amounts: str) -> None:
    world.services.limits.set(
        "usd", by=ADA, **{"per_charge": "", "per_run": "", "per_day": ""} | amounts
    )


@pytest.fixture
@made_once
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


class TestDefault:
    """A currency for which nobody has set a limit is not without one."""

    def test_a_single_charge_above_it_is_refused_and_says_whose_limit_it_is(
        self, world: World, payer: str
    ) -> None:
        world.charge(payer, amount="5000.00", reference="A")
        with pytest.raises(Blocked, match=r"\$5,000\.00 for one charge \(the default"):
            world.charge(payer, amount="5000.01", reference="B")
        with pytest.raises(Blocked, match=r"over the limit of €4,400\.00"):
            world.charge(payer, amount="4400.01", currency="eur", reference="C")
        assert world.moved() == [(500_000, "usd")]

    def test_a_limit_of_another_currency_is_none_of_this_one(
        self, world: World, payer: str
    ) -> None:
        limit(world, per_charge="9000.00")
        with pytest.raises(Blocked, match="over the limit"):
            world.charge(payer, amount="1000000", currency="jpy", reference="A")
        world.charge(payer, amount="8999.00", reference="B")

    def test_none_at_all_is_an_admins_word(self, world: World, payer: str) -> None:
        limit(world)
        world.charge(payer, amount="90000.00", reference="A")

    def test_ten_charges_a_day(self, world: World, payer: str) -> None:
        for number in range(10):
            world.charge(payer, amount="5000.00", reference=f"A-{number}")
        with pytest.raises(Blocked, match="would be charged today"):
            world.charge(payer, amount="1.00", reference="B")
        world.clock.advance(days=1)
        world.charge(payer, amount="1.00", reference="B")

    @pytest.mark.parametrize(
        ("amounts", "needed"), [([500_000] * 10, 1), ([500_001], 2), ([500_000] * 10 + [100], 2)]
    )
    def test_a_run_above_it_needs_two(
        self, world: World, payer: str, amounts: list[int], needed: int
    ) -> None:
        method = world.services.reports.payment_methods.page(customer=payer).frame["id"].iloc[0]
        rows = [(payer, method, amount, f"R-{at}") for at, amount in enumerate(amounts)]
        assert submitted(world, rows).approvals_needed == needed

    def test_home_asks_once_and_an_admins_answer_is_kept(self, world: World, payer: str) -> None:
        limits = world.services.limits
        world.charge(payer, amount="10.00", currency="gbp", reference="A")
        assert limits.are_unconfirmed()
        assert [(one.currency, one.set_by) for one in limits.table()] == [("gbp", None)]
        with pytest.raises(NotPermitted):
            limits.confirm_defaults(by=ALICE)
        limits.confirm_defaults(by=ADA)
        assert not world.rebuild().limits.are_unconfirmed()
        entry = world.services.reports.audit.page(rows=1).frame.iloc[0]
        assert (entry["action"], entry["actor"]) == ("limits.confirm", "ada")

    def test_setting_one_answers_as_well(self, world: World) -> None:
        limit(world, per_charge="5.00")
        assert not world.services.limits.are_unconfirmed()
        [one] = world.services.limits.table()
        assert (one.currency, one.set_by, one.set_at) == ("usd", "ada", world.now)


class TestApproversAboveALimit:
    """Two besides the maker, who are active now."""

    def test_bob_and_ada_are_enough_for_alice(self, world: World) -> None:
        world.services.users.add_practice_users()
        assert world.services.limits.too_few_approvers() is None

    def test_one_of_them_is_not(self, world: World) -> None:
        world.services.users.add_practice_users()
        world.services.users.disable("bob", by=ADA)
        assert world.services.limits.too_few_approvers() == ["Ada Admin"]

    def test_without_a_limit_there_is_no_need(self, world: World) -> None:
        world.services.users.add_practice_users()
        world.services.users.disable("bob", by=ADA)
        limit(world)
        assert world.services.limits.too_few_approvers() is None


class TestTimeZone:
    """A change is audited, and days that are over stay over."""

    def change(self, world: World, zone: str) -> None:
        with world.uow.write() as stores:
            bind_to_timezone(stores.meta, stores.audit, zone, now=world.now)

    def test_a_change_leaves_an_entry_and_no_change_leaves_none(self, world: World) -> None:
        self.change(world, "UTC")
        self.change(world, "Asia/Tokyo")
        self.change(world, "Asia/Tokyo")
        entries = world.rows("SELECT action, detail FROM audit_log")
        assert [tuple(entry) for entry in entries] == [
            ("limits.timezone", '{"from": "UTC", "to": "Asia/Tokyo"}')
        ]

    def test_a_day_that_is_over_does_not_begin_again(self, world: World, payer: str) -> None:
        """At 2:00 in London it is the evening before in Los Angeles."""
        limit(world, per_day="30.00")
        world.charge(payer, amount="30.00", reference="A")
        world.clock.advance(hours=14)
        self.change(world, "America/Los_Angeles")
        world.charge(payer, amount="30.00", reference="B")
        with pytest.raises(Blocked, match="today"):
            world.charge(payer, amount="1.00", reference="C")
        world.clock.advance(hours=6)
        world.charge(payer, amount="30.00", reference="D")

    def test_nor_after_another_change(self, world: World, payer: str) -> None:
        """At 0:30 in London it is the evening before in Los Angeles, and 1:30 in Berlin."""
        limit(world, per_day="30.00")
        world.clock.advance(hours=11, minutes=30)
        world.charge(payer, amount="30.00", reference="A")
        world.clock.advance(hours=1)
        self.change(world, "America/Los_Angeles")
        self.change(world, "Europe/Berlin")
        world.charge(payer, amount="30.00", reference="B")

    def test_a_start_with_another_zone_is_such_a_change(self, world: World) -> None:
        bootstrap.migrate(replace(world.settings, timezone="Europe/Berlin"))
        [entry] = world.rows("SELECT detail FROM audit_log WHERE action = 'limits.timezone'")
        assert "Europe/Berlin" in entry["detail"]


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
