"""Incidents on the command line: the same services, permissions and audit entries as the page."""

from __future__ import annotations

import pytest

from lib.domain.incidents import UNEXPECTED
from tests.commands import Run, commands_of
from tests.unexpected_payments import conflict, marked_payment, paid_late, the_incident
from tests.world import ADA, ALICE, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


def is_green(run: Run) -> bool:
    checks = run("doctor", "--json").json["checks"]
    return bool(next(check["ok"] for check in checks if check["name"] == "incidents"))


def test_nothing_is_open(run: Run) -> None:
    answer = run("--as", "vera", "incidents", "list", "--json")
    assert (answer.status, answer.json) == (0, {"incidents": [], "open": 0})
    assert is_green(run)


def test_a_late_payment_is_seen_and_adopted(run: Run, world: World, customer: str) -> None:
    charge = paid_late(world, customer).charge
    (row,) = run("--as", "vera", "incidents", "list", "--json").json["incidents"]
    assert (row["kind"], row["reason"], row["state"]) == (UNEXPECTED, "charge_cancelled", "open")
    assert (row["charge_id"], row["reference"], row["amount"]) == (charge.id, "INV-1", 1000)
    shown = run("--as", "vera", "incidents", "show", row["incident_id"], "--json").json
    assert shown["may"] == {"adopt": True, "refund": True, "cancel": False, "settle": True}
    assert [one["id"] for one in shown["payments"]] == [row["payment_intent"]]
    assert [one["payment_intent"] for one in shown["attempts"]] == [row["payment_intent"]]
    words = ("incidents", "adopt", row["incident_id"], "--reason", "They pay it", "--json")
    refused = run("--as", "vera", *words)
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    assert not is_green(run)
    settled = run("--as", "alice", *words).json
    assert (settled["resolution"], settled["settled_by"]) == ("adopted", "alice")
    assert is_green(run)
    (row,) = run("--as", "vera", "incidents", "list", "--state", "settled", "--json").json[
        "incidents"
    ]
    assert row["note"] == "They pay it"


def test_a_second_payment_is_refunded_by_two_people(run: Run, world: World, customer: str) -> None:
    charge = world.charge(customer, reference="INV-1").charge
    second = marked_payment(world, customer, charge_id=charge.id)
    world.services.sync.run_now(by=ALICE, full=True)
    incident = the_incident(world, UNEXPECTED).id
    refused = run("--as", "alice", "incidents", "adopt", incident, "--reason", "x", "--json")
    assert (refused.status, refused.error["code"]) == (1, "stale_state")
    answer = run("--as", "alice", "incidents", "refund", incident, "--note", "Twice", "--json")
    order = answer.json["refund"]
    assert (answer.json["state"], order["amount"], order["state"]) == (
        "refund_requested",
        1234,
        "requested",
    )
    assert run("--as", "bob", "refunds", "approve", order["order_id"], "--json").status == 0
    shown = run("--as", "vera", "incidents", "show", incident, "--json").json
    assert (shown["state"], shown["resolution"]) == ("settled", "refunded")
    back = [m.payment_intent for m in world.stripe.money_moved() if m.kind == "refund"]
    assert back == [second]
    assert is_green(run)


def test_a_conflict_needs_two_people(run: Run, world: World, customer: str) -> None:
    world.charge(customer, reference="INV-1")
    incident = conflict(world, customer).id
    words = ("incidents", "settle", incident, "--reason", "Both were owed", "--json")
    assert run("--as", "ada", *words).json["state"] == "proposed"
    refused = run("--as", "ada", "incidents", "approve", incident, "--json")
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    refused = run("incidents", "approve", incident, "--on-this-host", "--json")
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    sent_back = run(
        "--as", "bob", "incidents", "reject", incident, "--reason", "Look again", "--json"
    )
    assert sent_back.json["state"] == "open"
    run("--as", "ada", *words)
    assert run("--as", "ada", "incidents", "withdraw", incident, "--json").json["state"] == "open"
    run("--as", "ada", *words)
    settled = run("--as", "bob", "incidents", "approve", incident, "--json").json
    assert (settled["resolution"], settled["settled_by"]) == ("accepted", "bob")
    assert is_green(run)


def test_the_owner_of_the_machine_beside_the_only_approver(
    run: Run, world: World, customer: str
) -> None:
    world.charge(customer, reference="INV-1")
    incident = conflict(world, customer).id
    world.services.users.disable("bob", by=ADA)
    run("--as", "ada", "incidents", "settle", incident, "--reason", "Known to us")
    refused = run("incidents", "approve", incident, "--json")
    assert (refused.status, refused.error["code"]) == (1, "not_signed_in")
    settled = run("incidents", "approve", incident, "--on-this-host", "--json")
    assert (settled.status, settled.json["settled_by"]) == (0, "@host")
    assert is_green(run)


def test_adopting_a_conflict_is_a_proposal(run: Run, world: World, customer: str) -> None:
    incident = conflict(world, customer, reference=None).id
    refused = run("--as", "alice", "incidents", "adopt", incident, "--reason", "x", "--json")
    assert (refused.status, refused.error["code"]) == (1, "stale_state")
    assert "do not say what it was for" in refused.error["message"]


def test_for_people_it_is_lines(run: Run, world: World, customer: str) -> None:
    paid_late(world, customer)
    listed = run("--as", "vera", "incidents", "list").out
    assert "$10.00" in listed
    assert listed.endswith("1 open\n")
    incident = the_incident(world, UNEXPECTED)
    shown = run("--as", "vera", "incidents", "show", incident.id).out
    assert f"at Stripe: {incident.payment_intent} succeeded, $10.00" in shown
    assert "adopt: may be done" in shown
    assert run("--as", "vera", "incidents", "show", "inc_none").status == 1
