"""Incidents are settled only by what is true: adopted, refunded, cancelled, or agreed to by two people."""

from __future__ import annotations

from typing import Any

import pytest

from lib.domain.actors import HOST, Actor
from lib.domain.charges import ChargeState, Outcome
from lib.domain.incidents import (
    ANOTHER_PAYMENT,
    ANOTHER_SUM,
    CHARGE_CANCELLED,
    PAID_TWICE,
    UNEXPECTED,
    Incident,
    ProposalState,
    Resolution,
)
from lib.domain.refunds import RefundState
from lib.errors import (
    AlreadyCharged,
    Blocked,
    InvalidInput,
    LedgerBehind,
    NotFound,
    NotPermitted,
    StaleState,
)
from lib.services.charges.view import ChargeView
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.stripe_account import post
from tests.tries import try_again
from tests.unexpected_payments import (
    conflict,
    marked_payment,
    never_executed,
    paid_late,
    the_incident,
)
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BOB, VERA, World

REFUND_PENDS = "4000000000007726"


@pytest.fixture
@made_once
def world(world: World) -> World:
    world.services.users.add_practice_users()
    return world


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def open_incidents(world: World) -> list[Incident]:
    with world.uow.read() as stores:
        return stores.incidents.open()


def audited(world: World, action: str) -> list[Any]:
    return world.rows("SELECT * FROM audit_log WHERE action = ?", action)


def refund_approved(world: World, order_id: str, *, by: Actor = BOB) -> RefundState:
    return world.services.refunds.approve(order_id, by=by, password=PRACTICE_PASSWORD).state


def is_green(world: World) -> bool:
    """Doctor and Sync health agree."""
    check = next(one for one in world.services.doctor.checks() if one.name == "incidents")
    facts = world.services.reports.health.facts(has_webhooks=False)
    assert check.ok == (facts.incidents == 0)
    return check.ok


@pytest.fixture
@made_once
def late(world: World, customer: str) -> ChargeView:
    return paid_late(world, customer)


class TestPaidAfterItWasCancelled:
    def test_it_is_an_incident_with_two_ways_out(self, world: World, late: ChargeView) -> None:
        incident = the_incident(world, UNEXPECTED)
        assert (incident.reason, incident.charge_id) == (CHARGE_CANCELLED, late.charge.id)
        assert late.charge.state is ChargeState.SUCCEEDED
        view = world.services.incidents.views.incident(incident.id)
        assert (view.why_not_adopt, view.why_not_refund) == (None, None)
        assert view.why_not_cancel is not None
        assert view.state == "open"
        assert not is_green(world)

    def test_adopted_the_payment_stands(self, world: World, late: ChargeView) -> None:
        incident = the_incident(world, UNEXPECTED)
        settled = world.services.incidents.payments.adopt(
            incident.id, reason="Anna wants to pay it after all", by=ALICE
        )
        assert (settled.resolution, settled.settled_by) == (Resolution.ADOPTED, "alice")
        assert settled.note == "Anna wants to pay it after all"
        assert len(world.moved()) == 1
        assert world.services.charges.view(late.charge.id).charge.state is ChargeState.SUCCEEDED
        assert "Anna wants to pay" in audited(world, "incident.settled")[0]["detail"]
        assert is_green(world)
        with pytest.raises(StaleState, match="settled already"):
            world.services.incidents.payments.adopt(incident.id, reason="again", by=ALICE)
        with pytest.raises(AlreadyCharged):
            world.charge(late.charge.customer, reference="INV-1", amount="11")

    def test_refunded_by_two_people_it_is_closed_when_the_money_is_back(
        self, world: World, late: ChargeView
    ) -> None:
        incident = the_incident(world, UNEXPECTED)
        order = world.services.incidents.payments.refund(
            incident.id, note="It had been cancelled", by=ALICE
        )
        view = world.services.incidents.views.incident(incident.id)
        assert (view.state, view.refunds) == ("refund_requested", (order,))
        assert view.why_not_refund is not None
        assert order.reason == "requested_by_customer"
        with pytest.raises(StaleState, match="A refund of it waits"):
            world.services.incidents.payments.adopt(incident.id, reason="No, keep it", by=ALICE)
        with pytest.raises(NotPermitted):
            refund_approved(world, order.id, by=ALICE)
        assert open_incidents(world) != []
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        assert open_incidents(world) == []
        settled = world.services.incidents.views.incident(incident.id)
        assert settled.incident.resolution is Resolution.REFUNDED
        assert settled.state == "settled"
        assert is_green(world)

    def test_a_rejected_refund_leaves_it_open(self, world: World, late: ChargeView) -> None:
        incident = the_incident(world, UNEXPECTED)
        order = world.services.incidents.payments.refund(incident.id, note="Back", by=ALICE)
        world.services.refunds.reject(order.id, by=BOB, password=PRACTICE_PASSWORD, note="Not yet")
        view = world.services.incidents.views.incident(incident.id)
        assert (view.state, view.why_not_adopt, view.why_not_refund) == ("open", None, None)

    def test_a_refund_that_the_bank_sends_back_opens_it_again(
        self, world: World, late: ChargeView
    ) -> None:
        incident = the_incident(world, UNEXPECTED)
        order = world.services.incidents.payments.refund(incident.id, note="Back", by=ALICE)
        refund_approved(world, order.id)
        with world.uow.read() as stores:
            made = stores.refunds.find(order.id)
        assert made is not None
        world.stripe.alter(str(made.refund), {"status": "failed"})
        world.services.sync.run_now(by=ALICE, full=True)
        again = the_incident(world, UNEXPECTED)
        assert again.id != incident.id
        assert again.subject == incident.subject

    def test_given_back_in_the_dashboard_it_closes_by_itself(
        self, world: World, late: ChargeView
    ) -> None:
        incident = the_incident(world, UNEXPECTED)
        post(world, "/v1/refunds", payment_intent=incident.payment_intent)
        world.services.sync.run_now(by=ALICE, full=True)
        assert open_incidents(world) == []
        settled = world.services.incidents.views.incident(incident.id).incident
        assert (settled.resolution, settled.settled_by) == (Resolution.REFUNDED, "system")

    def test_only_whoever_charges_may_act_and_with_a_reason(
        self, world: World, late: ChargeView
    ) -> None:
        incident = the_incident(world, UNEXPECTED)
        payments = world.services.incidents.payments
        for by in (VERA, BOB):
            with pytest.raises(NotPermitted):
                payments.adopt(incident.id, reason="x", by=by)
            with pytest.raises(NotPermitted):
                payments.refund(incident.id, note="x", by=by)
            with pytest.raises(NotPermitted):
                payments.cancel(incident.id, reason="x", by=by)
        for act in (
            lambda: payments.adopt(incident.id, reason=" ", by=ALICE),
            lambda: payments.refund(incident.id, note=" ", by=ALICE),
            lambda: payments.cancel(incident.id, reason=" ", by=ALICE),
        ):
            with pytest.raises(InvalidInput):
                act()
        with pytest.raises(NotFound):
            payments.adopt("inc_none", reason="x", by=ALICE)
        assert open_incidents(world) == [incident]


class TestTwoPaymentsUnderOurMarks:
    @pytest.fixture
    @made_once
    def second(self, world: World, customer: str) -> Incident:
        charge = world.charge(customer, reference="INV-1").charge
        marked_payment(world, customer, charge_id=charge.id)
        world.services.sync.run_now(by=ALICE, full=True)
        return the_incident(world, UNEXPECTED)

    def test_the_ledger_takes_no_second_one(self, world: World, second: Incident) -> None:
        assert second.reason == ANOTHER_PAYMENT
        with pytest.raises(StaleState, match="Another payment of INV-1 is in the ledger"):
            world.services.incidents.payments.adopt(second.id, reason="x", by=ALICE)
        assert open_incidents(world) == [second]

    def test_refunded_exactly_one_payment_is_left(
        self, world: World, customer: str, second: Incident
    ) -> None:
        order = world.services.incidents.payments.refund(second.id, note="Twice", by=ALICE)
        assert (order.payment_intent, order.amount) == (second.subject, 1234)
        assert order.reason == "duplicate"
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        assert is_green(world)
        back = [m for m in world.stripe.money_moved() if m.kind == "refund"]
        assert [(one.payment_intent, one.amount) for one in back] == [(second.subject, 1234)]
        # The surplus stands in the ledger beside the debt's own payment, which nothing touched.
        rows = world.rows("SELECT * FROM charges ORDER BY created_at, rowid")
        assert [(row["state"], row["is_surplus"]) for row in rows] == [
            ("succeeded", 0),
            ("succeeded", 1),
        ]
        assert world.services.audit.verify().ok
        for _ in range(2):
            world.services.sync.run_now(by=ALICE, full=True)
            assert world.services.charge_resolver.reconcile(by=ALICE).drift == []
        assert open_incidents(world) == []
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1")

    def test_a_refund_that_is_on_its_way_shows_so(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, REFUND_PENDS)
        charge = world.charge(customer, reference="INV-1").charge
        second = marked_payment(world, customer, charge_id=charge.id)
        world.services.sync.run_now(by=ALICE, full=True)
        incident = the_incident(world, UNEXPECTED)
        order = world.services.incidents.payments.refund(incident.id, note="Twice", by=ALICE)
        assert refund_approved(world, order.id) is RefundState.PENDING
        world.services.sync.run_now(by=ALICE, full=True)
        assert world.services.incidents.views.incident(incident.id).state == "refund_pending"
        with world.uow.read() as stores:
            made = stores.refunds.find(order.id)
        assert made is not None
        world.stripe.alter(str(made.refund), {"status": "succeeded"})
        world.services.sync.run_now(by=ALICE, full=True)
        assert world.services.incidents.views.incident(incident.id).state == "settled"
        assert second == incident.subject

    def test_dead_before_the_refund_was_asked_for_it_goes_on_from_there(
        self, world: World, second: Incident, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payments = world.services.incidents.payments

        def dies(*_: object, **__: object) -> None:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(world.services.refunds, "request", dies)
            with pytest.raises(SystemExit):
                payments.refund(second.id, note="Twice", by=ALICE)
        world.services.sync.run_now(by=ALICE, full=True)
        assert [one.id for one in open_incidents(world)] == [second.id]
        order = payments.refund(second.id, note="Twice", by=ALICE)
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        assert len(world.rows("SELECT id FROM charges")) == 2
        assert is_green(world)

    def test_asked_for_twice_it_is_one_order(self, world: World, second: Incident) -> None:
        payments = world.services.incidents.payments
        payments.refund(second.id, note="Twice", by=ALICE)
        with pytest.raises(StaleState, match="waits already"):
            payments.refund(second.id, note="Twice", by=ADA)
        assert len(world.rows("SELECT id FROM charges")) == 2


class TestAnotherSum:
    @pytest.fixture
    @made_once
    def edited(self, world: World) -> tuple[str, Incident]:
        """A failed payment whose sum was changed in the Dashboard, and which was paid then."""
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        view = world.charge(customer, reference="INV-1")
        assert view.last is not None
        world.stripe.alter(str(view.last.payment_intent), {"status": "succeeded", "amount": 1_700})
        world.clock.advance(days=3)
        world.services.charge_resolver.reconcile(by=ALICE)
        return customer, the_incident(world, UNEXPECTED)

    def test_adopted_it_is_a_charge_of_its_own(
        self, world: World, edited: tuple[str, Incident]
    ) -> None:
        customer, incident = edited
        assert incident.reason == ANOTHER_SUM
        world.services.incidents.payments.adopt(incident.id, reason="They paid 17", by=ALICE)
        rows = world.rows("SELECT * FROM charges ORDER BY rowid")
        assert [(row["amount"], row["state"], row["is_surplus"]) for row in rows] == [
            (1234, "declined", 0),
            (1700, "succeeded", 0),
        ]
        attempts = world.rows("SELECT * FROM attempts ORDER BY rowid")
        assert [row["outcome"] for row in attempts] == ["declined", "succeeded"]
        assert len({row["payment_intent"] for row in attempts}) == 1
        for _ in range(2):
            world.services.sync.run_now(by=ALICE, full=True)
            world.services.charge_resolver.reconcile(by=ALICE)
        assert is_green(world)
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1")


class TestBesideAnUnknownOutcome:
    def test_a_surplus_that_stays_is_a_payment_of_its_debt(
        self, world: World, customer: str
    ) -> None:
        """Its try turns out never to have been executed: the other payment is the only one, and counts."""
        world.fault("error_500_saved")
        view = world.charge(customer, reference="INV-1")
        assert view.charge.state is ChargeState.UNKNOWN
        marked_payment(world, customer, charge_id=view.charge.id, amount=2000)
        world.services.sync.run_now(by=ALICE, full=True)
        incident = the_incident(world, UNEXPECTED)
        order = world.services.incidents.payments.refund(incident.id, note="Back", by=ALICE)
        world.services.refunds.reject(order.id, by=BOB, password=PRACTICE_PASSWORD, note="No")
        proposals = world.services.incidents.proposals
        proposals.propose(incident.id, Resolution.ACCEPTED, reason="Theirs", by=ALICE)
        proposals.approve(incident.id, by=BOB, password=PRACTICE_PASSWORD)
        never_executed(world, view)
        world.services.charges.cancel(view.charge.id, by=ALICE)
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1", amount="20")
        assert world.moved() == [(2000, "usd")]


class TestPaidTwice:
    @pytest.fixture
    @made_once
    def twice(self, world: World, customer: str) -> Incident:
        """Two tries of one charge were paid: the first counted as never executed."""
        world.fault("missing_permission")
        view = world.charge(customer, reference="INV-1")
        try_again(world.services.charges, view.charge.id, by=ALICE)
        marked_payment(world, customer, charge_id=view.charge.id)
        world.services.sync.run_now(by=ALICE, full=True)
        return the_incident(world, PAID_TWICE)

    @pytest.mark.parametrize("which", [0, 1])
    def test_either_payment_can_be_refunded(
        self, world: World, twice: Incident, which: int
    ) -> None:
        view = world.services.incidents.views.incident(twice.id)
        assert len(view.refundable) == 2
        assert view.why_not_adopt is not None
        chosen = view.refundable[which].id
        order = world.services.incidents.payments.refund(
            twice.id, note="Twice", by=ALICE, payment_intent=chosen
        )
        assert order.payment_intent == chosen
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        assert is_green(world)

    def test_a_refund_that_the_bank_sends_back_opens_it_again(
        self, world: World, twice: Incident
    ) -> None:
        chosen = next(
            one.id
            for one in world.services.incidents.views.incident(twice.id).refundable
            if one.id != twice.payment_intent
        )
        order = world.services.incidents.payments.refund(
            twice.id, note="Twice", by=ALICE, payment_intent=chosen
        )
        refund_approved(world, order.id)
        assert is_green(world)
        with world.uow.read() as stores:
            made = stores.refunds.find(order.id)
        assert made is not None
        world.stripe.alter(str(made.refund), {"status": "failed"})
        world.services.sync.run_now(by=ALICE, full=True)
        assert the_incident(world, PAID_TWICE).subject == twice.subject

    def test_another_payment_is_refused(self, world: World, twice: Incident) -> None:
        other = world.customer()
        world.save_card(other)
        foreign = world.charge(other, reference="X").last
        assert foreign is not None
        with pytest.raises(InvalidInput, match="one of the payments"):
            world.services.incidents.payments.refund(
                twice.id, note="x", by=ALICE, payment_intent=foreign.payment_intent
            )


class TestConflict:
    @pytest.fixture
    @made_once
    def taken(self, world: World, customer: str) -> Incident:
        world.charge(customer, reference="INV-1")
        return conflict(world, customer)

    @pytest.fixture
    @made_once
    def differs(self, world: World, customer: str) -> Incident:
        """Its marks name a declined charge of another sum: the debt is free."""
        bad = world.save_card(customer, ALWAYS_DECLINES)
        declined = world.charge(customer, reference="INV-1", amount="10", method=bad).charge
        return conflict(world, customer, charge_id=declined.id, attempt="7")

    def test_two_people_say_that_the_payment_stands(
        self, world: World, customer: str, differs: Incident
    ) -> None:
        proposals = world.services.incidents.proposals
        with pytest.raises(InvalidInput, match="Two people"):
            world.services.incidents.payments.adopt(differs.id, reason="x", by=ALICE)
        proposals.propose(differs.id, Resolution.ADOPTED, reason="It is theirs", by=ALICE)
        assert world.services.incidents.views.incident(differs.id).state == "proposed"
        settled = proposals.approve(differs.id, by=BOB, password=PRACTICE_PASSWORD)
        assert (settled.resolution, settled.settled_by) == (Resolution.ADOPTED, "bob")
        with world.uow.read() as stores:
            attempt = stores.charges.by_payment_intent(differs.subject)
        assert attempt is not None
        assert (attempt.outcome, attempt.is_surplus) == (Outcome.SUCCEEDED, False)
        assert is_green(world)
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1")

    def test_whoever_proposed_it_does_not_agree(self, world: World, taken: Incident) -> None:
        proposals = world.services.incidents.proposals
        proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known to us", by=ADA)
        with pytest.raises(NotPermitted, match="somebody else"):
            proposals.approve(taken.id, by=ADA, password=PRACTICE_PASSWORD)
        with pytest.raises(NotPermitted, match="role approver"):
            proposals.approve(taken.id, by=ALICE, password=PRACTICE_PASSWORD)
        assert len(audited(world, "incident.approve_refused")) == 2
        assert open_incidents(world) == [taken]
        assert len(world.services.charge_resolver.reconcile(by=ALICE).drift) == 1
        settled = proposals.approve(taken.id, by=BOB, password=PRACTICE_PASSWORD)
        assert (settled.resolution, settled.note) == (Resolution.ACCEPTED, "Known to us")
        assert world.services.charge_resolver.reconcile(by=ALICE).drift == []

    def test_rejected_and_taken_back_it_stays_open(self, world: World, taken: Incident) -> None:
        proposals = world.services.incidents.proposals
        proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known", by=ALICE)
        with pytest.raises(StaleState, match="proposed already"):
            proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known", by=BOB)
        proposals.reject(taken.id, by=BOB, password=PRACTICE_PASSWORD, note="Look again")
        with pytest.raises(StaleState):
            proposals.approve(taken.id, by=BOB, password=PRACTICE_PASSWORD)
        proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known", by=ALICE)
        with pytest.raises(NotPermitted, match="Only whoever proposed it"):
            proposals.withdraw(taken.id, by=BOB)
        proposals.withdraw(taken.id, by=ALICE)
        assert proposals.to_decide() == []
        view = world.services.incidents.views.incident(taken.id)
        assert [one.state for one in view.proposals] == [
            ProposalState.REJECTED,
            ProposalState.WITHDRAWN,
        ]
        assert view.incident.is_open

    def test_a_viewer_proposes_nothing(self, world: World, taken: Incident) -> None:
        with pytest.raises(NotPermitted):
            world.services.incidents.proposals.propose(
                taken.id, Resolution.ACCEPTED, reason="x", by=VERA
            )

    def test_the_owner_of_the_host_is_the_second_one_beside_the_only_approver(
        self, world: World, taken: Incident
    ) -> None:
        proposals = world.services.incidents.proposals
        proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known to us", by=ADA)
        with pytest.raises(NotPermitted, match="only approver"):
            proposals.approve_on_this_host(taken.id)
        world.services.users.disable("bob", by=ADA)
        settled = proposals.approve_on_this_host(taken.id)
        assert (settled.resolution, settled.settled_by) == (Resolution.ACCEPTED, HOST.username)
        assert audited(world, "incident.approved")[0]["actor"] == HOST.username

    def test_the_owner_of_the_host_is_not_asked_where_the_approver_can_agree(
        self, world: World, taken: Incident
    ) -> None:
        world.services.users.disable("bob", by=ADA)
        proposals = world.services.incidents.proposals
        proposals.propose(taken.id, Resolution.ACCEPTED, reason="Known to us", by=ALICE)
        with pytest.raises(NotPermitted, match="only approver"):
            proposals.approve_on_this_host(taken.id)
        proposals.approve(taken.id, by=ADA, password=PRACTICE_PASSWORD)

    def test_refunded_though_the_ledger_knew_nothing_of_it(
        self, world: World, customer: str, taken: Incident
    ) -> None:
        order = world.services.incidents.payments.refund(taken.id, note="Not ours", by=ALICE)
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        assert is_green(world)
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1")
        assert world.services.rebuilds.rebuild(by=ALICE).conflicts == []

    def test_without_a_reference_it_can_be_refunded_and_not_adopted(
        self, world: World, customer: str
    ) -> None:
        incident = conflict(world, customer, reference=None)
        assert incident.reason == "marks_incomplete"
        with pytest.raises(StaleState, match="do not say what it was for"):
            world.services.incidents.proposals.propose(
                incident.id, Resolution.ADOPTED, reason="x", by=ALICE
            )
        with pytest.raises(Blocked, match="open incident"):
            world.charge(customer, reference="INV-9")
        order = world.services.incidents.payments.refund(incident.id, note="Unknown", by=ALICE)
        assert refund_approved(world, order.id) is RefundState.SUCCEEDED
        world.charge(customer, reference="INV-9")

    def test_an_open_payment_is_cancelled_with_a_reason(self, world: World, customer: str) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        declined = world.charge(customer, reference="INV-1", amount="10", method=bad).charge
        incident = conflict(world, customer, confirm=False, charge_id=declined.id, attempt="7")
        with pytest.raises(AlreadyCharged, match="requires confirmation"):
            world.charge(customer, reference="INV-1")
        view = world.services.incidents.views.incident(incident.id)
        assert (view.why_not_cancel, view.why_not_adopt is None) == (None, False)
        settled = world.services.incidents.payments.cancel(
            incident.id, reason="Nobody knows it", by=ALICE
        )
        assert (settled.resolution, settled.note) == (Resolution.CANCELLED, "Nobody knows it")
        assert audited(world, "incident.cancel_payment")
        status = post(world, f"/v1/payment_intents/{incident.subject}")["status"]
        assert status == "canceled"
        good = next(
            str(row["id"])
            for row in world.rows("SELECT id FROM payment_methods WHERE id <> ?", bad)
        )
        world.charge(customer, reference="INV-1", method=good)
        assert len(world.moved()) == 1

    def test_a_paid_one_cannot_be_cancelled(self, world: World, taken: Incident) -> None:
        with pytest.raises(StaleState, match="Only an open payment"):
            world.services.incidents.payments.cancel(taken.id, reason="x", by=ALICE)

    def test_nothing_is_decided_while_the_ledger_is_behind(
        self, world: World, taken: Incident
    ) -> None:
        with world.uow.write() as stores:
            stores.meta.set("behind_since", str(world.now))
        with pytest.raises(LedgerBehind):
            world.services.incidents.payments.refund(taken.id, note="x", by=ALICE)
