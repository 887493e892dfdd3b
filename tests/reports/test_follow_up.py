"""The board of links: stages, ages, and reminders that are due."""

from __future__ import annotations

import pytest

from lib.domain.link_desk import DAY, Stage, due_reminder
from lib.domain.links import SetupLink
from lib.reports.follow_up import BoardFilter
from tests import stripe_account
from tests.world import ALICE, ALWAYS_DECLINES, World


def link_for(world: World, name: str) -> SetupLink:
    customer = world.customer(name)
    return world.services.links.offer(customer, occasion="test", by=ALICE)[0]


def opened(world: World, link: SetupLink) -> str:
    world.services.links.open_durable(link.token)
    session = world.services.links.show(link.id)[1]
    assert session is not None
    return str(session.session_id)


def names(world: World, **which: object) -> list[str]:
    frame = world.services.reports.follow_up.page(BoardFilter(**which))  # type: ignore[arg-type]
    return [] if frame.empty else list(frame["name"])


@pytest.fixture
def board(world: World) -> dict[str, SetupLink]:
    """One link of each stage, named after it."""
    links = {stage: link_for(world, stage) for stage in Stage if stage is not Stage.CONFIRMING}
    every = [link.id for name, link in links.items() if name != "made"]
    world.services.link_ends.note_sent(every, by=ALICE)
    world.services.links.note_cancel(links["opened"].id)
    session = opened(world, links["started"])
    intent = stripe_account.get(world, f"/v1/checkout/sessions/{session}")["setup_intent"]
    world.stripe.alter(intent, {"last_setup_error": {"code": "card_declined"}})
    world.services.return_page.refetcher.session(session)
    world.finish(opened(world, links["saved"]))
    world.finish(opened(world, links["failed"]))
    failed = world.services.links.show(links["failed"].id)[0].completed_session
    world.change(
        "UPDATE setup_intents SET status = 'canceled' WHERE id = (SELECT setup_intent FROM checkout_sessions WHERE id = :id)",
        id=failed,
    )
    world.services.link_ends.revoke([links["ended"].id], by=ALICE)
    return {str(name): link for name, link in links.items()}


def test_each_link_stands_where_its_customer_is(world: World, board: dict[str, SetupLink]) -> None:
    counts, _ = world.services.reports.follow_up.counts()
    assert counts == {stage: 0 if stage is Stage.CONFIRMING else 1 for stage in Stage}
    for stage in board:
        assert names(world, stage=stage) == [stage]
    assert set(names(world)) == {"made", "sent", "opened", "started"}


def test_reminders_are_due_after_three_and_ten_days(world: World) -> None:
    link = link_for(world, "Acme")
    ends, reports = world.services.link_ends, world.services.reports.follow_up

    def due() -> int | None:
        frame = reports.page(BoardFilter(due=True))
        listed = None if frame.empty else int(frame["due"][0])
        assert listed == due_reminder(world.services.links.show(link.id)[0], world.now)
        assert reports.counts()[1] == (listed is not None)
        return listed

    world.clock.advance(days=20)
    assert due() is None  # it was never sent
    ends.note_sent([link.id], by=ALICE)
    world.clock.advance(days=3, seconds=-1)
    assert due() is None
    world.clock.advance(seconds=1)
    assert due() == 1
    ends.note_reminded([link.id], by=ALICE)
    assert due() is None
    world.clock.advance(days=6)
    assert due() is None
    world.clock.advance(days=1)
    assert due() is None  # the link has expired by now


def test_the_second_reminder_comes_no_sooner_than_three_days_after_the_first(world: World) -> None:
    link = link_for(world, "Acme")
    ends = world.services.link_ends
    ends.note_sent([link.id], by=ALICE)
    world.clock.advance(days=9)
    ends.note_reminded([link.id], by=ALICE)
    world.clock.advance(days=1)
    assert names(world, due=True) == []
    world.clock.advance(days=2)
    assert names(world, due=True) == ["Acme"]
    assert due_reminder(world.services.links.show(link.id)[0], world.now) == 2


def test_ages_count_from_when_it_was_sent(world: World) -> None:
    old = link_for(world, "Old")
    world.clock.advance(days=5)
    link_for(world, "Middle")
    world.clock.advance(days=4)
    link_for(world, "New")
    assert [names(world, age=age) for age in ("new", "week", "old")] == [
        ["New"],
        ["Old", "Middle"],
        [],
    ]
    world.clock.advance(seconds=1)
    world.services.link_ends.note_sent([old.id], by=ALICE)
    assert names(world) == ["Middle", "New", "Old"]


def test_a_search_narrows_the_board_and_its_counts(world: World) -> None:
    link_for(world, "Müller & Söhne")
    link_for(world, "Acme")
    assert names(world, search="müller") == ["Müller & Söhne"]
    assert world.services.reports.follow_up.counts("müller")[0]["made"] == 1


def test_a_link_says_what_it_is_for(world: World) -> None:
    customer = world.customer("Payer")
    bad = world.save_card(customer, ALWAYS_DECLINES)
    world.charge(customer, method=bad)
    link_for(world, "Plain")
    frame = world.services.reports.follow_up.page(BoardFilter(stage="made"))
    assert [type(amount) for amount in frame["amount"]] == [int, type(None)]
    assert (frame["purpose"][0], frame["amount"][0], frame["currency"][0]) == (
        "failed_charge",
        1234,
        "usd",
    )


def test_history_is_left_out(world: World) -> None:
    link_for(world, "Acme")
    world.clock.advance(seconds=61 * DAY)
    assert sum(world.services.reports.follow_up.counts()[0].values()) == 0
