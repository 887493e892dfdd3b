"""Two who act on one charge at once, and clocks that are wrong meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.errors import (
    Misconfigured,
    Refused,
    StaleState,
)
from lib.services.charges.view import ChargeView
from lib.services.ledger.attempts import AttemptResult, record_result
from tests.ledger_checks import intent_of, looked, reread
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, World


class TestBetweenLookingAndWriting:
    """Something happens after the review was made and before the attempt is written."""

    def test_another_failed_try_is_not_left_open_at_stripe(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cards = [world.save_card(customer, ALWAYS_DECLINES) for _ in range(2)]
        good = world.save_card(customer)
        failed = world.charge(customer, method=cards[0])
        charging = world.services.charges
        close = charging.canceller.cancel_tries
        raced: list[ChargeView] = []

        def racing(*args):
            close(*args)
            if not raced:
                monkeypatch.setattr(charging.canceller, "cancel_tries", close)
                raced.append(
                    try_again(charging, failed.charge.id, by=ALICE, payment_method=cards[1])
                )

        monkeypatch.setattr(charging.canceller, "cancel_tries", racing)
        with pytest.raises(StaleState):
            try_again(charging, failed.charge.id, by=ALICE, payment_method=good)
        again = try_again(charging, failed.charge.id, by=ALICE, payment_method=good)
        assert [a.outcome for a in again.attempts][-1] is Outcome.SUCCEEDED
        status = world.services.gateway.retrieve_payment_intent(intent_of(raced[0])).status
        assert status == "canceled"

    def test_a_charge_tried_again_meanwhile_is_not_cancelled(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cards = [world.save_card(customer, ALWAYS_DECLINES) for _ in range(2)]
        failed = world.charge(customer, method=cards[0])
        charging = world.services.charges
        close = charging.canceller.cancel_tries

        def racing(*args):
            close(*args)
            monkeypatch.setattr(charging.canceller, "cancel_tries", close)
            try_again(charging, failed.charge.id, by=ALICE, payment_method=cards[1])

        monkeypatch.setattr(charging.canceller, "cancel_tries", racing)
        with pytest.raises(StaleState):
            charging.cancel(failed.charge.id, by=ALICE)
        assert reread(world, failed).charge.state is ChargeState.DECLINED

    def test_two_commands_without_a_seen_count_do_not_become_a_retry(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer)
        reviewing = world.services.charges.reviews
        review = reviewing.review

        def racing(*args, **kwargs):
            monkeypatch.setattr(reviewing, "review", review)
            found = review(*args, **kwargs)
            world.charge(customer, method=bad)
            return found

        monkeypatch.setattr(reviewing, "review", racing)
        with pytest.raises(StaleState):
            world.charge(customer, method=good)
        assert world.moved() == []


class TestTwoWhoAskTheSame:
    def test_a_settler_that_comes_late_does_not_send_what_was_given_up(
        self, world: World, customer: str
    ) -> None:
        """It read the list of due attempts, was slow, and meanwhile a person charged anew."""
        world.fault("lost_request")
        view = world.charge(customer)
        world.clock.advance(seconds=61)
        settling = world.services.charge_resolver
        with world.services.uow.read() as stores:
            late = stores.charges.due(now=world.now)
        assert len(late) == 1
        with world.services.uow.write() as stores:
            record_result(
                stores,
                late[0],
                AttemptResult(Outcome.NOT_EXECUTED, http_status=403),
                evidence="reply",
                at=world.now,
            )
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        settling.resolve_or_postpone(late[0])
        assert len(world.moved()) == 1
        assert len(reread(world, view).attempts) == 2

    @pytest.mark.parametrize("refusal", [Misconfigured, Refused])
    def test_a_refusal_for_the_sender_is_no_verification_once_the_settler_asked_too(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch, refusal: type[Exception]
    ) -> None:
        """The sender slept for minutes; the settler sent the same, and its reply was lost."""
        gateway = world.services.gateway
        send = gateway.create_payment_intent

        def sleeps(params, *, idempotency_key, **more):
            monkeypatch.setattr(gateway, "create_payment_intent", send)
            world.clock.advance(seconds=90)
            world.lose_reply()
            world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=9)
            world.services.charge_resolver.resolve_due()
            world.stripe.faults.clear()
            raise refusal(
                "The key was changed.", http_status=403 if refusal is Misconfigured else 400
            )

        monkeypatch.setattr(gateway, "create_payment_intent", sleeps)
        view = world.charge(customer)
        assert len(world.moved()) == 1
        assert view.charge.state is ChargeState.UNKNOWN
        world.clock.advance(minutes=10)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_a_400_to_the_question_is_no_verification_while_the_payment_can_be_found(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stripe checks parameters before it looks at the key: that is not the saved answer."""
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(seconds=30)

        def refuses(params, *, idempotency_key, **more):
            raise Refused("No such customer", code="resource_missing", http_status=400)

        monkeypatch.setattr(world.services.gateway, "create_payment_intent", refuses)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED


class TestClocks:
    def test_a_clock_that_was_ahead_does_not_hide_the_payment(
        self, world: World, customer: str
    ) -> None:
        real = world.clock.now
        world.stripe.clock = lambda: real
        world.clock.advance(minutes=30)
        world.lose_reply()
        view = world.charge(customer)
        world.stripe.clock = world.clock
        world.clock.now = real + timedelta(days=40)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED

    def test_a_key_that_is_older_than_our_clock_says_is_not_sent_again(
        self, world: World, customer: str
    ) -> None:
        real = world.clock.now
        world.stripe.clock = lambda: real
        world.clock.advance(hours=3)
        world.lose_reply()
        view = world.charge(customer)
        world.stripe.clock = world.clock
        world.clock.now = real + timedelta(hours=25)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1
