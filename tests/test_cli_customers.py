"""The do-not-charge switch on the command line: the same services, permissions and audit entries as the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run, commands_of
from tests.world import World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def test_one_person_sets_it_and_another_lifts_it(run: Run, world: World) -> None:
    customer = world.customer("Acme Ltd", "pay@acme.example")
    twin = world.customer("Acme", "PAY@acme.example")
    world.save_card(customer)
    words = ("customers", "hold", customer, "--reason", "In court", "--json")
    refused = run("--as", "vera", *words)
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    made = run("--as", "alice", *words).json
    assert (made["do_not_charge"], made["is_written_to_stripe"]) == (True, True)
    assert (made["hold"]["reason"], made["hold"]["set_by"]) == ("In court", "alice")
    charge = ("charge", "--customer", customer, "--amount", "1.00", "--currency", "usd")
    stopped = run("--as", "alice", *charge, "--reference", "R-1", "--json")
    assert (stopped.status, stopped.error["code"]) == (1, "do_not_charge")
    (row,) = run("--as", "vera", "customers", "list", "--on-hold", "--json").json["customers"]
    assert (row["customer"], row["name"]) == (customer, "Acme Ltd")
    everybody = run("--as", "vera", "customers", "list", "--search", "acme", "--json").json
    assert {one["customer"]: one["do_not_charge"] for one in everybody["customers"]} == {
        customer: True,
        twin: True,
    }
    release = ("customers", "release", customer, "--reason", "Settled", "--json")
    assert run("--as", "alice", *release).error["code"] == "not_permitted"
    lifted = run("--as", "bob", *release).json
    assert (lifted["do_not_charge"], lifted["hold"]) == (False, None)
    assert [one["lifted_by"] for one in lifted["holds"]] == ["bob"]
    assert run("--as", "vera", "customers", "list", "--on-hold", "--json").json["customers"] == []
    meant = ("--despite", "customer_has_twin", "--note", "The firm, not its branch")
    charged = run("--as", "alice", *charge, "--reference", "R-1", *meant, "--json").json
    assert charged["state"] == "succeeded"


def test_what_stripe_was_not_told_yet_is_said(run: Run, world: World) -> None:
    customer = world.customer()
    world.stripe.faults.add("POST", f"/v1/customers/{customer}", kind="rate_limited", times=9)
    made = run("--as", "alice", "customers", "hold", customer, "--reason", "x", "--json").json
    assert (made["do_not_charge"], made["is_written_to_stripe"]) == (True, False)


def test_a_note_and_the_record_on_paper(run: Run, world: World, tmp_path: Path) -> None:
    customer = world.customer("Acme Ltd")
    world.save_card(customer)
    world.charge(customer, reference="INV-7")
    answer = run("--as", "alice", "customers", "note", customer, "--text", "Pays later", "--json")
    assert [one["text"] for one in answer.json["notes"]] == ["Pays later"]
    shown = run("--as", "vera", "customers", "show", customer, "--json").json
    assert (shown["name"], shown["open"], shown["holds"]) == ("Acme Ltd", {}, [])
    target = tmp_path / "record.html"
    made = run("--as", "vera", "customers", "print", customer, "--out", str(target), "--json").json
    assert made["bytes"] == target.stat().st_size
    assert "INV-7" in target.read_text("utf-8")
    missing = run("--as", "vera", "customers", "show", "cus_nobody", "--json")
    assert (missing.status, missing.error["code"]) == (1, "not_found")
