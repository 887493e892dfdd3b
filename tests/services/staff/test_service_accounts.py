"""Accounts of programs: a cron job imports, syncs, exports and backs up, and decides on nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.domain.actors import SYSTEM, Actor, Permission, Role
from lib.domain.sessions import Ending
from lib.errors import InvalidInput, NotSignedIn
from lib.services.staff.guesses import SignInOrigin
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.commands import Run, commands_of
from tests.world import World

CRON = Actor("cron", "Cron", frozenset({Role.SERVICE}))


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    run = commands_of(world, capsys, monkeypatch)
    world.services.users.add(
        "cron",
        name="Cron",
        email="cron@example.com",
        roles=["service"],
        password=PRACTICE_PASSWORD,
        by=SYSTEM,
    )
    return run


def test_it_may_four_things_and_look() -> None:
    may = {permission for permission in Permission if CRON.may(permission)}
    assert may == {Permission.VIEW, Permission.IMPORT, Permission.SYNC, Permission.BACK_UP}


def test_a_night_of_cron(run: Run, world: World, tmp_path: Path) -> None:
    customer = world.customer()
    world.save_card(customer)
    file = tmp_path / "november.csv"
    file.write_text(f"customer,amount,currency,reference\n{customer},12.34,usd,INV-1\n")
    made = run("--as", "cron", "runs", "import", str(file), "--json")
    assert (made.status, made.json["valid"]) == (0, 1)
    for words in (
        ("sync",),
        ("backup", str(tmp_path / "copy.db")),
        ("charges", "export", "--out", str(tmp_path / "charges.csv")),
    ):
        assert run("--as", "cron", *words, "--json").status == 0, words
    run_id = made.json["run_id"]
    for words in (("submit", run_id), ("approve", run_id), ("start", run_id)):
        refused = run("--as", "cron", "runs", *words, "--json")
        assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    copy = str(tmp_path / "copy.db")
    assert run("--as", "cron", "restore", copy, "--json").error["code"] == "not_permitted"
    assert world.moved() == []
    assert run("--as", "alice", "runs", "submit", run_id, "--json").status == 0, "somebody goes on"


def test_it_signs_in_on_the_command_line_only(run: Run, world: World) -> None:
    del run
    users, sessions = world.services.users, world.services.sessions
    user = users.sign_in("cron", PRACTICE_PASSWORD)
    with pytest.raises(NotSignedIn, match="command line only"):
        users.sign_in("cron", PRACTICE_PASSWORD, origin=SignInOrigin("192.0.2.1"))
    assert sessions.user_of(sessions.begin(user)) is Ending.LEFT


def test_it_is_no_person_besides(run: Run, world: World) -> None:
    del run
    with pytest.raises(InvalidInput, match="no other"):
        world.services.users.set_roles("cron", ["service", "approver"], by=SYSTEM)


def test_what_others_did_to_accounts_is_for_admins(run: Run, world: World, tmp_path: Path) -> None:
    """Neither the page nor the file names whom somebody changed, or what somebody tried."""
    assert run("--as", "bob", "users", "list").status == 1
    assert run("--as", "vera", "users", "list").status == 1
    audit = world.services.reports.audit
    for who, sees in (("vera", {"vera"}), ("bob", {"bob"}), ("ada", {"vera", "bob"})):
        user = world.services.users.find(who)
        assert user is not None
        frame = audit.page(reader=user.actor).frame
        denied = frame[frame["action"] == "denied"]
        assert set(denied["actor"]) == sees
        about = {one for one in frame["subject"] if one.startswith("user:")}
        assert (about <= {f"user:{who}"}) is (who != "ada")
        hidden = world.rows("SELECT id FROM audit_log WHERE action = 'user.add' LIMIT 1")[0]["id"]
        assert (audit.find(hidden, reader=user.actor) is None) is (who != "ada")
        target = tmp_path / f"{who}.jsonl"
        assert run("--as", who, "audit", "export", "--out", str(target)).status == 0
        lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
        assert {line["actor"] for line in lines if line["action"] == "denied"} == sees
        assert all(line["hash"] for line in lines), "the chain is whole"
        assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))


def test_addresses_of_links_are_for_whoever_makes_them(run: Run) -> None:
    made = run("--as", "alice", "links", "create", "--guest", "--json").json
    [hers] = run("--as", "alice", "links", "list", "--json").json["links"]
    assert hers["durable_url"] == made["durable_url"]
    for who in ("vera", "cron"):
        output = run("--as", who, "links", "list", "--json")
        assert made["durable_url"].rsplit("/", 1)[1] not in output.out
