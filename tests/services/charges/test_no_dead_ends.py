"""Answers that are not what was asked for, and states that once had no way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.domain.declines import SECRET_CODES
from lib.errors import OutcomeUnknown, StaleState
from lib.services.ledger.unexpected import UNEXPECTED
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def stripe(world: World, method: str, path: str, params: dict[str, Any] | None = None) -> Any:
    """Something done at Stripe by other means than Onfile."""
    reply = world.stripe.handle(
        method, path, params or {}, {"Authorization": "Bearer sk_test_practice"}
    )
    assert reply.status == 200, reply.body
    return reply.body


class TestAnotherAnswer:
    @pytest.mark.parametrize(
        "other",
        [{"amount": 99_900}, {"currency": "eur"}, {"customer": "cus_other"}, {"attempt": 7}],
        ids=lambda other: next(iter(other)),
    )
    def test_a_payment_that_was_not_asked_for_is_never_recorded_as_ours(
        self,
        world: World,
        customer: str,
        monkeypatch: pytest.MonkeyPatch,
        other: dict[str, Any],
    ) -> None:
        send = world.services.gateway.create_payment_intent

        def mixed_up(params: Any, **more: Any) -> Any:
            return replace(send(params, **more), id="pi_mixed_up", **other)

        with monkeypatch.context() as patch:
            patch.setattr(world.services.gateway, "create_payment_intent", mixed_up)
            view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        assert view.last is not None
        assert view.last.payment_intent is None
        with world.uow.read() as stores:
            incident = stores.incidents.about("pi_mixed_up")[0]
        assert incident.kind == UNEXPECTED
        assert incident.is_open
        assert incident.details["charge_id"] == view.charge.id
        # What Stripe really did is found by what it keeps.
        world.clock.advance(seconds=30)
        world.services.charge_resolver.resolve_due()
        assert world.services.charges.view(view.charge.id).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_the_answer_as_it_was_asked_for_is_no_incident(
        self, world: World, customer: str
    ) -> None:
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        with world.uow.read() as stores:
            assert stores.incidents.open() == []


@pytest.fixture
def detached(world: World, customer: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A customer whose card is taken away at Stripe after Onfile's last look at it."""
    send = world.services.gateway.create_payment_intent
    (method,) = world.services.reports.payment_methods.page().frame["id"]

    def late(params: Any, *, last_look: Any = None, **more: Any) -> Any:
        def look() -> None:
            if last_look is not None:
                last_look()
            monkeypatch.undo()
            stripe(world, "POST", f"/v1/payment_methods/{method}/detach")

        return send(params, last_look=look, **more)

    monkeypatch.setattr(world.services.gateway, "create_payment_intent", late)
    return customer


class TestReplayed:
    def test_a_replayed_refusal_is_the_answer_to_the_lost_one(
        self, world: World, detached: str
    ) -> None:
        world.lose_reply()
        view = world.charge(detached)
        assert view.charge.state is ChargeState.UNKNOWN
        world.clock.advance(seconds=30)
        assert world.services.charge_resolver.resolve_due() == 1
        after = world.services.charges.view(view.charge.id)
        assert after.last is not None
        assert (after.last.outcome, after.last.evidence) == (Outcome.DECLINED, "same_key")
        assert after.last.http_status == 400


class TestCardTakenAway:
    def test_the_customer_is_asked_for_another_card(self, world: World, detached: str) -> None:
        view = world.charge(detached)
        failure = view.as_json()["failure"]
        assert isinstance(failure, dict)
        assert failure["reason"] == "card_details"
        assert failure["retry_allowed"] is False
        assert view.recovery_url
        assert view.recovery_url in (view.customer_message() or "")


class TestClosingWhatFailed:
    def test_a_saved_error_does_not_hold_the_debt_for_a_day(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        view = world.charge(customer)
        assert view.last is not None
        path = f"/v1/payment_intents/{view.last.payment_intent}/cancel"
        world.stripe.faults.add("POST", path, kind="error_500_saved", times=2)
        good = world.save_card(customer)
        world.clock.advance(minutes=1)
        again = world.services.charges.retry(
            view.charge.id, by=ALICE, payment_method=good, attempt=2
        )
        assert again.charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_a_saved_refusal_from_before_is_not_the_answer_of_now(
        self, world: World, customer: str
    ) -> None:
        """An intent that could not be cancelled while it was processing can be once that failed."""
        intent = world.services.gateway.create_payment_intent(
            {"amount": 700, "currency": "usd", "customer": customer}, idempotency_key="elsewhere"
        )
        world.stripe.alter(intent.id, {"status": "processing"})
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                world.services.gateway.cancel_payment_intent(intent.id, idempotency_key="end")
        world.stripe.alter(intent.id, {"status": "requires_payment_method"})
        ended = world.services.gateway.cancel_payment_intent(intent.id, idempotency_key="end")
        assert ended.status == "canceled"


class TestStripesWord:
    @pytest.mark.parametrize("code", sorted(SECRET_CODES))
    def test_staff_read_it_and_nobody_else(self, world: World, code: str) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        charge_id = world.charge(customer).charge.id
        world.change("UPDATE attempts SET decline_code = :code", code=code)
        view = world.services.charges.view(charge_id)
        failure = view.as_json()["failure"]
        assert isinstance(failure, dict)
        assert failure["decline_code"] == code
        spoken = f"{failure['message']} {failure['next_step']} {view.customer_message()}"
        assert code not in spoken
        row = world.services.reports.charges.find(charge_id)
        assert row is not None
        assert row["decline_code"] == "generic_decline"


class TestOpenAtStripe:
    @pytest.mark.parametrize("status", ["requires_capture", "requires_payment_method"])
    def test_what_is_still_open_at_stripe_is_said_and_settles_once_it_ends(
        self, world: World, customer: str, status: str
    ) -> None:
        world.services.users.add_practice_users()
        world.lose_reply()
        view = world.charge(customer)
        with world.uow.read() as stores:
            key = stores.charges.attempts(view.charge.id)[0].idempotency_key
        page = world.services.gateway.list_events()
        intent = next(e.object_id for e in page.items if e.idempotency_key == key)
        assert intent is not None
        world.stripe.alter(intent, {"status": status, "latest_charge": None})
        world.clock.advance(hours=2)
        assert world.services.charge_resolver.resolve(view.charge.id, by=ALICE) is False
        proposal = (view.charge.id, Outcome.NOT_EXECUTED)
        with pytest.raises(StaleState, match=f"{intent}, {status.replace('_', ' ')}"):
            world.services.manual_outcomes.propose(*proposal, reason="Nothing there", by=ALICE)
        world.stripe.alter(intent, {"status": "canceled"})
        assert world.services.charge_resolver.resolve(view.charge.id, by=ALICE) is True
        after = world.services.charges.view(view.charge.id)
        assert after.charge.state is ChargeState.DECLINED


def test_a_look_while_the_request_is_out_says_that_nothing_was_asked(
    world: World, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.services.gateway, "create_payment_intent", dies)
        with pytest.raises(KeyboardInterrupt):
            world.charge(customer)
    charge_id = world.services.reports.charges.page().frame["id"][0]
    with pytest.raises(StaleState, match="Nothing was asked"):
        world.services.charge_resolver.resolve(charge_id, by=ALICE)
    world.clock.advance(seconds=61)
    assert world.services.charge_resolver.resolve(charge_id, by=ALICE) is True


def test_a_process_that_died_under_a_fast_clock_leaves_nothing_for_that_date(
    world: World, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    world.clock.advance(days=300)
    with monkeypatch.context() as patch:
        patch.setattr(world.services.gateway, "create_payment_intent", dies)
        with pytest.raises(KeyboardInterrupt):
            world.charge(customer)
    world.clock.advance(days=-300)
    charge_id = world.services.reports.charges.page().frame["id"][0]
    world.services.charge_resolver.resolve_due()
    state = world.services.charges.view(charge_id).charge.state
    assert state is not ChargeState.ATTEMPTING
