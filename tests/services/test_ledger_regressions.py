"""
Attacks on the ledger, each found by somebody who tried to make Onfile charge twice, lose a charge,
lock a reference, or say something untrue. Every test here failed once.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from datetime import timedelta

import pytest
import stripe

from lib.domain.charges import ChargeState, Evidence, Outcome
from lib.domain.mirror import Event
from lib.errors import (
    AlreadyCharged,
    Blocked,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.view import ChargeView
from lib.services.ledger import attempts
from lib.services.ledger.attempts import AttemptResult, record_result
from lib.stripe_gateway.client import UnreadClient, unread
from lib.stripe_gateway.errors import translate
from tests.beginnings import made_once
from tests.world import ALICE, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION, World

KEY = {"Authorization": "Bearer sk_test_practice"}


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def ask_stripe(world: World, path: str, **params: object) -> dict[str, object]:
    """Somebody acts in the Stripe Dashboard."""
    reply = world.stripe.handle("POST", path, dict(params), KEY)
    assert reply.status == 200, reply.body
    return reply.body


def intent_of(view: ChargeView) -> str:
    assert view.last is not None
    assert view.last.payment_intent is not None
    return view.last.payment_intent


def reread(world: World, view: ChargeView) -> ChargeView:
    return world.services.charges.view(view.charge.id)


def looked(world: World, view: ChargeView) -> ChargeView:
    world.services.charge_resolver.resolve_due()
    return reread(world, view)


def paid_by_hand(world: World, view: ChargeView, **changes: object) -> str:
    """A payment made elsewhere that carries our metadata."""
    charge = view.charge
    params: dict[str, object] = {
        "amount": str(charge.amount),
        "currency": charge.currency,
        "customer": charge.customer,
        "payment_method": charge.payment_method,
        "confirm": "true",
        "off_session": "true",
        "allowed_payment_method_types": ["card"],
        "metadata": {"onfile_charge_id": charge.id, "onfile_attempt": "1"},
    } | changes
    return str(ask_stripe(world, "/v1/payment_intents", **params)["id"])


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
        again = world.services.charges.retry(
            first.charge.id, by=ALICE, payment_method=good, attempt=2
        )
        assert again.charge.id == first.charge.id
        assert world.moved() == [(1234, "usd")]


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
                raced.append(charging.retry(failed.charge.id, by=ALICE, payment_method=cards[1]))

        monkeypatch.setattr(charging.canceller, "cancel_tries", racing)
        with pytest.raises(StaleState):
            charging.retry(failed.charge.id, by=ALICE, payment_method=good)
        again = charging.retry(failed.charge.id, by=ALICE, payment_method=good)
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
            charging.retry(failed.charge.id, by=ALICE, payment_method=cards[1])

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


class TestStrangeAnswers:
    @pytest.mark.parametrize("body", [{}, {"id": "pi_1"}, {"object": "payment_intent", "id": None}])
    def test_an_answer_without_what_it_must_have_is_unknown(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch, body: dict[str, object]
    ) -> None:
        request = UnreadClient.request

        def odd(self, method, url, *rest, **more):
            answer = request(self, method, url, *rest, **more)
            if method == "post" and url.endswith("/v1/payment_intents"):
                return unread(json.dumps(body).encode(), 200, {})
            return answer

        monkeypatch.setattr(UnreadClient, "request", odd)
        view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        monkeypatch.undo()
        world.clock.advance(seconds=61)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_one_attempt_that_cannot_be_looked_at_does_not_stop_the_others(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.lose_reply(times=2)
        first = world.charge(customer, reference="A")
        world.clock.advance(seconds=1)
        # Another customer's: a charge reads what its own customer paid, and would settle the first.
        other = world.customer()
        world.save_card(other)
        second = world.charge(other, reference="B")
        world.clock.advance(seconds=61)
        settling = world.services.charge_resolver
        look = settling.look

        def breaks(attempt, seen):
            if attempt.charge_id == first.charge.id:
                raise KeyError("id")
            return look(attempt, seen)

        monkeypatch.setattr(settling, "look", breaks)
        assert looked(world, second).charge.state is ChargeState.SUCCEEDED
        after = reread(world, first)
        assert after.last is not None
        assert after.last.looks == 1

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 429, 502])
    def test_an_error_that_stripe_did_not_write_proves_nothing(self, status: int) -> None:
        """A proxy between us and Stripe may answer after it passed the request on."""
        found = translate(stripe.APIError("<html>", b"<html>", status, None, {}))
        assert isinstance(found, OutcomeUnknown)

    def test_a_key_that_stripe_knows_with_other_parameters_is_not_sent_again(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = {"type": "idempotency_error", "message": "other parameters"}
        asked: list[str] = []

        def refuses(params, *, idempotency_key, **more):
            asked.append(idempotency_key)
            raise translate(
                stripe.IdempotencyError("x", http_status=400, json_body={"error": error})
            )

        monkeypatch.setattr(world.services.gateway, "create_payment_intent", refuses)
        view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        for _ in range(3):
            world.clock.advance(minutes=20)
            looked(world, view)
        assert len(asked) == 1

    def test_a_currency_in_capitals_is_the_same_currency(self, world: World, customer: str) -> None:
        order = ChargeOrder(customer, Money(1234, "USD"), "INV-1")
        world.lose_reply()
        view = world.services.charges.charge(order, by=ALICE)
        assert view.charge.currency == "usd"
        world.clock.advance(days=2)
        assert looked(world, view).charge.state is ChargeState.SUCCEEDED

    def test_a_payment_intent_that_was_edited_after_it_failed_is_still_a_decline(
        self, world: World, customer: str
    ) -> None:
        """Any edit clears `last_payment_error`."""
        bad = world.save_card(customer, ALWAYS_DECLINES)
        world.lose_reply()
        view = world.charge(customer, method=bad)
        reply = world.stripe.handle("GET", "/v1/payment_intents", {}, KEY)
        intent = reply.body["data"][0]["id"]
        ask_stripe(world, f"/v1/payment_intents/{intent}", description="looked at by Bob")
        world.clock.advance(days=2)
        assert looked(world, view).charge.state is ChargeState.DECLINED


class TestNewsThatMustNotStopOtherNews:
    @pytest.mark.parametrize("attempt", ["9" * 30, "9" * 500])
    def test_metadata_that_is_no_number_of_ours(
        self, world: World, customer: str, attempt: str
    ) -> None:
        view = world.charge(customer)
        paid_by_hand(
            world, view, metadata={"onfile_charge_id": view.charge.id, "onfile_attempt": attempt}
        )
        world.services.sync.run(full=True)
        world.services.charge_resolver.reconcile(by=ALICE)

    def test_metadata_moved_to_another_attempt(self, world: World, customer: str) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer)
        failed = world.charge(customer, method=bad)
        world.lose_reply()
        world.services.charges.retry(failed.charge.id, by=ALICE, payment_method=good)
        ask_stripe(
            world, f"/v1/payment_intents/{intent_of(failed)}", metadata={"onfile_attempt": "2"}
        )
        world.services.sync.run(full=True)
        world.clock.advance(seconds=61)
        assert looked(world, failed).charge.state is ChargeState.SUCCEEDED

    def test_a_payment_found_for_a_try_that_counted_as_never_executed(
        self, world: World, customer: str
    ) -> None:
        """It left its key to the next try, which Stripe cannot have executed while it knew the key."""
        world.fault("missing_permission")
        view = world.charge(customer)
        bad = world.save_card(customer, ALWAYS_DECLINES)
        world.lose_reply()
        world.services.charges.retry(view.charge.id, by=ALICE, payment_method=bad)
        found = paid_by_hand(world, view)
        world.services.sync.run(full=True)
        assert reread(world, view).charge.state is ChargeState.SUCCEEDED
        world.clock.advance(seconds=61)
        after = looked(world, view)
        assert after.charge.state is ChargeState.SUCCEEDED
        assert [a.outcome for a in after.attempts] == [Outcome.SUCCEEDED, Outcome.NOT_EXECUTED]
        assert after.attempts[0].payment_intent == found
        assert after.recovery_url is None

    def test_a_second_payment_of_the_same_charge_is_suspected_aloud(
        self, world: World, customer: str
    ) -> None:
        world.fault("missing_permission")
        view = world.charge(customer)
        world.services.charges.retry(view.charge.id, by=ALICE)
        paid_by_hand(world, view)
        world.services.sync.run(full=True)
        actions = [row["action"] for row in world.rows("SELECT action FROM audit_log")]
        assert "charge.paid_twice_suspected" in actions

    def test_a_delivery_that_the_database_refuses_does_not_stop_the_others(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        intent = world.stripe.money_moved()[0].payment_intent
        with world.services.uow.write() as stores:
            for number, object_id in enumerate(("pi_bad", intent)):
                stores.deliveries.add(
                    Event(
                        f"evt_{number}",
                        "payment_intent.succeeded",
                        False,
                        None,
                        world.now,
                        object_id,
                        "payment_intent",
                        None,
                    ),
                    received_at=world.now + number - 1,
                    signature_age=0,
                    state="received",
                )
        refetcher = world.services.webhooks.refetcher
        ask = refetcher.payment_intent

        def breaks(intent_id, *, evidence):
            if intent_id == "pi_bad":
                raise sqlite3.IntegrityError("a rule of the schema")
            return ask(intent_id, evidence=evidence)

        monkeypatch.setattr(refetcher, "payment_intent", breaks)
        world.services.webhooks.process_due()
        assert reread(world, view).charge.state is ChargeState.SUCCEEDED


class TestLateNews:
    def test_an_old_page_does_not_bring_a_failed_debit_back_to_processing(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer, "DE89370400440532013000", currency="eur")
        view = world.charge(customer, currency="eur")
        gateway = world.services.gateway
        asked_at = world.now
        old = gateway.retrieve_payment_intent(intent_of(view))
        world.clock.advance(seconds=2)
        world.stripe.settle_processing(old.id, succeed=False)
        world.services.sync.run(full=True)
        assert reread(world, view).charge.state is ChargeState.DECLINED
        from lib.services.mirror.apply import record_payment_intents

        with world.services.uow.write() as stores:
            record_payment_intents(
                stores, [old], synced_at_ms=asked_at * 1000, evidence=Evidence.PAYMENT_INTENT.value
            )
        assert reread(world, view).charge.state is ChargeState.DECLINED

    def test_our_own_cancellation_is_no_news_about_why_it_failed(
        self, world: World, customer: str
    ) -> None:
        bad = world.save_card(customer, NO_MONEY)
        failed = world.charge(customer, method=bad)
        assert failed.last is not None
        ask_stripe(world, f"/v1/payment_intents/{intent_of(failed)}", description="looked at")
        cancelled = world.services.charges.cancel(failed.charge.id, by=ALICE)
        assert cancelled.charge.state is ChargeState.CANCELLED
        assert cancelled.last is not None
        assert cancelled.last.decline == failed.last.decline
        world.services.sync.run(full=True)
        assert reread(world, failed).charge.state is ChargeState.CANCELLED

    def test_an_authentication_that_is_given_up_is_cancelled_at_the_first_click(
        self, world: World, customer: str
    ) -> None:
        """Stripe's `canceled` has no error when the intent waited for an action."""
        strict = world.save_card(customer, WANTS_AUTHENTICATION)
        failed = world.charge(customer, method=strict)
        assert failed.charge.state is ChargeState.NEEDS_CUSTOMER
        ask_stripe(world, f"/v1/payment_intents/{intent_of(failed)}", description="looked at")
        cancelled = world.services.charges.cancel(failed.charge.id, by=ALICE)
        assert cancelled.charge.state is ChargeState.CANCELLED


class TestWords:
    def test_what_stripe_sent_never_reaches_a_log(
        self, world: World, customer: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.charge(customer)
        world.stripe.faults.add("GET", "/v1/payment_intents", kind="truncated_json", times=60)
        with caplog.at_level(logging.DEBUG):
            world.services.sync.request_scheduled()
            world.worker.do_long()
        assert "worker: backfill failed" in caplog.text
        assert "_secret_" not in caplog.text
        assert "client_secret" not in caplog.text

    def test_a_full_database_after_the_call_does_not_say_that_nothing_was_done(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> bool:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(attempts, "record_result", full)
            with pytest.raises(OutcomeUnknown) as told:
                world.charge(customer)
        assert "Nothing was" not in str(told.value)
        assert len(world.moved()) == 1
        world.clock.advance(seconds=61)
        world.services.charge_resolver.resolve_due()
        with pytest.raises(AlreadyCharged):
            world.charge(customer)
        assert len(world.moved()) == 1

    def test_a_busy_database_after_the_call_is_waited_for(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = attempts.record_result
        times = iter(range(2))

        def busy(*args, **kwargs):
            if next(times, None) is not None:
                raise sqlite3.OperationalError("database is locked")
            return record(*args, **kwargs)

        gateway = world.services.gateway
        send = gateway.create_payment_intent
        keys: list[str] = []

        def counted(params, *, idempotency_key, **more):
            keys.append(idempotency_key)
            return send(params, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(gateway, "create_payment_intent", counted)
        monkeypatch.setattr(attempts, "record_result", busy)
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1
        assert len(keys) == 1, "only the writing is repeated"

    def test_the_sdk_does_not_log_addresses_with_e_mails_below_warning(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            world.services.customers.with_email("anna@example.com")
        assert "anna" not in caplog.text


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
