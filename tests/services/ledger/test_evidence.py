"""What is at Stripe decides about a try: lists are read to their end, and a debt is one whatever its sum."""

from __future__ import annotations

import pytest

from lib.domain.charges import ChargeState
from lib.errors import (
    AlreadyCharged,
    Blocked,
    StaleState,
)
from tests.ledger_checks import ask_stripe, intent_of, looked, paid_by_hand, reread
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION, World


class TestTheListMustBeReadToItsEnd:
    @pytest.mark.parametrize("days", [40, 2])
    def test_an_empty_page_that_promises_more_is_no_verification_that_nothing_happened(
        self, world: World, customer: str, days: int
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(days=days)
        for path in ("/v1/payment_intents", "/v1/events"):
            world.stripe.faults.add("GET", path, kind="empty_page_has_more", times=30)
        assert looked(world, view).charge.state is ChargeState.UNKNOWN
        world.stripe.faults.clear()
        world.clock.advance(hours=2)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_a_copy_at_another_amount_does_not_hide_the_payment_behind_it(
        self, world: World, customer: str
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(days=35)
        paid_by_hand(world, view, amount="999")
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED

    def test_a_copy_at_another_amount_does_not_lock_the_reference_for_ever(
        self, world: World, customer: str
    ) -> None:
        world.fault("error_500_saved")
        view = world.charge(customer)
        paid_by_hand(world, view, amount="999")
        world.clock.advance(hours=25)
        assert looked(world, view).charge.state is ChargeState.PLANNED


class TestAnotherSum:
    def test_a_corrected_amount_does_not_leave_the_failed_payment_open(
        self, world: World, customer: str
    ) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer)
        failed = world.charge(customer, amount="12.34", method=bad)
        world.charge(customer, amount="12.00", method=good)
        gateway = world.services.gateway
        assert gateway.retrieve_payment_intent(intent_of(failed)).status == "canceled"

    def test_a_failed_payment_that_was_paid_by_hand_is_not_charged_at_another_amount(
        self, world: World, customer: str
    ) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer)
        failed = world.charge(customer, amount="12.34", method=bad)
        ask_stripe(
            world,
            f"/v1/payment_intents/{intent_of(failed)}/confirm",
            payment_method=good,
            off_session="true",
        )
        with pytest.raises(AlreadyCharged):
            world.charge(customer, amount="12.00", method=good)
        assert world.moved() == [(1234, "usd")]
        assert reread(world, failed).charge.state is ChargeState.SUCCEEDED

    def test_each_of_two_failed_sums_can_be_tried_again(self, world: World, customer: str) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        first = world.charge(customer, amount="12.34", method=bad)
        world.clock.advance(seconds=5)
        world.charge(customer, amount="12.00", method=bad)
        good = world.save_card(customer)
        again = try_again(
            world.services.charges, first.charge.id, by=ALICE, payment_method=good, attempt=2
        )
        assert again.charge.id == first.charge.id
        assert world.moved() == [(1234, "usd")]


class TestAnotherSumIsTheSameDebt:
    def test_a_card_that_must_not_be_charged_again_stays_so(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, WANTS_AUTHENTICATION)
        world.charge(customer, amount="20")
        with pytest.raises(Blocked) as refused:
            world.charge(customer, amount="19")
        assert refused.value.code == "retry_not_allowed"

    def test_less_may_be_charged_at_once_when_there_was_not_enough(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        world.charge(customer, amount="20")
        assert world.charge(customer, amount="10").charge.state is ChargeState.DECLINED

    def test_paying_one_sum_ends_the_link_of_the_other(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        failed = world.charge(customer, amount="20")
        card = world.save_card(customer)
        world.charge(customer, amount="10", method=card)
        assert world.services.charges.view(failed.charge.id).recovery_url is None

    def test_a_paid_charge_gets_no_recovery_link(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        paid = world.charge(customer)
        with pytest.raises(StaleState):
            world.services.links.recover(paid.charge.id, by=ALICE)
