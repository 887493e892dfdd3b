"""Processes that were stopped, clocks that were wrong, and proxies that answer for Stripe."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe

from lib.domain.charges import ChargeState, Outcome
from lib.domain.refunds import RefundState
from lib.errors import AlreadyCharged, OutcomeUnknown
from lib.money import Money
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.stripe_gateway.client import UnreadClient
from lib.stripe_gateway.errors import translate
from tests import stripe_account
from tests.beginnings import made_once
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def refuse(gateway: Any, name: str, code: str, then: Callable[[], object]) -> None:
    """Stripe answers 400 to whoever asks by `gateway`, as long as `then` takes."""
    ask = getattr(gateway, name)

    def refused(*_: object, **__: object) -> object:
        error = {"type": "invalid_request_error", "code": code, "message": "Not now."}
        raise translate(
            stripe.InvalidRequestError("x", None, http_status=400, json_body={"error": error})
        )

    setattr(gateway, name, refused)
    then()
    setattr(gateway, name, ask)


class TestStoppedBeforeSending:
    """A process was stopped between writing an attempt down and sending it; others went on."""

    @pytest.fixture
    def awake(self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch):
        """Charges by a process that sleeps just before it sends; `meanwhile` gets the others' services."""

        def charge(meanwhile: Callable[[Any, str], object]) -> None:
            world.services.users.add_practice_users()
            first, second = world.services, world.rebuild()
            ask = first.charges.sender.ask

            def asleep(attempt: Any) -> Any:
                meanwhile(second, attempt.charge_id)
                return ask(attempt)

            monkeypatch.setattr(first.charges.sender, "ask", asleep)
            first.charges.charge(world.order(customer), by=ALICE)

        return charge

    def refused(self, world: World, services: Any) -> None:
        world.clock.advance(minutes=7)
        refuse(
            services.gateway,
            "create_payment_intent",
            "not_now",
            services.charge_resolver.resolve_due,
        )

    def test_it_was_refused_and_tried_again(self, world: World, awake) -> None:
        def meanwhile(services: Any, charge: str) -> None:
            self.refused(world, services)
            again = try_again(services.charges, charge, by=ALICE)
            assert again.charge.state is ChargeState.SUCCEEDED

        awake(meanwhile)
        assert len(world.moved()) == 1

    def test_it_was_refused_and_given_up(self, world: World, awake) -> None:
        def meanwhile(services: Any, charge: str) -> None:
            self.refused(world, services)
            services.charges.cancel(charge, by=ALICE)

        awake(meanwhile)
        assert world.moved() == []

    def test_for_so_long_that_stripe_may_have_forgotten_the_key(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = world.services.gateway
        send = gateway.create_payment_intent

        def after_a_day(*request: Any, **options: Any) -> Any:
            world.clock.advance(hours=23)
            return send(*request, **options)

        monkeypatch.setattr(gateway, "create_payment_intent", after_a_day)
        view = world.charge(customer)
        assert view.attempts[-1].outcome is Outcome.NOT_EXECUTED
        assert view.charge.state is ChargeState.PLANNED
        assert world.moved() == []

    def test_two_people_agreed_that_it_was_never_executed(self, world: World, awake) -> None:
        def meanwhile(services: Any, charge: str) -> None:
            world.clock.advance(minutes=70)
            gateway = services.gateway
            ask = gateway.create_payment_intent

            def down(*_: object, **__: object) -> object:
                raise OutcomeUnknown("Stripe answered with an error of its own.", http_status=503)

            gateway.create_payment_intent = down
            services.charge_resolver.resolve_due()
            proposal = services.manual_outcomes.propose(
                charge, Outcome.NOT_EXECUTED, reason="outage", by=ALICE
            )
            services.manual_outcomes.approve(proposal.id, by=BOB, password=PRACTICE_PASSWORD)
            gateway.create_payment_intent = ask
            try_again(services.charges, charge, by=ALICE)

        awake(meanwhile)
        assert len(world.moved()) == 1

    def test_the_settler_itself_was_slow(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = world.services, world.rebuild()
        world.fault("lost_request")
        view = first.charges.charge(world.order(customer), by=ALICE)
        world.clock.advance(minutes=65)
        find = first.charge_resolver.find

        def slow(*given: Any) -> Any:
            found = find(*given)
            world.clock.advance(minutes=2)
            refuse(
                second.gateway,
                "create_payment_intent",
                "not_now",
                second.charge_resolver.resolve_due,
            )
            try_again(second.charges, view.charge.id, by=ALICE)
            return found

        monkeypatch.setattr(first.charge_resolver, "find", slow)
        first.charge_resolver.resolve_due()
        assert len(world.moved()) == 1

    def test_a_refund(self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
        world.services.users.add_practice_users()
        paid = world.charge(customer, amount="20.00").charge.id
        first, second = world.services, world.rebuild()
        asked = {"money": Money(500, "usd"), "reason": "requested_by_customer", "note": "x"}
        order = first.refunds.request(paid, **asked, by=ALICE)
        ask = first.refunds.sender.ask

        def asleep(sent: Any) -> Any:
            world.clock.advance(minutes=7)
            refuse(
                second.gateway,
                "create_refund",
                "balance_insufficient",
                second.refund_resolver.resolve_due,
            )
            again = second.refunds.request(paid, **asked, by=ALICE)
            done = second.refunds.approve(again.id, by=BOB, password=PRACTICE_PASSWORD)
            assert done.state is RefundState.SUCCEEDED
            return ask(sent)

        monkeypatch.setattr(first.refunds.sender, "ask", asleep)
        first.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        assert len([m for m in world.stripe.money_moved() if m.kind != "charge"]) == 1


class TestClocks:
    @pytest.mark.parametrize("hours_ahead", [25, 30, 24 * 40])
    def test_a_clock_days_ahead_when_it_was_sent(
        self, world: World, customer: str, hours_ahead: int
    ) -> None:
        """Put right, the key seems young when it is due, and Stripe has long forgotten it."""
        real = world.clock.now
        world.stripe.clock = lambda: real
        world.clock.advance(hours=hours_ahead)
        world.lose_reply()
        world.charge(customer)
        world.stripe.clock = world.clock
        for hours in (24, hours_ahead, hours_ahead + 1, hours_ahead + 2):
            world.clock.now = real + timedelta(hours=hours, minutes=5)
            world.services.charge_resolver.resolve_due()
            world.services.charge_resolver.reconcile(by=ALICE)
        assert len(world.moved()) == 1

    def test_a_clock_that_jumps_a_day_while_one_charge_is_in_flight(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = world.services, world.rebuild()
        gateway = first.gateway
        create = gateway.create_payment_intent

        def slow(params: Any, *, idempotency_key: str, **_: Any) -> Any:
            world.clock.advance(hours=25)
            second.charge_resolver.resolve_due()
            retried = try_again(second.charges, params["metadata"]["onfile_charge_id"], by=ALICE)
            assert retried.charge.state is ChargeState.SUCCEEDED
            # Both have the same key.
            return create(params, idempotency_key=idempotency_key)

        monkeypatch.setattr(gateway, "create_payment_intent", slow)
        first.charges.charge(world.order(customer), by=ALICE)
        assert len(world.moved()) == 1


class TestProxies:
    """Between us and Stripe; they may pass a request on and then answer for themselves, in JSON."""

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 429, 499])
    def test_an_error_without_stripes_form(self, status: int) -> None:
        body = {"error": {"code": status, "message": "upstream request timeout"}}
        translation = translate(stripe.APIError("x", json.dumps(body), status, body, {}))
        assert isinstance(translation, OutcomeUnknown)

    def test_a_status_under_which_stripe_never_refuses(self) -> None:
        body = {"error": {"type": "timeout", "message": "upstream request timeout"}}
        translation = translate(stripe.APIError("x", json.dumps(body), 408, body, {}))
        assert isinstance(translation, OutcomeUnknown)

    def test_the_reference_stays_locked(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = UnreadClient.request

        def proxied(self: UnreadClient, method: str, url: str, *rest: Any, **more: Any) -> Any:
            answer = request(self, method, url, *rest, **more)
            if method == "post" and url.endswith("/v1/payment_intents"):
                body = {"error": {"code": 408, "message": "upstream request timeout"}}
                return json.dumps(body).encode(), 408, {}
            return answer

        monkeypatch.setattr(UnreadClient, "request", proxied)
        view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        other = world.save_card(customer)
        with pytest.raises(AlreadyCharged):
            try_again(world.services.charges, view.charge.id, by=ALICE, payment_method=other)
        assert len(world.moved()) == 1


class TestWhatStripeKeeps:
    def test_our_marks_were_taken_off_the_payment(self, world: World, customer: str) -> None:
        """The event still carries the key, which nobody else has."""
        world.lose_reply()
        view = world.charge(customer)
        (intent,) = [moved.payment_intent for moved in world.stripe.money_moved()]
        stripe_account.post(
            world,
            f"/v1/payment_intents/{intent}",
            metadata={"onfile_charge_id": "", "onfile_attempt": ""},
        )
        world.clock.advance(hours=26)
        world.services.charge_resolver.resolve_due()
        found = world.services.charges.view(view.charge.id)
        assert found.charge.state is ChargeState.SUCCEEDED
        assert found.last is not None
        assert found.last.payment_intent == intent

    def test_a_key_that_may_not_read_events_still_settles_what_is_young(
        self, world: World, customer: str
    ) -> None:
        world.fault("lost_request")
        view = world.charge(customer)
        world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=99)
        world.clock.advance(minutes=5)
        world.services.charge_resolver.resolve_due()
        assert world.services.charges.view(view.charge.id).charge.state is ChargeState.SUCCEEDED

    def test_but_concludes_nothing_from_silence(self, world: World, customer: str) -> None:
        world.fault("error_500_saved")
        view = world.charge(customer)
        world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=99)
        world.clock.advance(hours=30)
        world.services.charge_resolver.resolve_due()
        found = world.services.charges.view(view.charge.id)
        assert found.charge.state is ChargeState.UNKNOWN
        assert found.last is not None
        assert "permission" in str(json.loads(found.last.last_look or "{}")["error"])

    def test_a_refusal_that_did_not_name_its_payment_is_closed_before_another_try(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer)
        gateway = world.services.gateway
        create = gateway.create_payment_intent

        def bare(params: Any, **more: Any) -> Any:
            try:
                return create(params, **more)
            except Exception as error:
                error.details.pop("payment_intent")  # type: ignore[attr-defined]
                raise

        monkeypatch.setattr(gateway, "create_payment_intent", bare)
        view = world.charge(customer, method=bad)
        monkeypatch.undo()
        world.services.sync.run(full=True)
        try_again(world.services.charges, view.charge.id, by=ALICE, payment_method=good)
        states = {one["status"] for one in stripe_account.listed(world, "/v1/payment_intents")}
        assert states == {"succeeded", "canceled"}
