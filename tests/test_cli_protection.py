"""One person's data and rules of retention on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Run, commands_of
from tests.world import ADA, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def test_a_person_is_exported_tried_and_erased(run: Run, world: World, tmp_path: Path) -> None:
    customer = world.customer("Zacharias Quimby", "zacharias@quimby.example")
    world.save_card(customer)
    world.services.backups.take(by=ADA)
    out = tmp_path / "person.json"
    made = run("--as", "ada", "customers", "export", customer, "--out", str(out), "--json").json
    assert made["bytes"] == out.stat().st_size
    assert "Quimby" in json.dumps(json.loads(out.read_text("utf-8")))
    erase = ("customers", "erase", customer, "--reason", "By letter", "--json")
    assert run("--as", "bob", *erase).error["code"] == "not_permitted"
    words = run("--as", "ada", *erase, "--dry-run").json
    assert (words["erased"], words["customers"]) == (False, [customer])
    shown = run("--as", "vera", "customers", "show", customer, "--json").json
    assert shown["name"] == "Zacharias Quimby"
    done = run("--as", "ada", *erase).json
    assert (done["erased"], len(done["backups"])) == (True, 1)
    assert done["backups_until"] > world.now
    shown = run("--as", "vera", "customers", "show", customer, "--json").json
    assert shown["name"] is None
    assert shown["email"].endswith("@erased.invalid")


def test_rules_are_set_tried_and_applied(run: Run, world: World) -> None:
    assert run("--as", "ada", "retention", "apply", "--json").json["removed"] == {}
    rules = run("--as", "ada", "retention", "set", "notes", "90", "--json").json["rules"]
    assert rules == {"links": None, "notes": 90, "deleted_customers": None}
    tried = run("--as", "ada", "retention", "apply", "--dry-run", "--json").json
    assert tried == {"removed": {"notes": 0}, "dry_run": True}
    assert run("--as", "vera", "retention", "list", "--json").error["code"] == "not_permitted"
    refused = run("--as", "ada", "retention", "set", "notes", "1", "--json")
    assert (refused.status, refused.error["code"]) == (1, "invalid_input")
