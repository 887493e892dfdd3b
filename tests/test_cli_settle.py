"""What two people settle by hand, on the command line: outcomes of charges and of refunds, with one set of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lib.domain.charges import ChargeState
from lib.domain.refunds import RefundState
from tests.charge_runs import audited
from tests.commands import Output, Run, commands_of
from tests.stripe_account import listed, post
from tests.world import World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@dataclass
class Unknown:
    """A charge of $12.34, or a refund of it, that Stripe answered with a saved 500. Two hours ago."""

    world: World
    run: Run
    noun: str
    id: str
    charge: str
    customer: str

    def as_(self, person: str, word: str, *more: str) -> Output:
        return self.run("--json", "--as", person, self.noun, word, *more)

    def propose(self, *how: str, by: str = "alice") -> Output:
        return self.as_(by, "settle", self.id, *how, "--reason", "Looked in the Dashboard")

    @property
    def state(self) -> str:
        if self.noun == "charges":
            return self.world.services.charges.view(self.charge).charge.state.value
        (order,) = self.world.services.refunds.of_charge(self.charge)
        return order.state.value

    def settled(self, said: Output) -> dict[str, Any]:
        return dict(said.json["charge" if self.noun == "charges" else "order"])

    def made_elsewhere(self) -> tuple[str, str]:
        """The option and the id with which it is named: by hand in the Dashboard, without a mark."""
        if self.noun == "charges":
            with self.world.uow.read() as stores:
                method = stores.mirror.payment_methods_of(self.customer)[0].id
            made = post(
                self.world,
                "/v1/payment_intents",
                amount="1234",
                currency="usd",
                customer=self.customer,
                payment_method=method,
                off_session="true",
                confirm="true",
                allowed_payment_method_types=["card"],
            )
            return "--payment", made["id"]
        (intent,) = listed(self.world, "/v1/payment_intents")
        made = post(self.world, "/v1/refunds", payment_intent=intent["id"], amount="1234")
        return "--refund", made["id"]


@pytest.fixture(params=["charges", "refunds"])
def unknown(request: pytest.FixtureRequest, world: World, run: Run) -> Unknown:
    customer = world.customer()
    world.save_card(customer)
    if request.param == "charges":
        world.fault("error_500_saved")
        id_ = charge = world.charge(customer).charge.id
    else:
        charge = world.charge(customer).charge.id
        ask = ("--reason", "requested_by_customer", "--note", "sent back")
        id_ = run("--json", "--as", "alice", "refunds", "request", charge, *ask).json["order_id"]
        world.stripe.faults.add("POST", "/v1/refunds", kind="error_500_saved")
        approved = run("--json", "--as", "bob", "refunds", "approve", id_)
        assert (approved.status, approved.error["code"]) == (1, "unknown")
    world.clock.advance(hours=2)
    return Unknown(world, run, request.param, id_, charge, customer)


def test_one_proposes_another_agrees(unknown: Unknown, world: World) -> None:
    proposed = unknown.propose("--not-executed")
    words = proposed.json
    assert proposed.status == 0
    assert (words["state"], words["outcome"]) == ("proposed", "not_executed")
    assert (words["proposed_by"], words["decided_by"]) == ("alice", None)
    assert unknown.state == "unknown", "nothing changes before somebody agrees"
    agreed = unknown.as_("bob", "agree", words["proposal_id"])
    assert (agreed.status, agreed.json["state"]) == (0, "approved")
    assert agreed.json["decided_by"] == "bob"
    free = (ChargeState.PLANNED.value, RefundState.NOT_EXECUTED.value)
    assert unknown.settled(agreed)["state"] == unknown.state
    assert unknown.state in free
    noted = "manual_outcome.approved" if unknown.noun == "charges" else "refund.outcome_approved"
    assert noted in audited(world)
    again = unknown.as_("bob", "agree", words["proposal_id"])
    assert (again.status, again.error["code"]) == (1, "stale_state")


def test_what_was_done_elsewhere_is_named(unknown: Unknown) -> None:
    option, made = unknown.made_elsewhere()
    proposal = unknown.propose(option, made).json
    assert made in proposal.values()
    agreed = unknown.as_("bob", "agree", proposal["proposal_id"])
    assert (agreed.status, unknown.state) == (0, "succeeded")


def test_not_what_is_of_something_else(unknown: Unknown) -> None:
    option = "--payment" if unknown.noun == "charges" else "--refund"
    answer = unknown.propose(option, "pi_nobody" if unknown.noun == "charges" else "re_nobody")
    assert (answer.status, answer.error["code"]) == (1, "invalid_input")
    assert unknown.state == "unknown"


@pytest.mark.parametrize("person", ["alice", "vera"])
def test_only_another_approver_agrees(unknown: Unknown, person: str) -> None:
    proposal = unknown.propose("--not-executed").json["proposal_id"]
    refused = unknown.as_(person, "agree", proposal)
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    assert unknown.state == "unknown"


def test_the_password_decides(unknown: Unknown, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = unknown.propose("--not-executed").json["proposal_id"]
    monkeypatch.setenv("ONFILE_PASSWORD", "wrong")
    assert unknown.as_("bob", "agree", proposal).error["code"] == "not_signed_in"
    assert unknown.state == "unknown"


def test_sent_back_and_taken_back(unknown: Unknown) -> None:
    first = unknown.propose("--not-executed").json["proposal_id"]
    second = unknown.propose("--not-executed")
    assert (second.status, second.error["code"]) == (1, "stale_state"), "one at a time"
    back = unknown.as_("bob", "disagree", first, "--note", "I see it there")
    assert (back.status, back.json["state"]) == (0, "rejected")
    third = unknown.propose("--not-executed").json["proposal_id"]
    taken = unknown.as_("alice", "withdraw", third)
    assert (taken.status, taken.json["state"]) == (0, "withdrawn")
    assert unknown.as_("bob", "agree", third).error["code"] == "stale_state"
    assert unknown.state == "unknown"


@pytest.mark.parametrize("noun", ["charges", "refunds"])
@pytest.mark.parametrize(
    "argv",
    [
        ("settle", "x", "--not-executed"),
        ("settle", "x", "--reason", "why"),
        ("settle", "x", "--not-executed", "--payment", "pi_1", "--reason", "why"),
        ("agree",),
        ("disagree", "x"),
        ("withdraw",),
    ],
)
def test_wrong_usage(run: Run, noun: str, argv: tuple[str, ...]) -> None:
    assert run("--as", "alice", noun, *argv).status == 2
