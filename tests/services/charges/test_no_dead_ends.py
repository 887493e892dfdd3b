"""Answers that are not what was asked for, and states that once had no way out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.domain.declines import SECRET_CODES, Reason
from lib.domain.incidents import UNEXPECTED
from lib.domain.resolutions import LookResult
from lib.domain.runs import RunState
from lib.errors import Busy, InvalidInput, NotPermitted, OutcomeUnknown, StaleState
from tests.beginnings import made_once
from tests.charge_runs import audited, counts, started
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, VERA, World


@pytest.fixture
@made_once
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

    def test_another_payment_that_was_closed_is_no_word_about_this_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        view, other = world.charge(customer), world.charge(customer, reference="INV-2")
        assert view.last is not None
        assert other.last is not None
        world.services.charges.cancel(other.charge.id, by=ALICE)
        mine, closed = (f"/v1/payment_intents/{one.last.payment_intent}" for one in (view, other))
        good = world.save_card(customer)
        world.clock.advance(minutes=1)
        handle = world.stripe.handle

        def mixed_up(method: str, path: str, *rest: Any) -> Any:
            if path == f"{mine}/cancel":
                return handle("GET", closed, {}, rest[1])
            return handle(method, path, *rest)

        again = (view.charge.id,)
        with monkeypatch.context() as patch:
            patch.setattr(world.stripe, "handle", mixed_up)
            with pytest.raises(Busy):
                try_again(world.services.charges, *again, by=ALICE, payment_method=good, attempt=2)
        assert world.moved() == []
        charged = try_again(
            world.services.charges, *again, by=ALICE, payment_method=good, attempt=2
        )
        assert charged.charge.state is ChargeState.SUCCEEDED

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

    def test_in_a_run_it_is_known_before_the_run_says_finished(
        self, world: World, detached: str
    ) -> None:
        (method,) = world.services.reports.payment_methods.page().frame["id"]
        run = started(world, [(detached, method, 1_234, "INV-1")])
        world.lose_reply()
        world.services.runs.executor.execute(run)
        assert world.services.runs.control.find(run).state is RunState.FINISHED
        assert counts(world, run) == {"declined": 1}


class TestCardTakenAway:
    def test_a_row_of_a_run_gets_a_link_for_another_card_too(
        self, world: World, detached: str
    ) -> None:
        (method,) = world.services.reports.payment_methods.page().frame["id"]
        run = started(world, [(detached, method, 1_234, "INV-1")])
        world.services.runs.executor.execute(run)
        (row,) = world.services.runs.views.rows(run)
        assert row.charge is not None
        assert row.charge.failure is not None
        assert row.charge.failure.reason is Reason.CARD_DETAILS
        assert row.charge.recovery_url

    def test_the_customer_is_asked_for_another_card(self, world: World, detached: str) -> None:
        view = world.charge(detached)
        failure = view.as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert failure["reason"] == "card_details"
        assert failure["retry_allowed"] is False
        assert view.recovery_url
        assert view.recovery_url in world.told(view)


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
        again = try_again(
            world.services.charges, view.charge.id, by=ALICE, payment_method=good, attempt=2
        )
        assert again.charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    @pytest.mark.parametrize("kind", ["error_500_saved", "error_500_unsaved"])
    def test_a_row_waits_for_stripe_and_is_not_blocked_for_good(
        self, world: World, kind: str
    ) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        view = world.charge(customer, reference="INV-1", amount="10.01")
        assert view.last is not None
        good = world.save_card(customer)
        run = started(world, [(customer, good, 1_001, "INV-1")])
        path = f"/v1/payment_intents/{view.last.payment_intent}/cancel"
        world.stripe.faults.add("POST", path, kind=kind, times=4)
        world.services.runs.executor.execute(run)
        assert counts(world, run) == {"succeeded": 1}
        assert len(world.moved()) == 1

    def test_what_stripe_does_not_close_now_is_charged_later(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        view = world.charge(customer)
        assert view.last is not None
        good = world.save_card(customer)
        world.clock.advance(minutes=1)
        path = f"/v1/payment_intents/{view.last.payment_intent}/cancel"
        world.stripe.faults.add("POST", path, kind="error_500_unsaved", times=3)
        again = (view.charge.id,)
        with pytest.raises(Busy, match="Nothing was charged"):
            try_again(world.services.charges, *again, by=ALICE, payment_method=good, attempt=2)
        charged = try_again(
            world.services.charges, *again, by=ALICE, payment_method=good, attempt=2
        )
        assert charged.charge.state is ChargeState.SUCCEEDED

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
        failure = view.as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert failure["decline_code"] == code
        spoken = f"{failure['message']} {failure['next_step']} {world.told(view)}"
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
        assert (
            world.services.charge_resolver.resolve(view.charge.id, by=ALICE) is LookResult.NO_ANSWER
        )
        proposal = (view.charge.id, Outcome.NOT_EXECUTED)
        with pytest.raises(StaleState, match=f"{intent}, {status.replace('_', ' ')}"):
            world.services.manual_outcomes.propose(*proposal, reason="Nothing there", by=ALICE)
        world.stripe.alter(intent, {"status": "canceled"})
        assert world.services.charge_resolver.resolve(view.charge.id, by=ALICE) is LookResult.FINAL
        after = world.services.charges.view(view.charge.id)
        assert after.charge.state is ChargeState.DECLINED

    def opened(self, world: World, customer: str, status: str) -> tuple[str, str]:
        """A charge without an answer whose payment Stripe holds open, and that payment."""
        world.lose_reply()
        charge = world.charge(customer).charge
        with world.uow.read() as stores:
            key = stores.charges.attempts(charge.id)[0].idempotency_key
        page = world.services.gateway.list_events()
        intent = next(e.object_id for e in page.items if e.idempotency_key == key)
        assert intent is not None
        without_charge = {} if status == "requires_capture" else {"latest_charge": None}
        world.stripe.alter(intent, {"status": status, **without_charge})
        world.clock.advance(minutes=2)
        return charge.id, intent

    @pytest.mark.parametrize("status", ["requires_capture", "requires_payment_method"])
    @pytest.mark.parametrize("kind", [None, "lost_reply", "error_500_saved", "lost_request"])
    def test_it_is_cancelled_with_a_reason(
        self, world: World, customer: str, status: str, kind: str | None
    ) -> None:
        """Whatever becomes of the request: what Stripe holds then is what counts."""
        charge, intent = self.opened(world, customer, status)
        cancel = world.services.open_payments.cancel
        if kind is not None:
            path = f"/v1/payment_intents/{intent}/cancel"
            world.stripe.faults.add("POST", path, kind=kind)
            with suppress(Busy):
                cancel(charge, reason="Typed by hand", by=ALICE)
            assert "charge.cancel_payment" in audited(world), "before it was asked for"
        if world.services.charges.view(charge).charge.state is ChargeState.UNKNOWN:
            cancel(charge, reason="Typed by hand", by=ALICE)
        view = world.services.charges.view(charge)
        assert view.charge.state is ChargeState.DECLINED
        with pytest.raises(StaleState):
            cancel(charge, reason="Once more", by=ALICE)
        world.clock.advance(days=3)
        again = try_again(world.services.charges, charge, by=ALICE, attempt=2)
        assert again.charge.state is ChargeState.SUCCEEDED

    def test_not_without_a_reason_nor_by_whoever_only_looks(
        self, world: World, customer: str
    ) -> None:
        charge, intent = self.opened(world, customer, "requires_capture")
        with pytest.raises(InvalidInput):
            world.services.open_payments.cancel(charge, reason=" ", by=ALICE)
        with pytest.raises(NotPermitted):
            world.services.open_payments.cancel(charge, reason="Mine", by=VERA)
        assert world.services.gateway.retrieve_payment_intent(intent).status == "requires_capture"

    def test_what_was_paid_meanwhile_is_not_cancelled(self, world: World, customer: str) -> None:
        world.lose_reply()
        charge = world.charge(customer).charge
        world.clock.advance(minutes=2)
        with pytest.raises(StaleState, match="known by now"):
            world.services.open_payments.cancel(charge.id, reason="Looked open", by=ALICE)
        assert world.services.charges.view(charge.id).charge.state is ChargeState.SUCCEEDED


def test_a_question_without_an_answer_makes_nothing_unknown(world: World, customer: str) -> None:
    world.clock.advance(minutes=5)
    world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
    with pytest.raises(OutcomeUnknown) as found:
        world.charge(customer)
    assert (found.value.is_of_a_question, found.value.code) == (True, "stripe_unreachable")
    assert world.rows("SELECT * FROM attempts") == []


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
    assert world.services.charge_resolver.resolve(charge_id, by=ALICE) is LookResult.FINAL


@pytest.mark.parametrize("hours", [2, 7_200])
def test_a_process_that_died_under_a_fast_clock_leaves_nothing_for_that_date(
    world: World, customer: str, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    world.clock.advance(hours=hours)
    with monkeypatch.context() as patch:
        patch.setattr(world.services.gateway, "create_payment_intent", dies)
        with pytest.raises(KeyboardInterrupt):
            world.charge(customer)
    world.clock.advance(hours=-hours)
    charge_id = world.services.reports.charges.page().frame["id"][0]
    world.services.charge_resolver.resolve_due()
    state = world.services.charges.view(charge_id).charge.state
    assert state is not ChargeState.ATTEMPTING


def test_what_never_arrived_under_a_fast_clock_ends_a_day_later(
    world: World, customer: str
) -> None:
    world.clock.advance(days=300)
    world.fault("error_500_saved")
    charge_id = world.charge(customer).charge.id
    world.clock.advance(days=-300)
    look = world.services.charge_resolver.resolve
    assert look(charge_id, by=ALICE) is LookResult.NO_ANSWER
    world.clock.advance(hours=25)
    assert look(charge_id, by=ALICE) is LookResult.FINAL
    assert world.services.charges.view(charge_id).charge.state is ChargeState.PLANNED
