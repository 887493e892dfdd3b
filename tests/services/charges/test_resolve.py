"""Unknown outcomes: settled by evidence, never by a new key, and truthfully when nothing happened."""

from __future__ import annotations

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.errors import AlreadyCharged
from lib.services.charges.view import ChargeView
from tests.beginnings import made_once
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def settled(world: World, view: ChargeView) -> ChargeView:
    world.services.charge_resolver.resolve_due()
    return world.services.charges.view(view.charge.id)


UNKNOWN_FAULTS = [
    "lost_reply",
    "lost_request",
    "error_500_saved",
    "error_500_unsaved",
    "conflict_409",
    "truncated_json",
]


class TestUnknown:
    @pytest.mark.parametrize("kind", UNKNOWN_FAULTS)
    def test_no_definite_answer_is_unknown_and_locks_the_reference(
        self, world: World, customer: str, kind: str
    ) -> None:
        world.fault(kind)
        view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        failure = view.as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert failure["reason"] == "outcome_unknown"
        assert failure["retry_allowed"] is False
        with pytest.raises(AlreadyCharged):
            world.charge(customer)

    @pytest.mark.parametrize("kind", ["lost_reply", "truncated_json"])
    def test_a_lost_reply_is_found_without_asking_again(
        self, world: World, customer: str, kind: str
    ) -> None:
        world.fault(kind)
        view = world.charge(customer)
        assert len(world.moved()) == 1
        world.clock.advance(seconds=30)
        after = settled(world, view)
        assert after.charge.state is ChargeState.SUCCEEDED
        assert after.last is not None
        assert after.last.evidence == "event"
        assert len(after.attempts) == 1
        assert len(world.moved()) == 1

    def test_a_lost_request_is_executed_once_under_the_same_key(
        self, world: World, customer: str
    ) -> None:
        world.fault("lost_request")
        view = world.charge(customer)
        assert world.moved() == []
        world.clock.advance(seconds=30)
        after = settled(world, view)
        assert after.charge.state is ChargeState.SUCCEEDED
        assert after.last is not None
        assert after.last.evidence == "same_key"
        assert len(world.moved()) == 1

    def test_a_lost_decline_is_found_as_a_decline(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        world.lose_reply()
        view = world.charge(customer)
        assert view.charge.state is ChargeState.UNKNOWN
        world.clock.advance(seconds=30)
        after = settled(world, view)
        assert after.charge.state is ChargeState.DECLINED
        assert after.recovery_url

    def test_a_saved_500_is_no_failure_and_no_reason_for_a_new_key(
        self, world: World, customer: str
    ) -> None:
        world.fault("error_500_saved")
        view = world.charge(customer)
        for _ in range(20):
            world.clock.advance(minutes=50)
            view = settled(world, view)
            assert view.charge.state is ChargeState.UNKNOWN
            assert len(view.attempts) == 1
        assert world.moved() == []

    def test_without_any_trace_after_a_day_it_was_never_executed(
        self, world: World, customer: str
    ) -> None:
        world.fault("error_500_saved")
        view = world.charge(customer)
        world.clock.advance(hours=25)
        view = settled(world, view)
        assert view.charge.state is ChargeState.PLANNED
        assert view.last is not None
        assert view.last.outcome is Outcome.NOT_EXECUTED
        assert view.last.evidence == "no_trace"
        again = try_again(world.services.charges, view.charge.id, by=ALICE, attempt=2)
        assert again.charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_an_old_key_is_never_sent_again(self, world: World, customer: str) -> None:
        """After a day Stripe may have forgotten the key and would charge a second time."""
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(hours=48)
        after = settled(world, view)
        assert after.charge.state is ChargeState.SUCCEEDED
        assert after.last is not None
        assert after.last.evidence == "event"
        assert len(world.moved()) == 1

    def test_when_the_event_is_gone_the_customers_own_payments_verify_it(
        self, world: World, customer: str
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(days=40)
        after = settled(world, view)
        assert after.charge.state is ChargeState.SUCCEEDED
        assert after.last is not None
        assert after.last.evidence == "payment_intent"
        assert len(world.moved()) == 1

    def test_while_stripe_cannot_be_asked_nothing_is_concluded(
        self, world: World, customer: str
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(hours=30)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=100)
        assert settled(world, view).charge.state is ChargeState.UNKNOWN

    def test_a_refusal_of_the_question_says_nothing_about_the_attempt(
        self, world: World, customer: str
    ) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(seconds=30)
        world.fault("missing_permission")
        world.stripe.faults.add("GET", "/v1/", kind="missing_permission", times=20)
        assert settled(world, view).charge.state is ChargeState.UNKNOWN

    def test_looks_come_less_and_less_often(self, world: World, customer: str) -> None:
        world.fault("error_500_saved")
        view = world.charge(customer)
        gaps = []
        for _ in range(6):
            assert view.last is not None
            assert view.last.next_look_at is not None
            gaps.append(view.last.next_look_at - world.now)
            world.clock.advance(seconds=gaps[-1])
            view = settled(world, view)
        assert gaps == sorted(gaps)
        assert gaps[0] <= 10
        assert gaps[-1] == 3600

    def test_a_webhook_settles_it_as_well(self, world: World, customer: str) -> None:
        world.lose_reply()
        view = world.charge(customer)
        intent = world.stripe.money_moved()[0].payment_intent
        with world.services.uow.write() as stores:
            from lib.domain.mirror import Event

            stores.deliveries.add(
                Event(
                    "evt_1",
                    "payment_intent.succeeded",
                    False,
                    None,
                    world.now,
                    intent,
                    "payment_intent",
                    None,
                ),
                received_at=world.now,
                signature_age=0,
                state="received",
            )
        world.services.webhooks.process_due()
        assert world.services.charges.view(view.charge.id).charge.state is ChargeState.SUCCEEDED


class TestCrash:
    """The process dies at each line; the next one must find the truth and move money once."""

    def _die(self, monkeypatch: pytest.MonkeyPatch, world: World, where: str) -> None:
        class Died(BaseException):
            pass

        gateway = world.services.gateway
        send = gateway.create_payment_intent

        def before(params, *, idempotency_key, **more):
            raise Died

        def after(params, *, idempotency_key, **more):
            send(params, idempotency_key=idempotency_key)
            raise Died

        monkeypatch.setattr(
            gateway, "create_payment_intent", before if where == "before" else after
        )
        with pytest.raises(Died):
            world.charge(world.services.reports.customers.page().frame["id"][0], reference="CRASH")

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_dying_around_the_call_moves_money_exactly_once(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        self._die(monkeypatch, world, where)
        assert len(world.moved()) == (0 if where == "before" else 1)
        services = world.rebuild()
        charge_id = services.reports.charges.page().frame["id"][0]
        assert services.charges.view(charge_id).charge.state is ChargeState.ATTEMPTING
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="CRASH")
        assert services.charge_resolver.resolve_due() == 0, "the sender may still be waiting"
        world.clock.advance(seconds=61)
        # Where Stripe acted, the news that were read before the second try said so.
        assert services.charge_resolver.resolve_due() == (1 if where == "before" else 0)
        assert services.charges.view(charge_id).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_two_processes_settling_at_once_agree(self, world: World, customer: str) -> None:
        world.lose_reply()
        view = world.charge(customer)
        world.clock.advance(seconds=30)
        first = world.services
        second = world.rebuild()
        with first.uow.read() as stores:
            due = stores.charges.due(now=world.now)
        for services in (first, second):
            for attempt in due:
                services.charge_resolver.resolve_or_postpone(attempt)
        timeline = second.reports.charges.timeline(view.charge.id)
        assert [entry.kind for entry in timeline].count("succeeded") == 1
        assert len(world.moved()) == 1


class TestReconcile:
    def test_settles_and_counts(self, world: World, customer: str) -> None:
        world.lose_reply()
        world.charge(customer)
        world.clock.advance(seconds=61)
        found = world.services.charge_resolver.reconcile(by=ALICE)
        assert (found.settled, found.still_unknown, found.drift) == (1, 0, [])

    def test_a_payment_with_our_metadata_that_we_never_made_is_drift(
        self, world: World, customer: str
    ) -> None:
        method = world.services.reports.payment_methods.page().frame["id"][0]
        world.stripe.handle(
            "POST",
            "/v1/payment_intents",
            {
                "amount": "500",
                "currency": "usd",
                "customer": customer,
                "payment_method": method,
                "confirm": "true",
                "off_session": "true",
                "allowed_payment_method_types": ["card"],
                "metadata": {"onfile_charge_id": "chg_elsewhere", "onfile_attempt": "1"},
            },
            {"Authorization": "Bearer sk_test_practice"},
        )
        found = world.services.charge_resolver.reconcile(by=ALICE)
        assert [row["kind"] for row in found.drift] == ["not_in_ledger"]

    def test_copied_metadata_does_not_settle_another_payment(
        self, world: World, customer: str
    ) -> None:
        """Somebody repeats a payment in the Dashboard and keeps its metadata, at another amount."""
        world.fault("error_500_saved")
        view = world.charge(customer, amount="12.34")
        method = world.services.reports.payment_methods.page().frame["id"][0]
        world.stripe.handle(
            "POST",
            "/v1/payment_intents",
            {
                "amount": "999",
                "currency": "usd",
                "customer": customer,
                "payment_method": method,
                "confirm": "true",
                "off_session": "true",
                "allowed_payment_method_types": ["card"],
                "metadata": {"onfile_charge_id": view.charge.id, "onfile_attempt": "1"},
            },
            {"Authorization": "Bearer sk_test_practice"},
        )
        world.clock.advance(seconds=61)
        world.services.charge_resolver.reconcile(by=ALICE)
        assert world.services.charges.view(view.charge.id).charge.state is ChargeState.UNKNOWN
