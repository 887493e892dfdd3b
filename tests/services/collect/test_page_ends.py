"""Links that are revoked together: their open pages at Stripe are ended, and nothing that was saved is lost."""

from __future__ import annotations

from tests import stripe_account
from tests.world import ALICE, World


def opened(world: World, count: int) -> tuple[list[str], list[str]]:
    """Links with an open page each, and one that nobody opened; their pages."""
    links, pages = [], []
    for _ in range(count + 1):
        made, _ = world.services.links.offer(world.customer(), occasion="test", by=ALICE)
        links.append(made.id)
        if len(links) <= count:
            world.services.links.open_durable(made.token)
            session = world.services.links.show(made.id)[1]
            assert session is not None
            pages.append(session.session_id or "")
    return links, pages


def statuses(world: World, pages: list[str]) -> set[str]:
    return {
        str(stripe_account.get(world, f"/v1/checkout/sessions/{page}")["status"]) for page in pages
    }


def test_their_pages_are_ended_one_by_one(world: World) -> None:
    links, pages = opened(world, 3)
    world.services.link_ends.revoke(links, by=ALICE)
    assert world.services.page_ends.waiting() == 3
    assert statuses(world, pages) == {"open"}
    left = iter([False, False, True, True])
    assert world.services.page_ends.end_due(should_stop=lambda: next(left)) == 1
    assert world.services.page_ends.waiting() == 2
    world.worker.do_links()
    assert world.services.page_ends.waiting() == 0
    assert statuses(world, pages) == {"expired"}


def test_what_a_customer_saved_before_counts(world: World) -> None:
    links, (page,) = opened(world, 1)
    world.services.link_ends.revoke(links, by=ALICE)
    world.fill(page)
    assert world.services.page_ends.end_due() == 1
    assert world.services.links.show(links[0])[0].completed_at is not None


def test_while_stripe_does_not_answer_it_waits(world: World) -> None:
    links, pages = opened(world, 2)
    world.services.link_ends.revoke(links, by=ALICE)
    world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="error_500_unsaved", times=20)
    assert world.services.page_ends.end_due() == 0
    world.stripe.faults.clear()
    assert world.services.page_ends.end_due() == 0, "not at once again"
    world.clock.advance(seconds=61)
    assert world.services.page_ends.end_due() == 2
    assert statuses(world, pages) == {"expired"}


def test_what_ran_out_meanwhile_costs_no_request(world: World) -> None:
    links, _ = opened(world, 2)
    world.services.link_ends.revoke(links, by=ALICE)
    world.clock.advance(days=2)
    assert world.services.page_ends.end_due() == 0
    assert world.services.page_ends.waiting() == 0
