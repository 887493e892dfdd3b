"""Answers and news that are odd, late or of somebody else: none is believed too far, and none stops the others."""

from __future__ import annotations

import json
import logging
import sqlite3

import pytest
import stripe

from lib.domain.charges import ChargeState, Evidence, Outcome
from lib.domain.mirror import Event
from lib.errors import (
    AlreadyCharged,
    OutcomeUnknown,
)
from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.services.ledger import attempts
from lib.stripe_gateway.client import UnreadClient, unread
from lib.stripe_gateway.errors import translate
from tests.ledger_checks import KEY, ask_stripe, intent_of, looked, paid_by_hand, reread
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION, World


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
        translation = translate(stripe.APIError("<html>", b"<html>", status, None, {}))
        assert isinstance(translation, OutcomeUnknown)

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
        try_again(world.services.charges, failed.charge.id, by=ALICE, payment_method=good)
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
        try_again(world.services.charges, view.charge.id, by=ALICE, payment_method=bad)
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
        try_again(world.services.charges, view.charge.id, by=ALICE)
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
