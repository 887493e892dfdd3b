"""Outcomes settled by hand: two people, never against evidence, and never instead of looking."""

from __future__ import annotations

import json
import sqlite3

import pytest

from lib.domain.actors import Role
from lib.domain.charges import ChargeState, Outcome
from lib.domain.manual_outcomes import ManualOutcome, ManualOutcomeState
from lib.errors import InvalidInput, NotPermitted, NotSignedIn, StaleState
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import audited, uow
from tests.tries import try_again
from tests.world import ADA, ALICE, BOB, VERA, World


@pytest.fixture
@made_once
def unknown(world: World) -> str:
    """A charge that Stripe answers with a saved 500 under its key, and that moved nothing."""
    world.services.users.add_practice_users()
    customer = world.customer()
    world.save_card(customer)
    world.fault("error_500_saved")
    charge = world.charge(customer).charge
    assert charge.state is ChargeState.UNKNOWN
    world.clock.advance(hours=2)
    return charge.id


def propose(world: World, charge_id: str, *, by=ALICE, **more: object) -> ManualOutcome:
    wanted = {"outcome": Outcome.NOT_EXECUTED, "reason": "Not in the Dashboard either"} | more
    return world.services.manual_outcomes.propose(charge_id, by=by, **wanted)


def approve(world: World, proposal: ManualOutcome, *, by=BOB) -> ManualOutcome:
    return world.services.manual_outcomes.approve(proposal.id, by=by, password=PRACTICE_PASSWORD)


def state(world: World, charge_id: str) -> ChargeState:
    return world.services.charges.view(charge_id).charge.state


def elsewhere(world: World, charge_id: str, **changes: object) -> str:
    """A payment made by hand, without our mark."""
    charge = world.services.charges.view(charge_id).charge
    params = {
        "amount": charge.amount,
        "currency": charge.currency,
        "customer": charge.customer,
        "payment_method": charge.payment_method,
        "off_session": True,
        "confirm": True,
        "allowed_payment_method_types": ["card"],
    } | changes
    gateway = world.services.gateway
    return gateway.create_payment_intent(params, idempotency_key="elsewhere").id


class TestTwoPeople:
    def test_never_executed_frees_the_reference(self, world, unknown) -> None:
        proposal = propose(world, unknown)
        assert state(world, unknown) is ChargeState.UNKNOWN
        assert approve(world, proposal).state is ManualOutcomeState.APPROVED
        view = world.services.charges.view(unknown)
        assert view.charge.state is ChargeState.PLANNED
        assert view.attempts[-1].evidence == "two_people"
        assert audited(world)[-2:] == ["manual_outcome.approved", "attempt.not_executed"]
        assert "manual_outcome.proposed" in audited(world)

    def test_the_next_try_waits_until_stripe_has_forgotten_the_key(self, world, unknown) -> None:
        """Stripe had begun with it. Should it have charged after all, two people would not know."""
        approve(world, propose(world, unknown))
        again = try_again(world.services.charges, unknown, by=ALICE)
        first, second = again.attempts
        assert again.charge.state is ChargeState.UNKNOWN
        assert second.decline.code == "idempotency_error"
        assert first.key_at_stripe == second.idempotency_key
        world.clock.advance(hours=25)
        world.services.charge_resolver.resolve_due()
        assert state(world, unknown) is ChargeState.PLANNED
        try_again(world.services.charges, unknown, by=ALICE)
        assert world.moved() == [(1_234, "usd")]

    def test_what_never_arrived_is_charged_at_once(self, world) -> None:
        world.services.users.add_practice_users()
        customer = world.customer()
        world.save_card(customer)
        # Nor does anything that asks for it.
        world.fault("lost_request", times=9)
        charge = world.charge(customer).charge.id
        world.clock.advance(hours=2)
        approve(world, propose(world, charge))
        world.stripe.faults.clear()
        assert (
            try_again(world.services.charges, charge, by=ALICE).charge.state
            is ChargeState.SUCCEEDED
        )
        assert world.moved() == [(1_234, "usd")]

    def test_nobody_agrees_with_themselves(self, world, unknown) -> None:
        proposal = propose(world, unknown, by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, proposal, by=ADA)
        assert audited(world)[-1] == "manual_outcome.approve_refused"
        assert state(world, unknown) is ChargeState.UNKNOWN

    @pytest.mark.parametrize("person", [ALICE, VERA], ids=lambda actor: actor.username)
    def test_an_approver_is_needed(self, world, unknown, person) -> None:
        proposal = propose(world, unknown, by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, proposal, by=person)
        assert state(world, unknown) is ChargeState.UNKNOWN

    def test_roles_are_those_of_this_moment(self, world, unknown) -> None:
        proposal = propose(world, unknown)
        world.services.users.set_roles("bob", frozenset({Role.VIEWER}), by=ADA)
        with pytest.raises(NotPermitted):
            approve(world, proposal)

    def test_the_password_is_asked_again(self, world, unknown) -> None:
        proposal = propose(world, unknown)
        with pytest.raises(NotSignedIn):
            world.services.manual_outcomes.approve(proposal.id, by=BOB, password="wrong")
        assert state(world, unknown) is ChargeState.UNKNOWN

    def test_reasons_are_needed(self, world, unknown) -> None:
        with pytest.raises(InvalidInput):
            propose(world, unknown, reason=" ")
        proposal = propose(world, unknown)
        reject = world.services.manual_outcomes.reject
        with pytest.raises(InvalidInput):
            reject(proposal.id, by=BOB, password=PRACTICE_PASSWORD, note="")
        reject(proposal.id, by=BOB, password=PRACTICE_PASSWORD, note="I see it there")
        with pytest.raises(StaleState):
            approve(world, proposal, by=ADA)
        assert state(world, unknown) is ChargeState.UNKNOWN

    def test_one_proposal_at_a_time_and_it_can_be_taken_back(self, world, unknown) -> None:
        proposal = propose(world, unknown)
        with pytest.raises(StaleState):
            propose(world, unknown, by=ADA)
        world.services.manual_outcomes.withdraw(proposal.id, by=ALICE)
        with pytest.raises(StaleState):
            approve(world, proposal)
        propose(world, unknown)


class TestEvidenceComesFirst:
    def test_only_what_is_unknown(self, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        paid = world.charge(customer).charge.id
        with pytest.raises(StaleState):
            propose(world, paid)

    def test_not_within_the_first_hour(self, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("error_500_saved")
        fresh = world.charge(customer).charge.id
        world.clock.advance(minutes=59)
        with pytest.raises(StaleState, match="too early"):
            propose(world, fresh)

    def test_what_stripe_says_is_found_before_anybody_is_asked(self, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.lose_reply()
        lost = world.charge(customer).charge.id
        world.clock.advance(hours=2)
        with pytest.raises(StaleState, match="found out by itself"):
            propose(world, lost)
        assert state(world, lost) is ChargeState.SUCCEEDED

    def test_and_once_more_before_somebody_agrees(self, world, unknown) -> None:
        """Listed late: the payment shows up between the proposal and the approval."""
        proposal = propose(world, unknown)
        attempt = world.services.charges.view(unknown).attempts[-1]
        late = elsewhere(world, unknown, metadata=json.loads(attempt.params)["metadata"])
        with pytest.raises(StaleState, match="found out by itself"):
            approve(world, proposal)
        (found,) = world.services.manual_outcomes.of_charge(unknown)
        assert found.state is ManualOutcomeState.OVERTAKEN
        assert world.services.charges.view(unknown).attempts[-1].payment_intent == late
        assert state(world, unknown) is ChargeState.SUCCEEDED

    @pytest.mark.parametrize("path", ["/v1/events", "/v1/payment_intents"])
    def test_when_stripe_cannot_be_asked_nobody_can_say_that_nothing_is_there(
        self, world, unknown, path
    ) -> None:
        proposal = propose(world, unknown)
        world.stripe.faults.add("GET", path, kind="missing_permission", times=2)
        with pytest.raises(StaleState, match="cannot be asked"):
            approve(world, proposal)
        assert state(world, unknown) is ChargeState.UNKNOWN

    def test_the_last_look_is_kept_to_be_shown(self, world, unknown) -> None:
        propose(world, unknown)
        (attempt,) = world.services.charges.view(unknown).attempts
        assert json.loads(attempt.last_look) == {
            "at": world.now,
            "stripe_time": world.now,
            "same_key": 500,
            "events": "none",
            "payments": "none",
        }


class TestPaidElsewhere:
    def paid(self, world: World, unknown: str, intent: str | None) -> ManualOutcome:
        return propose(world, unknown, outcome=Outcome.SUCCEEDED, payment_intent=intent)

    def test_a_payment_made_by_hand_settles_it(self, world, unknown) -> None:
        intent = elsewhere(world, unknown)
        approve(world, self.paid(world, unknown, intent))
        view = world.services.charges.view(unknown)
        assert view.charge.state is ChargeState.SUCCEEDED
        assert view.attempts[-1].payment_intent == intent
        assert len(world.moved()) == 1

    @pytest.mark.parametrize(
        "changes", [{"amount": 1_233}, {"confirm": False}, {"customer": "other"}]
    )
    def test_another_payment_does_not(self, world, unknown, changes) -> None:
        if "customer" in changes:
            other = world.customer("Other")
            changes = {"customer": other, "payment_method": world.save_card(other)}
        if changes.get("confirm") is False:
            charge = world.services.charges.view(unknown).charge
            intent = world.services.gateway.create_payment_intent(
                {"amount": charge.amount, "currency": charge.currency, "customer": charge.customer},
                idempotency_key="elsewhere",
            ).id
        else:
            intent = elsewhere(world, unknown, **changes)
        with pytest.raises(InvalidInput):
            self.paid(world, unknown, intent)

    def test_a_payment_with_the_mark_of_another_charge_does_not(self, world, unknown) -> None:
        """Its reply was lost; looking at this one finds that it is the other's."""
        world.lose_reply()
        other = world.charge(
            world.services.charges.view(unknown).charge.customer, reference="INV-2"
        )
        paid = [m.payment_intent for m in world.stripe.money_moved()][-1]
        with pytest.raises(InvalidInput, match="another charge"):
            propose(world, unknown, outcome=Outcome.SUCCEEDED, payment_intent=paid)
        world.clock.advance(hours=24)
        world.services.charge_resolver.resolve_due()
        view = world.services.charges.view(other.charge.id)
        assert view.charge.state is ChargeState.SUCCEEDED

    def test_the_payment_of_another_charge_does_not(self, world, unknown) -> None:
        customer = world.services.charges.view(unknown).charge.customer
        other = world.charge(customer, reference="INV-2")
        with pytest.raises(InvalidInput, match="another charge"):
            self.paid(world, unknown, other.attempts[-1].payment_intent)

    @pytest.mark.parametrize("intent", [None, "", "pi_nobody", "ch_1?x"])
    def test_no_payment_does_not(self, world, unknown, intent) -> None:
        with pytest.raises(InvalidInput):
            self.paid(world, unknown, intent)

    def test_refunded_or_not_it_is_looked_at_again_before_agreeing(self, world, unknown) -> None:
        intent = elsewhere(world, unknown)
        proposal = self.paid(world, unknown, intent)
        world.stripe.alter(intent, {"status": "canceled"})
        with pytest.raises(InvalidInput):
            approve(world, proposal)
        assert state(world, unknown) is ChargeState.UNKNOWN


class TestSchema:
    """To somebody with a SQLite shell."""

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE manual_outcomes SET state = 'approved', decided_by = proposed_by, decided_at = 1",
            "UPDATE manual_outcomes SET outcome = 'succeeded', payment_intent = 'pi_1'",
            "UPDATE manual_outcomes SET proposed_by = 'bob'",
            "DELETE FROM manual_outcomes",
            "INSERT INTO manual_outcomes SELECT 'v2', charge_id, attempt, outcome, payment_intent, reason,"
            " 'proposed', proposed_by, proposed_at, NULL, NULL, NULL FROM manual_outcomes",
            "INSERT INTO manual_outcomes SELECT 'v2', charge_id, attempt, outcome, payment_intent, reason,"
            " 'approved', proposed_by, proposed_at, 'bob', 1, NULL FROM manual_outcomes",
            "UPDATE attempts SET outcome = 'not_executed', evidence = 'two_people'",
        ],
    )
    def test_a_proposal_settles_nothing(self, world, unknown, change) -> None:
        propose(world, unknown)
        self.refused(world, change)

    def test_a_decided_one_stays(self, world, unknown) -> None:
        approve(world, propose(world, unknown))
        self.refused(world, "UPDATE manual_outcomes SET decided_by = 'ada'")

    def test_an_approved_one_settles_only_what_it_says(self, world, unknown) -> None:
        proposal = propose(world, unknown)
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute(
                "UPDATE manual_outcomes SET state = 'approved', decided_by = 'bob', decided_at = 1"
            )
        self.refused(
            world,
            "UPDATE attempts SET outcome = 'succeeded', evidence = 'two_people', payment_intent = 'pi_1'",
        )
        with uow(world).read() as stores:
            assert stores.manual_outcomes.find(proposal.id).state is ManualOutcomeState.APPROVED

    def refused(self, world: World, change: str) -> None:
        with (
            sqlite3.connect(world.settings.database) as shell,
            pytest.raises(sqlite3.IntegrityError),
        ):
            shell.execute(change)
