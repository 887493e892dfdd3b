"""Whom to ask for a card: by what is known of customers, by a run, or by a mark."""

from __future__ import annotations

from datetime import date

import pytest

from lib.domain.link_batches import LinkBatch, LinkRowState
from lib.domain.links import LinkPurpose
from lib.errors import InvalidInput, NotFound, NotPermitted
from lib.services.collect import link_choices
from tests.charge_runs import executed, invoices, payers
from tests.world import ALICE, ALWAYS_DECLINES, VERA, World

# The bank says of it that it is to be kept.
STOPPED = "4000900000000110"


@pytest.fixture(autouse=True)
def _read_whole(world: World) -> None:
    world.services.sync.request(by=ALICE)
    world.worker.run_once()


def rows(world: World, batch: LinkBatch) -> dict[str | None, str]:
    """By customer."""
    views = world.services.link_batches.views.rows(batch.id)
    return {view.row.customer: view.row.state.value for view in views}


def made(world: World, batch: LinkBatch) -> None:
    world.services.link_batches.start(batch.id, by=ALICE)
    world.services.link_batches.work(batch.id)


def test_who_has_no_card_that_can_be_charged(world: World) -> None:
    nothing, good, removed, old = (world.customer() for _ in range(4))
    world.save_card(good)
    world.services.payment_methods.detach(world.save_card(removed), by=ALICE)
    world.save_card(old, exp_year=2027)
    world.clock.advance(days=500)
    batch = world.services.link_choices.without_card(name="No card", by=ALICE)
    assert rows(world, batch) == {nothing: "new", removed: "new", old: "new"}
    made(world, batch)
    again = world.services.link_choices.without_card(name="Again", by=ALICE)
    assert set(rows(world, again).values()) == {"existing"}


def test_more_than_fit_into_a_list_are_refused_and_no_part_of_them_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_choices, "MOST_CUSTOMERS", 2)
    customers = [world.customer() for _ in range(3)]
    for choose in (
        lambda: world.services.link_choices.without_card(name="No card", by=ALICE),
        lambda: world.services.link_choices.these(customers, name="Marked", by=ALICE),
    ):
        with pytest.raises(InvalidInput, match="more than 2 customers") as refused:
            choose()
        assert refused.value.code == "too_many_rows"
    batch = world.services.link_choices.these(customers[:2], name="Marked", by=ALICE)
    assert len(rows(world, batch)) == 2


def test_whose_every_card_expires_before_a_day(world: World) -> None:
    soon, later, both, never = (world.customer() for _ in range(4))
    card = world.save_card(soon, exp_year=2026)
    world.save_card(later, exp_year=2028)
    world.save_card(both, exp_year=2026)
    world.save_card(both, exp_year=2028)
    choices = world.services.link_choices
    batch = choices.expiring_before(date(2027, 1, 1), name="Expiring", by=ALICE)
    assert rows(world, batch) == {soon: "new"}
    # To the end of its month.
    with pytest.raises(InvalidInput):
        choices.expiring_before(date(2026, 12, 31), name="Expiring", by=ALICE)
    made(world, batch)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert view.link is not None
    assert (view.link.purpose, view.link.expiring_method) == (LinkPurpose.EXPIRING_CARD, card)
    assert never not in rows(world, batch)
    world.clock.advance(seconds=60)
    world.save_card(soon, exp_year=2030)
    world.clock.advance(seconds=700)
    assert world.services.link_ends.end_done() == 1


def test_a_card_that_must_not_be_charged_again_is_none(world: World) -> None:
    only, besides = world.customer(), world.customer()
    world.save_card(only, STOPPED)
    world.save_card(besides, STOPPED)
    world.charge(only)
    expires = world.save_card(besides, exp_year=2026)
    choices = world.services.link_choices
    nobodys = choices.without_card(name="No card", by=ALICE)
    assert set(rows(world, nobodys)) == {only}
    batch = choices.expiring_before(date(2027, 1, 1), name="Expiring", by=ALICE)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert view.row.customer == besides
    assert view.row.request.expiring_method == expires


def test_whose_charge_failed_in_a_run(world: World) -> None:
    (failing,) = payers(world, 1, ALWAYS_DECLINES)
    (paying,) = payers(world, 1)
    run = executed(world, invoices([failing, paying]))
    choices = world.services.link_choices
    batch = choices.failed_in_run(run.id, name="Failed", by=ALICE)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert (view.row.customer, view.row.state) == (failing[0], LinkRowState.EXISTING)
    assert view.link is not None
    world.services.link_ends.revoke([view.link.id], by=ALICE)
    batch = choices.failed_in_run(run.id, name="Failed", by=ALICE)
    world.services.link_batches.start(batch.id, renew=True, by=ALICE)
    world.services.link_batches.work(batch.id)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert view.link is not None
    assert view.link.purpose is LinkPurpose.FAILED_CHARGE
    with pytest.raises(NotFound):
        choices.failed_in_run("run_none", name="Failed", by=ALICE)


def test_who_was_marked(world: World) -> None:
    one, two = world.customer(), world.customer()
    batch = world.services.link_choices.these([one, "cus_gone"], name="Marked", by=ALICE)
    assert rows(world, batch) == {one: "new"}
    assert two not in rows(world, batch)
    with pytest.raises(InvalidInput, match="nobody to ask"):
        world.services.link_choices.these([], name="Marked", by=ALICE)
    with pytest.raises(NotPermitted):
        world.services.link_choices.these([one], name="Marked", by=VERA)
