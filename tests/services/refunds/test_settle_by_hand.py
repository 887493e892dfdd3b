"""Refunds that no evidence settles: one person proposes what became of them, another agrees."""

from __future__ import annotations

import sqlite3

import pytest

from lib.domain.manual_outcomes import ManualOutcomeState
from lib.domain.refunds import RefundOrder, RefundOutcome, RefundState
from lib.errors import (
    GatewayError,
    InvalidInput,
    LedgerBehind,
    NotPermitted,
    NotSignedIn,
    StaleState,
)
from lib.services.continuity.completeness import Completeness
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import audited, uow
from tests.services.refunds.test_refunds import (
    approve,
    ask,
    charged,
    fault,
    look,
    returned,
    state,
)
from tests.world import ALICE, BOB, VERA, World

NOT_EXECUTED, SUCCEEDED = RefundState.NOT_EXECUTED, RefundState.SUCCEEDED


@pytest.fixture
@made_once
def paid(world: World) -> str:
    return charged(world)


@pytest.fixture
@made_once
def unknown(world: World, paid: str) -> RefundOrder:
    """Stripe answers 500 under its key for a day; nothing was executed. Two hours ago."""
    order = ask(world, paid, 500)
    fault(world, "error_500_saved")
    assert approve(world, order).state is RefundState.UNKNOWN
    world.clock.advance(hours=2)
    return order


def propose(world: World, order: RefundOrder, outcome: RefundState, **more: str) -> RefundOutcome:
    return world.services.refunds_by_hand.propose(
        order.id, outcome, reason="Looked in the Dashboard", by=ALICE, **more
    )


def agree(world: World, proposal: RefundOutcome) -> RefundOutcome:
    return world.services.refunds_by_hand.approve(proposal.id, by=BOB, password=PRACTICE_PASSWORD)


def elsewhere(world: World, order: RefundOrder, amount: int = 500, **metadata: str) -> str:
    made = world.services.gateway.create_refund(
        {"payment_intent": order.payment_intent, "amount": amount, "metadata": metadata},
        idempotency_key=f"by-hand-{amount}",
    )
    return made.id


def test_nothing_was_given_back(world: World, paid: str, unknown: RefundOrder) -> None:
    proposal = propose(world, unknown, NOT_EXECUTED)
    assert state(world, unknown) is RefundState.UNKNOWN
    assert [one.id for one in world.services.refunds_by_hand.to_decide()] == [proposal.id]
    assert world.services.reports.waiting.counts()["approvals"] == 1
    with pytest.raises(NotPermitted):
        world.services.refunds_by_hand.approve(proposal.id, by=ALICE, password=PRACTICE_PASSWORD)
    with pytest.raises(NotPermitted):
        world.services.refunds_by_hand.approve(proposal.id, by=VERA, password=PRACTICE_PASSWORD)
    with pytest.raises(NotSignedIn):
        world.services.refunds_by_hand.approve(proposal.id, by=BOB, password="wrong")
    assert state(world, unknown) is RefundState.UNKNOWN
    assert agree(world, proposal).state is ManualOutcomeState.APPROVED
    (settled,) = world.services.refunds.of_charge(paid)
    assert (settled.state, settled.evidence) == (NOT_EXECUTED, "two_people")
    assert audited(world)[-2:] == ["refund.outcome_approved", "refund.not_executed"]
    approve(world, ask(world, paid, 500))
    assert returned(world) == [500]
    with pytest.raises(StaleState):
        agree(world, proposal)


def test_it_was_given_back_in_the_dashboard(world: World, paid: str, unknown: RefundOrder) -> None:
    made = elsewhere(world, unknown)
    proposal = propose(world, unknown, SUCCEEDED, refund=made)
    agree(world, proposal)
    (settled,) = world.services.refunds.of_charge(paid)
    assert (settled.state, settled.refund) == (SUCCEEDED, made)
    with uow(world).read() as stores:
        assert stores.incidents.open() == []
    look(world, days=2)
    assert returned(world) == [500]


def test_not_without_looking(world: World, unknown: RefundOrder) -> None:
    world.stripe.faults.add("GET", "/v1/refunds", kind="missing_permission")
    with pytest.raises((StaleState, GatewayError)):
        propose(world, unknown, NOT_EXECUTED)
    assert world.services.refunds_by_hand.to_decide() == []


def test_not_in_the_first_hour(world: World, paid: str) -> None:
    order = ask(world, paid)
    fault(world, "error_500_saved")
    approve(world, order)
    world.clock.advance(minutes=30)
    with pytest.raises(StaleState, match="too early"):
        propose(world, order, NOT_EXECUTED)


def test_not_while_the_payment_says_that_more_went_back_than_is_listed(
    world: World, unknown: RefundOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours was executed, and Stripe does not list it yet: neither when it is proposed nor when it is agreed to."""
    proposal = propose(world, unknown, NOT_EXECUTED)
    hidden = elsewhere(world, unknown, onfile_refund_id=unknown.id)
    listed = world.services.gateway.list_refunds

    def without(payment_intent: str, **more: str) -> object:
        page = listed(payment_intent, **more)
        page.items[:] = [one for one in page.items if one.id != hidden]
        return page

    monkeypatch.setattr(world.services.gateway, "list_refunds", without)
    with pytest.raises(StaleState, match="more was given back"):
        agree(world, proposal)
    with pytest.raises(StaleState, match="more was given back"):
        propose(world, unknown, NOT_EXECUTED)
    assert state(world, unknown) is RefundState.UNKNOWN
    world.services.refunds_by_hand.withdraw(proposal.id, by=ALICE)
    with pytest.raises(StaleState, match="found out by itself"):
        propose(world, unknown, SUCCEEDED, refund=hidden)
    assert (state(world, unknown), returned(world)) == (SUCCEEDED, [500])


def test_evidence_comes_first(world: World, unknown: RefundOrder) -> None:
    proposal = propose(world, unknown, NOT_EXECUTED)
    elsewhere(world, unknown, onfile_refund_id=unknown.id)
    with pytest.raises(StaleState, match="found out by itself"):
        agree(world, proposal)
    assert state(world, unknown) is SUCCEEDED
    with uow(world).read() as stores:
        ended = stores.refund_outcomes.find(proposal.id)
    assert ended is not None
    assert ended.state is ManualOutcomeState.OVERTAKEN


def test_not_by_another_refund(world: World, unknown: RefundOrder) -> None:
    other = approve(world, ask(world, charged(world, reference="INV-2"), 300))
    for amount, marks, says in (
        (400, {}, "another sum"),
        (500, {"onfile_refund_id": other.id}, "mark of another request"),
    ):
        made = elsewhere(world, unknown, amount, **marks)
        with pytest.raises(InvalidInput, match=says):
            propose(world, unknown, SUCCEEDED, refund=made)
    with pytest.raises(InvalidInput, match="no such refund"):
        propose(world, unknown, SUCCEEDED, refund="re_unknown")
    with pytest.raises(InvalidInput, match="begins with re_"):
        propose(world, unknown, SUCCEEDED)


def test_one_refund_settles_one_order(world: World, paid: str, unknown: RefundOrder) -> None:
    made = elsewhere(world, unknown)
    agree(world, propose(world, unknown, SUCCEEDED, refund=made))
    second = ask(world, paid, 500)
    fault(world, "error_500_saved")
    approve(world, second)
    world.clock.advance(hours=2)
    with pytest.raises(InvalidInput, match="belongs to another request"):
        propose(world, second, SUCCEEDED, refund=made)


def test_a_second_proposal_waits_for_the_first(world: World, unknown: RefundOrder) -> None:
    proposal = propose(world, unknown, NOT_EXECUTED)
    with pytest.raises(StaleState, match="proposed already"):
        propose(world, unknown, NOT_EXECUTED)
    world.services.refunds_by_hand.reject(
        proposal.id, by=BOB, password=PRACTICE_PASSWORD, note="Look again"
    )
    assert state(world, unknown) is RefundState.UNKNOWN
    propose(world, unknown, NOT_EXECUTED)


def test_the_schema_takes_it_from_two_people_only(world: World, unknown: RefundOrder) -> None:
    def by_hand() -> None:
        with uow(world).write() as stores:
            stores.refunds.record(
                unknown.id,
                before=RefundState.UNKNOWN,
                after=NOT_EXECUTED,
                at=1,
                next_look_at=None,
                refund=None,
                code=None,
                message=None,
                request_id=None,
                evidence="two_people",
            )

    with pytest.raises(sqlite3.IntegrityError, match="needs two people"):
        by_hand()
    proposal = propose(world, unknown, NOT_EXECUTED)
    with pytest.raises(sqlite3.IntegrityError, match="needs two people"):
        by_hand()
    with (
        pytest.raises(sqlite3.IntegrityError),
        uow(world).write() as stores,
    ):
        stores.refund_outcomes.close(
            proposal.id, after=ManualOutcomeState.APPROVED, by="alice", at=1
        )


def test_not_by_a_ledger_that_is_behind(
    world: World, unknown: RefundOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behind(_: Completeness) -> None:
        raise LedgerBehind

    proposal = propose(world, unknown, NOT_EXECUTED)
    monkeypatch.setattr(Completeness, "verify", behind)
    with pytest.raises(LedgerBehind):
        agree(world, proposal)
    assert state(world, unknown) is RefundState.UNKNOWN
