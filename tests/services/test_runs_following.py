"""After a run: messages to customers, and a draft of what did not work."""

from __future__ import annotations

import pytest

from lib.errors import InvalidInput, NotPermitted, StaleState
from lib.services.runs.following import LinksMade
from tests.running import approved, executed, rows_of
from tests.world import (
    ALICE,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    VERA,
    WANTS_AUTHENTICATION,
    World,
)


def row(world: World, reference: str, number: str = "4242424242424242", amount: int = 1000):
    customer = world.customer(f"Payer {reference}", f"{reference.lower()}@example.com")
    return (customer, world.save_card(customer, number), amount, reference)


class TestAgain:
    def test_failures_come_with_their_numbers_and_the_new_card(self, world: World) -> None:
        bad = row(world, "INV-2", ALWAYS_DECLINES)
        run = executed(world, [row(world, "INV-1"), bad])
        world.clock.advance(minutes=1)
        new = world.save_card(bad[0])
        again = world.services.runs.follower.again(run.id, by=ALICE)
        assert again.follows == run.id
        (only,) = rows_of(world, again.id)
        assert (only.number, only.payment_method, only.state) == (3, new, "planned")

    def test_what_must_not_be_tried_again_is_listed_as_blocked(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", WANTS_AUTHENTICATION)])
        again = world.services.runs.follower.again(run.id, by=ALICE)
        (only,) = rows_of(world, again.id)
        assert (only.state, only.findings[0].code) == ("blocked", "retry_not_allowed")

    def test_nothing_failed(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1")])
        with pytest.raises(InvalidInput, match="Every row"):
            world.services.runs.follower.again(run.id, by=ALICE)

    def test_a_run_that_is_not_over(self, world: World) -> None:
        run = approved(world, [row(world, "INV-1")])
        with pytest.raises(StaleState):
            world.services.runs.follower.again(run.id, by=ALICE)


class TestOpenReferences:
    def test_every_failure_that_was_not_made_good(self, world: World) -> None:
        bad = row(world, "INV-1", ALWAYS_DECLINES)
        good = row(world, "INV-2", ALWAYS_DECLINES)
        world.charge(bad[0], reference="INV-1", amount="10.00")
        world.charge(good[0], reference="INV-2", amount="12.00")
        world.charge(good[0], reference="INV-2", amount="11.00", method=world.save_card(good[0]))
        run = world.services.runs.follower.open_references(by=ALICE)
        (only,) = rows_of(world, run.id)
        assert (only.reference, only.amount, only.cells[1]) == ("INV-1", 1000, "10.00")

    def test_what_stripe_never_executed_is_open_too(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("missing_permission")
        assert world.charge(customer, amount="10.00").charge.state == "planned"
        run = world.services.runs.follower.open_references(by=ALICE)
        (only,) = rows_of(world, run.id)
        assert (only.reference, only.state) == ("INV-1", "planned")

    def test_none(self, world: World) -> None:
        with pytest.raises(InvalidInput, match="No reference"):
            world.services.runs.follower.open_references(by=ALICE)


def test_messages_are_for_customers_who_can_do_something(world: World) -> None:
    run = executed(world, [row(world, "INV-1"), row(world, "INV-2", ALWAYS_DECLINES)])
    header, lines = world.services.runs.viewer.messages(run.id)
    (message,) = [dict(zip(header, line, strict=True)) for line in lines]
    assert (message["email"], message["reference"]) == ("inv-2@example.com", "INV-2")
    assert message["link"].startswith("http")
    assert message["link"] in message["message"]


class TestSome:
    """Only the rows that were chosen."""

    def test_tried_again(self, world: World) -> None:
        run = executed(world, [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)])
        again = world.services.runs.follower.again(run.id, by=ALICE, numbers={3})
        assert [one.reference for one in rows_of(world, again.id)] == ["INV-1"]
        with pytest.raises(InvalidInput):
            world.services.runs.follower.again(run.id, by=ALICE, numbers={77})

    def test_messages(self, world: World) -> None:
        run = executed(world, [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)])
        text = world.services.runs.files.messages(run.id, numbers={4}).decode("utf-8-sig")
        assert "INV-2" in text
        assert "INV-1" not in text


class TestLinks:
    def test_made_for_those_who_have_none(self, world: World) -> None:
        rows = [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)]
        run = executed(world, [*rows, row(world, "INV-9")])
        follower = world.services.runs.follower
        assert follower.make_links(run.id, by=ALICE) == LinksMade(0, 3, 0)
        world.clock.advance(days=31)
        assert follower.make_links(run.id, by=ALICE, numbers={2}) == LinksMade(1, 0, 0)
        assert follower.make_links(run.id, by=ALICE) == LinksMade(2, 1, 0)
        _, lines = world.services.runs.viewer.messages(run.id)
        assert len(list(lines)) == 3

    def test_no_new_card_mends_a_block_by_stripe(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", BLOCKED_BY_STRIPE)])
        assert world.services.runs.follower.make_links(run.id, by=ALICE) == LinksMade(0, 0, 1)

    def test_viewers_may_not(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", ALWAYS_DECLINES)])
        with pytest.raises(NotPermitted):
            world.services.runs.follower.make_links(run.id, by=VERA)
