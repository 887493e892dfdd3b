"""What a link is for, how far its customer came, and its end when that came about another way."""

from __future__ import annotations

import pytest

from lib.domain.links import EndReason, LinkPurpose, LinkStatus, SetupLink
from lib.errors import GatewayError, NotPermitted
from tests import stripe_account
from tests.world import ALICE, ALWAYS_DECLINES, VERA, World

LATER = 11 * 60


def link_for(world: World, customer: str, occasion: str = "test") -> SetupLink:
    return world.services.links.offer(customer, occasion=occasion, by=ALICE)[0]


def link_to(world: World, address: str) -> SetupLink:
    """As a file of addresses makes it: without asking Stripe, and without a customer."""
    upload = world.services.link_files.open(f"email\n{address}\n".encode(), "links.csv")
    batch = world.services.link_files.draft(upload, name="May", by=ALICE)
    world.services.link_batches.start(batch.id, despite_card=False, renew=False, by=ALICE)
    world.services.link_batches.work(batch.id)
    (view,) = world.services.link_batches.views.rows(batch.id)
    assert view.link is not None
    assert view.link.customer is None
    world.clock.advance(seconds=60)
    return view.link


def recovery_of(world: World, charge_id: str) -> SetupLink:
    with world.uow.read() as stores:
        link = stores.links.open_recovery_of(charge_id)
    assert link is not None
    return link


def now_of(world: World, link: SetupLink) -> SetupLink:
    return world.services.links.show(link.id)[0]


def opened(world: World, link: SetupLink) -> str:
    world.services.links.open_durable(link.token)
    session = world.services.links.show(link.id)[1]
    assert session is not None
    return str(session.session_id)


class TestDoneOtherwise:
    def test_a_card_that_came_another_way_ends_it(self, world: World) -> None:
        customer = world.customer()
        link = link_for(world, customer)
        world.clock.advance(seconds=60)
        world.save_card(customer)
        assert world.services.link_ends.end_done() == 0  # it may be the link's own, just saved
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 1
        ended = now_of(world, link)
        assert (ended.status(world.now), ended.end_reason) == (
            LinkStatus.REVOKED,
            EndReason.CARD_SAVED,
        )
        assert world.services.links.open_durable(link.token).is_done  # type: ignore[union-attr]
        assert world.services.link_ends.end_done() == 0

    def test_a_card_that_was_there_before_does_not(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.clock.advance(seconds=60)
        link = link_for(world, customer)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0
        assert now_of(world, link).status(world.now) is LinkStatus.OPEN

    def test_nor_does_one_that_was_removed_again(self, world: World) -> None:
        customer = world.customer()
        link_for(world, customer)
        world.clock.advance(seconds=60)
        method = world.save_card(customer)
        world.services.payment_methods.detach(method, by=ALICE)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0

    def test_a_failed_charge_that_was_paid_ends_its_link(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, method=bad).charge
        with world.services.uow.read() as stores:
            link = stores.links.open_recovery_of(charge.id)
        assert link is not None
        assert link.purpose is LinkPurpose.FAILED_CHARGE
        good = world.save_card(customer)
        world.charge(customer, method=good)
        assert now_of(world, link).end_reason == EndReason.PAID

    def test_the_database_derives_the_same_purpose(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer, method=bad)
        link = link_for(world, customer)
        world.change("UPDATE setup_links SET expiring_method = 'pm_1' WHERE id = :id", id=link.id)
        rows = world.rows("SELECT id, purpose FROM setup_links")
        assert {row["purpose"] for row in rows} == set(LinkPurpose)
        for row in rows:
            assert world.services.links.show(row["id"])[0].purpose == row["purpose"]


class TestOfAnAddress:
    """A link to an address that nobody had, whose customer is made elsewhere."""

    def test_ends_when_its_customer_saves_a_card_elsewhere(self, world: World) -> None:
        link = link_to(world, "Anna@Example.com")
        customer = world.customer(email="anna@example.com")
        world.save_card(customer)
        assert world.services.link_ends.end_done() == 0  # it may be the link's own, just saved
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 1
        assert now_of(world, link).end_reason == EndReason.CARD_SAVED
        assert world.services.links.open_durable(link.token).is_done  # type: ignore[union-attr]
        assert world.services.link_ends.end_done() == 0

    def test_goes_on_while_the_card_cannot_be_charged(self, world: World) -> None:
        link = link_to(world, "anna@example.com")
        world.save_card(world.customer(email="anna@example.com"), exp_year=2026)
        world.change("UPDATE payment_methods SET exp_month = 10")
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0
        assert now_of(world, link).status(world.now) is LinkStatus.OPEN

    def test_goes_on_when_somebody_who_only_looks_alike_saves_one(self, world: World) -> None:
        link_to(world, "anna@example.com")
        world.save_card(world.customer(email="\u0430nna@example.com"))  # a Cyrillic a
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0

    def test_of_several_with_the_address_all_must_have_one(self, world: World) -> None:
        link_to(world, "anna@example.com")
        first, second = (world.customer(email="anna@example.com") for _ in range(2))
        world.save_card(first)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0  # nobody knows which of them is meant
        world.save_card(second)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 1

    def test_who_was_deleted_is_none_of_them(self, world: World) -> None:
        link_to(world, "anna@example.com")
        first, second = (world.customer(email="anna@example.com") for _ in range(2))
        world.save_card(first)
        world.change("UPDATE customers SET is_deleted = 1 WHERE id = :id", id=second)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 1

    def test_one_that_is_opened_first_is_of_that_customer(self, world: World) -> None:
        link = link_to(world, "anna@example.com")
        customer = world.customer(email="anna@example.com")
        session = opened(world, link)
        assert now_of(world, link).customer == customer
        world.save_card(customer)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 1
        world.finish(session)  # the page was open, and what is saved on it counts
        assert now_of(world, link).status(world.now) is LinkStatus.COMPLETED

    def test_one_for_a_new_customer_beside_those_with_the_address_goes_on(
        self, world: World
    ) -> None:
        """Its own customer was asked for, and Stripe did not answer."""
        known = world.customer(email="anna@example.com")
        world.stripe.faults.add("POST", "/v1/customers", kind="error_500_unsaved", times=9)
        with pytest.raises(GatewayError):
            world.services.links.create(
                form_key="new", email="anna@example.com", allow_twin=True, by=ALICE
            )
        world.clock.advance(seconds=60)
        world.save_card(known)
        world.clock.advance(seconds=LATER)
        assert world.services.link_ends.end_done() == 0


class TestHowFarTheCustomerCame:
    def test_asking_for_the_address_is_no_sign_of_a_person(self, world: World) -> None:
        link = link_for(world, world.customer())
        opened(world, link)
        assert (now_of(world, link).opened_at, now_of(world, link).started_at) == (None, None)

    def test_who_comes_back_without_saving_has_opened_it(self, world: World) -> None:
        link = link_for(world, world.customer())
        session = stripe_account.get(world, f"/v1/checkout/sessions/{opened(world, link)}")
        back = str(session["cancel_url"]).partition("link=")[2]
        world.services.links.note_cancel(back)
        first = now_of(world, link).opened_at
        assert first == world.now
        world.clock.advance(days=1)
        world.services.links.note_cancel(back)
        world.services.links.note_cancel("link_nobody0000000")
        assert now_of(world, link).opened_at == first

    def test_who_entered_a_card_that_was_refused_has_started(self, world: World) -> None:
        link = link_for(world, world.customer())
        session = opened(world, link)
        intent = stripe_account.get(world, f"/v1/checkout/sessions/{session}")["setup_intent"]
        world.stripe.alter(intent, {"last_setup_error": {"code": "card_declined"}})
        world.services.return_page.refetcher.session(session)
        assert now_of(world, link).started_at == world.now
        assert now_of(world, link).opened_at == world.now

    def test_who_saved_a_card_has_started(self, world: World) -> None:
        link = link_for(world, world.customer())
        world.finish(opened(world, link))
        assert now_of(world, link).started_at == world.now

    def test_what_happened_stays(self, world: World) -> None:
        link = link_for(world, world.customer())
        assert world.services.link_ends.note_sent([link.id], by=ALICE) == 1
        world.clock.advance(days=1)
        assert world.services.link_ends.note_sent([link.id], by=ALICE) == 0
        with pytest.raises(Exception, match="stays"):
            world.change("UPDATE setup_links SET sent_at = NULL")

    def test_a_customer_is_reminded_twice_at_most(self, world: World) -> None:
        link = link_for(world, world.customer())
        assert [world.services.link_ends.note_reminded([link.id], by=ALICE) for _ in range(3)] == [
            1,
            1,
            0,
        ]


class TestMany:
    def test_revoked_together(self, world: World) -> None:
        links = [link_for(world, world.customer()) for _ in range(2)]
        many = world.services.link_ends.revoke([links[0].id, "link_none", links[1].id], by=ALICE)
        assert len(many.links) == 2
        assert [(one.link_id, one.code) for one in many.failures] == [("link_none", "not_found")]
        again = world.services.link_ends.revoke([links[0].id], by=ALICE)
        assert (len(again.links), again.failures[0].code) == (0, "stale_state")

    def test_issued_again_under_another_address_once(self, world: World) -> None:
        old = link_for(world, world.customer())
        world.services.link_ends.note_sent([old.id], by=ALICE)
        (new,) = world.services.link_ends.reissue([old.id], by=ALICE).links
        (same,) = world.services.link_ends.reissue([old.id], by=ALICE).links
        assert same.id == new.id
        assert (new.replaces, new.sent_at, new.token != old.token) == (old.id, None, True)
        assert now_of(world, old).end_reason == EndReason.REPLACED

    def test_what_was_finished_is_not_issued_again(self, world: World) -> None:
        link = link_for(world, world.customer())
        world.finish(opened(world, link))
        many = world.services.link_ends.reissue([link.id], by=ALICE)
        assert (many.links, many.failures[0].code) == ((), "stale_state")

    def test_nobody_is_asked_again_who_saved_a_card_after_it_expired(self, world: World) -> None:
        customer = world.customer()
        link = link_for(world, customer)
        world.clock.advance(days=31)
        world.save_card(customer)
        world.clock.advance(seconds=LATER)
        many = world.services.link_ends.reissue([link.id], by=ALICE)
        assert (many.links, many.failures[0].code) == ((), "stale_state")
        assert "came about another way" in many.failures[0].message

    @pytest.mark.parametrize("since", ["paid", "given up"])
    def test_nor_for_a_charge_that_needs_no_card_any_more(self, world: World, since: str) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, method=bad).charge
        link = recovery_of(world, charge.id)
        world.services.link_ends.revoke([link.id], by=ALICE)
        if since == "paid":
            world.charge(customer, method=world.save_card(customer))
        else:
            world.services.charges.cancel(charge.id, by=ALICE)
        many = world.services.link_ends.reissue([link.id], by=ALICE)
        assert (many.links, many.failures[0].code) == ((), "stale_state")

    def test_a_charge_has_one_link_that_is_open(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, method=bad).charge
        link = recovery_of(world, charge.id)
        world.services.link_ends.revoke([link.id], by=ALICE)
        other = world.services.links.recover(charge.id, by=ALICE).link
        (same,) = world.services.link_ends.reissue([link.id], by=ALICE).links
        assert same.id == other.id

    def test_an_expired_one_of_a_failed_charge_is_issued_again(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, method=bad).charge
        link = recovery_of(world, charge.id)
        world.clock.advance(days=31)
        (new,) = world.services.link_ends.reissue([link.id], by=ALICE).links
        assert new.charge_id == charge.id

    @pytest.mark.parametrize("act", ["revoke", "reissue", "note_sent", "note_reminded"])
    def test_a_viewer_may_not(self, world: World, act: str) -> None:
        with pytest.raises(NotPermitted):
            getattr(world.services.link_ends, act)([], by=VERA)
