"""A clock that was wrong for a while: nothing stands still, runs wild or looks well because of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.domain.health import judge
from lib.services.mirror.jobs import JobRunner
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY
from tests import stripe_account
from tests.mirror_checks import (
    customer_elsewhere,
    deny,
    ids,
    incomplete,
    listed_ids,
    paid_elsewhere,
    session_elsewhere,
    watched,
)
from tests.world import ALICE, World

DISPUTED = "4000000000000259"

KINDS = (BACKFILL, SYNC, VERIFY)
A_YEAR = 400


def work_for(world: World, seconds: int) -> int:
    """What the worker does, second by second; returns how many jobs it ended."""
    ended = 0
    for _ in range(seconds):
        world.services.sync.request_scheduled()
        ended += sum(world.services.sync.run_waiting(kind) is not None for kind in KINDS)
        world.clock.advance(seconds=1)
    return ended


def test_jobs_of_a_clock_that_was_ahead_do_not_make_every_second_due(world: World) -> None:
    world.services.sync.run()
    world.clock.advance(days=A_YEAR)
    work_for(world, 3)
    world.clock.advance(days=-A_YEAR)
    assert work_for(world, 60) == len(KINDS)


def test_a_job_that_died_under_a_clock_that_was_ahead_is_taken_over(world: World) -> None:
    jobs = JobRunner(world.services.uow, clock=world.clock)
    world.clock.advance(days=A_YEAR)
    jobs.request(SYNC, by=ALICE)
    assert jobs.take(SYNC)
    world.clock.advance(days=-A_YEAR)
    assert jobs.take(SYNC)
    assert jobs.take(SYNC) is None


def test_no_time_in_the_future_makes_the_light_green(world: World) -> None:
    world.clock.advance(days=A_YEAR)
    world.services.sync.run()
    world.services.sync.verify_now(by=ALICE)
    world.services.sync.beat()
    assert judge(world.services.reports.health.facts(has_webhooks=False)) == []
    world.clock.advance(days=-A_YEAR)
    facts = world.services.reports.health.facts(has_webhooks=False)
    assert {"worker", "incomplete"} <= {remark.code for remark in judge(facts)}
    assert facts.synced_at is None
    assert facts.verified_at is None


def test_an_event_is_read_by_a_clock_that_is_always_ahead_of_stripes(world: World) -> None:
    customer = world.customer("Before")
    stripes = world.clock
    world.clock = lambda: stripes() + timedelta(minutes=5)  # type: ignore[assignment]
    world.rebuild()
    for name in ("First", "Second", "Third"):
        world.services.sync.run()
        stripes.advance(minutes=1)
        stripe_account.post(world, f"/v1/customers/{customer}", name=name)
        session = session_elsewhere(world)
        stripes.advance(minutes=4)
        world.services.sync.run()
        assert world.services.customers.get(customer).name == name
        assert session in ids(world, "checkout_sessions")


def test_many_events_of_one_minute_are_not_read_again_and_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services.sync.run()
    for _ in range(60):
        customer_elsewhere(world)
        customer_elsewhere(world)
        world.clock.advance(seconds=1)
    world.clock.advance(minutes=10)
    world.services.sync.run()
    seen = watched(world, monkeypatch)
    for _ in range(3):
        world.clock.advance(minutes=5)
        world.services.sync.run()
    assert seen["/v1/events"] == 3


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(hours=3), -timedelta(hours=3)])
@pytest.mark.parametrize("may_read_events", [True, False])
def test_nothing_is_missed_by_a_wrong_clock_that_has_seen_no_event_yet(
    world: World, ahead: timedelta, may_read_events: bool
) -> None:
    customer = world.customer()
    method = world.save_card(customer)
    paid = paid_elsewhere(world, customer, method)
    stripes = world.clock
    # What happened until now is so old that Stripe lists no event of it any more.
    stripes.advance(days=31)
    world.clock = lambda: stripes() + ahead  # type: ignore[assignment]
    world.rebuild()
    if may_read_events:
        world.services.sync.run()
    else:
        deny(world, "rak_event_read")
        # Everything is read; only what events tell is not.
        world.services.sync.run(full=True)
    stripes.advance(minutes=1)
    stripe_account.post(world, "/v1/refunds", payment_intent=paid, amount="300")
    paid_elsewhere(world, customer, method)
    disputed = paid_elsewhere(world, customer, world.save_card(customer, DISPUTED))
    for _ in range(2):
        stripes.advance(minutes=5)
        if may_read_events:
            world.services.sync.run()
        else:
            incomplete(world.services.sync.run)
    assert mirrored(world, paid) == (300, 0)
    assert mirrored(world, disputed) == (0, 1)
    for type_ in ("payment_intents", "charges", "refunds", "disputes"):
        assert ids(world, type_) == listed_ids(world, type_)


def mirrored(world: World, intent: str) -> tuple[int, int]:
    """What the mirror's charge of a payment says of refunds, in minor units, and of a dispute."""
    [row] = world.rows(
        "SELECT amount_refunded, is_disputed FROM stripe_charges WHERE payment_intent = ?", intent
    )
    return row["amount_refunded"], row["is_disputed"]
