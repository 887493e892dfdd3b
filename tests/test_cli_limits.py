"""Limits on the command line: the page's service, its permission and its rules."""

from __future__ import annotations

import pytest

from tests.commands import Run, commands_of
from tests.world import World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def limits(per_charge: str, per_run: str, per_day: str) -> tuple[str, ...]:
    return ("--per-charge", per_charge, "--per-run", per_run, "--per-day", per_day)


def test_the_defaults_are_listed_until_somebody_sets_one(run: Run, world: World) -> None:
    (default,) = run("--as", "ada", "limits", "list", "--json").json["limits"]
    assert default == {
        "currency": "usd",
        "per_charge": 500_000,
        "per_run": 5_000_000,
        "per_day": 5_000_000,
        "is_default": True,
        "set_by": None,
        "set_at": None,
    }
    answer = run(
        "--as", "ada", "limits", "set", "USD", *limits("20.00", "1,000.00", "none"), "--json"
    )
    assert answer.status == 0
    assert {**answer.json, "set_at": None} == {
        "currency": "usd",
        "per_charge": 2_000,
        "per_run": 100_000,
        "per_day": None,
        "is_default": False,
        "set_by": "ada",
        "set_at": None,
    }
    assert run("--as", "ada", "limits", "list", "--json").json["limits"] == [answer.json]
    customer = world.customer()
    world.save_card(customer)
    charge = ("charge", "--customer", customer, "--currency", "usd", "--reference", "INV-1")
    refused = run("--as", "alice", *charge, "--amount", "20.01", "--json")
    assert (refused.status, refused.error["code"]) == (1, "over_limit")
    lines = run("--as", "ada", "limits", "list").out
    assert lines == "USD  a charge $20.00, a run $1,000.00, a day no limit (set by ada)\n"


@pytest.mark.parametrize("who", ["alice", "bob", "vera"])
def test_only_an_admin_sees_and_sets_them(run: Run, world: World, who: str) -> None:
    for words in (("list",), ("set", "usd", *limits("none", "none", "none"))):
        refused = run("--as", who, "limits", *words, "--json")
        assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    assert world.services.limits.all() == {}


@pytest.mark.parametrize(
    ("currency", "sums", "field"),
    [
        ("usd", ("5", "4", "10"), "per_run"),
        ("usd", ("", "10", "10"), "amount"),
        ("usd", ("nothing", "10", "10"), "amount"),
        ("xyz", ("1", "2", "3"), "currency"),
    ],
)
def test_what_the_page_refuses_is_refused(
    run: Run, world: World, currency: str, sums: tuple[str, str, str], field: str
) -> None:
    refused = run("--as", "ada", "limits", "set", currency, *limits(*sums), "--json")
    assert (refused.status, refused.error["field"]) == (1, field)
    assert world.services.limits.all() == {}


def test_none_is_left_out(run: Run) -> None:
    assert run("--as", "ada", "limits", "set", "usd", "--per-charge", "5").status == 2
