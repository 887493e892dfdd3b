"""Refunds and ended links on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run, commands_of
from tests.world import ADA, World

ASK = ("--reason", "requested_by_customer", "--note", "sent back")


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
def paid(world: World, run: Run) -> str:
    """A charge of $12.34."""
    customer = world.customer()
    world.save_card(customer)
    return world.charge(customer).charge.id


def refunded(world: World) -> list[int]:
    return [moved.amount for moved in world.stripe.money_moved() if moved.kind == "refund"]


def test_one_asks_another_approves(run: Run, world: World, paid: str) -> None:
    output = run("--json", "--as", "alice", "refunds", "request", paid, "--amount", "5.00", *ASK)
    order = output.json
    assert output.status == 0
    assert {name: order[name] for name in ("charge_id", "amount", "currency", "state")} == {
        "charge_id": paid,
        "amount": 500,
        "currency": "usd",
        "state": "requested",
    }
    assert (order["requested_by"], order["approved_by"]) == ("alice", None)
    assert refunded(world) == []
    approved = run("--json", "--as", "bob", "refunds", "approve", order["order_id"])
    assert (approved.status, approved.json["state"]) == (0, "succeeded")
    assert approved.json["approved_by"] == "bob"
    assert refunded(world) == [500]
    listed = run("--json", "--as", "vera", "refunds", "list").json["refunds"]
    assert listed == [approved.json]


def test_without_an_amount_all_that_is_left(run: Run, world: World, paid: str) -> None:
    part = run("--json", "--as", "alice", "refunds", "request", paid, "--amount", "2.34", *ASK)
    assert run("--as", "bob", "refunds", "approve", part.json["order_id"]).status == 0
    rest = run("--json", "--as", "alice", "refunds", "request", paid, *ASK)
    assert (rest.status, rest.json["amount"]) == (0, 1_000)
    assert run("--as", "bob", "refunds", "approve", rest.json["order_id"]).status == 0
    assert sorted(refunded(world)) == [234, 1_000]
    none = run("--json", "--as", "alice", "refunds", "request", paid, *ASK)
    assert (none.status, none.error["code"]) == (1, "stale_state")


def test_nobody_approves_what_they_asked_for(run: Run, world: World, paid: str) -> None:
    world.services.users.set_roles("bob", ["operator", "approver"], by=ADA)
    order = run("--json", "--as", "bob", "refunds", "request", paid, *ASK).json["order_id"]
    refused = run("--json", "--as", "bob", "refunds", "approve", order)
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    assert refunded(world) == []


def test_a_refund_that_stripe_refuses_says_so(run: Run, world: World, paid: str) -> None:
    order = run("--json", "--as", "alice", "refunds", "request", paid, *ASK).json["order_id"]
    world.stripe.faults.add("POST", "/v1/refunds", kind="missing_permission")
    refused = run("--json", "--as", "bob", "refunds", "approve", order)
    assert refused.status == 1
    assert refused.error["message"]
    assert refunded(world) == []


@pytest.mark.parametrize(
    "argv",
    [
        ("request", "chg_1", "--note", "why"),
        ("request", "chg_1", "--reason", "kindness", "--note", "why"),
        ("approve",),
    ],
)
def test_wrong_usage(run: Run, argv: tuple[str, ...]) -> None:
    assert run("--as", "alice", "refunds", *argv).status == 2


def test_a_link_is_ended_for_good(run: Run, world: World) -> None:
    made = run("--json", "--as", "alice", "links", "create", "--customer", world.customer()).json
    ended = run("--json", "--as", "alice", "links", "revoke", made["link_id"])
    assert (ended.status, ended.json["status"]) == (0, "revoked")
    assert ended.json["durable_url"] is None
    assert world.services.gateway.retrieve_session(made["session_id"]).session.status == "expired"
    again = run("--json", "--as", "alice", "links", "revoke", made["link_id"])
    assert (again.status, again.error["code"]) == (1, "stale_state")
    assert run("--json", "--as", "vera", "links", "revoke", made["link_id"]).status == 1


class TestSumsThatAreTyped:
    """As files have them: a comma or a dot where it can mean one thing, else asked."""

    @pytest.mark.parametrize(
        ("words", "currency", "minor"),
        [
            (("120.00",), "eur", 12_000),
            (("120,00",), "eur", 12_000),
            (("1.234,50",), "eur", 123_450),
            (("1,234.50",), "eur", 123_450),
            (("€1’234.50",), "eur", 123_450),
            (("1.234", "--decimal", "comma"), "eur", 123_400),
            (("1.230", "--decimal", "dot"), "kwd", 1_230),
            (("1.234",), "jpy", 1_234),
        ],
    )
    def test_a_charge(self, run: Run, world: World, words, currency, minor) -> None:
        customer = world.customer()
        world.save_card(customer)
        order = ("--customer", customer, "--currency", currency, "--reference", "R")
        charged = run("--json", "--as", "alice", "charge", *order, "--amount", *words)
        assert (charged.status, charged.json["amount"]) == (0, minor)
        assert world.moved() == [(minor, currency)]

    @pytest.mark.parametrize(
        ("currency", "both"),
        [
            ("eur", "can mean 1.234 (decimal dot) or 1,234.00 (decimal comma)"),
            ("kwd", "can mean 1.234 (decimal dot) or 1,234.000 (decimal comma)"),
        ],
    )
    def test_what_can_mean_two_sums(self, run: Run, world: World, currency, both) -> None:
        customer = world.customer()
        world.save_card(customer)
        order = ("--customer", customer, "--currency", currency, "--reference", "R")
        output = run("--json", "--as", "alice", "charge", *order, "--amount", "1.234")
        assert (output.status, output.error["code"]) == (1, "amount_two_sums")
        assert both in output.error["message"]
        assert "--decimal comma" in output.error["message"]
        assert world.moved() == []

    def test_a_refund(self, run: Run, world: World, paid: str) -> None:
        request = ("--json", "--as", "alice", "refunds", "request", paid)
        assert run(*request, "--amount", "1.234", *ASK).error["code"] == "amount_two_sums"
        assert run(*request, "--amount", "2,34", *ASK).json["amount"] == 234

    def test_totals_that_are_expected(self, run: Run, world: World, tmp_path: Path) -> None:
        customer = world.customer()
        world.save_card(customer)
        file = tmp_path / "a.csv"
        file.write_text(f"customer,amount,currency,reference\n{customer},1234.00,eur,R-1\n")
        run_id = run("--json", "--as", "alice", "runs", "import", str(file)).json["run_id"]
        submit = ("--json", "--as", "alice", "runs", "submit", run_id, "--expect-total")
        output = run(*submit, "1.234:eur").error
        assert output["code"] == "amount_two_sums"
        assert "--decimal" in output["message"]
        assert run(*submit, "1.234,01:eur").error["code"] == "control_totals"
        assert run(*submit, "1.234:eur", "--decimal", "comma").status == 0
