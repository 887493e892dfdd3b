"""What waits for a second admin, on the command line."""

from __future__ import annotations

import pyotp
import pytest

from lib.domain.actors import Actor, Role
from tests.commands import Run, commands_of
from tests.world import World

EVE = Actor("eve", "eve", frozenset({Role.ADMIN}))
LIMITS = ("limits", "set", "usd", "--per-charge", "5", "--per-run", "none", "--per-day", "none")


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    run = commands_of(world, capsys, monkeypatch)
    monkeypatch.setenv("ONFILE_NEW_PASSWORD", "practice-only")
    adding = ("users", "add", "eve", "--email", "e@example.com", "--role", "admin", "--json")
    assert run("--as", "ada", *adding).json["user"]["roles"] == ["admin"]
    assert run("--as", "eve", "users", "list").status == 0
    return run


def test_limits_wait_and_the_other_admin_agrees(run: Run, world: World) -> None:
    output = run("--as", "ada", *LIMITS, "--json")
    assert output.status == 0
    assert (output.json["is_default"], output.json["per_charge"]) == (True, 500_000)
    change = output.json["waiting"]["change_id"]
    assert "a charge $5.00" in output.json["waiting"]["change"]
    assert world.services.limits.all() == {}
    own = run("--as", "ada", "admin-changes", "agree", change, "--json")
    assert (own.status, own.error["code"]) == (1, "not_permitted")
    assert run("--as", "eve", "admin-changes", "list", "--json").json["changes"][0]["by"] == "ada"
    agreed = run("--as", "eve", "admin-changes", "agree", change)
    assert (agreed.status, agreed.out.startswith("Done: Set the limits for USD")) == (0, True)
    assert world.services.limits.all()["usd"].per_charge == 500


def test_accounts_wait_too(run: Run, world: World) -> None:
    for words in (
        ("set-roles", "bob", "--role", "viewer"),
        ("disable", "eve"),
        ("invite", "eve"),
        ("add", "carl", "--email", "c@example.com", "--role", "operator", "--role", "approver"),
    ):
        answer = run("--as", "ada", "users", *words, "--json")
        assert answer.status == 0
        assert answer.json["waiting"]["by"] == "ada"
    waiting = run("--as", "eve", "admin-changes", "list", "--json").json["changes"]
    assert len(waiting) == 4
    roles, disabling, *_ = waiting
    assert run("--as", "ada", "admin-changes", "withdraw", disabling["change_id"]).status == 0
    assert run("--as", "eve", "admin-changes", "disagree", roles["change_id"]).status == 0
    assert world.services.users.find("bob").roles == {"approver", "operator"}  # type: ignore[union-attr]
    assert run("--as", "bob", "admin-changes", "list", "--json").error["code"] == "not_permitted"


def test_the_owner_of_the_machine_disables_without_a_sign_in(run: Run, world: World) -> None:
    refused = run("users", "disable", "eve", "--json")
    assert (refused.status, refused.error["code"]) == (1, "not_signed_in")
    done = run("users", "disable", "eve", "--on-this-host", "--json")
    assert (done.status, done.json["user"]["active"]) == (0, False)
    last = run("users", "disable", "ada", "--on-this-host", "--json")
    assert (last.status, "last active admin" in last.error["message"]) == (1, True)


def test_a_refused_command_is_on_record_also_where_the_owner_may(run: Run, world: World) -> None:
    assert run("--as", "vera", "users", "disable", "eve").status == 1
    [entry] = world.rows("SELECT actor, subject FROM audit_log WHERE action = 'denied'")
    assert entry["actor"] == "vera"


def test_the_owner_of_the_machine_opens_an_account_again(run: Run, world: World) -> None:
    """Disabled, without the password and without the phone: what nobody else could help with."""
    begun = world.services.second_factors.begin(by=EVE)
    code = pyotp.TOTP(begun.secret).generate_otp(world.now // 30)
    world.services.second_factors.turn_on(begun, code, "practice-only", by=EVE)
    world.services.users.disable_on_this_host("eve")
    assert run("users", "recover", "eve").status == 2, "only said in so many words"
    done = run("users", "recover", "eve", "--on-this-host", "--json")
    assert done.json["user"]["active"]
    token = done.json["url"].partition("?invitation=")[2]
    world.services.invitations.accept(token, "four gentle walruses")
    assert world.services.users.sign_in("eve", "four gentle walruses").roles == {"admin"}
    [entry] = world.rows("SELECT actor FROM audit_log WHERE action = 'user.recover'")
    assert entry["actor"] == "@host"


def test_the_owner_of_the_machine_vouches_in_the_first_week(run: Run, world: World) -> None:
    assert run("users", "vouch", "bob").status == 2
    assert run("users", "vouch", "bob", "--on-this-host").status == 0
    for admin in ("ada", "eve"):
        [row] = world.services.account_changes.untold(Actor(admin, admin, frozenset()))
        assert row[0].action == "user.vouch"
    world.clock.advance(days=7)
    late = run("users", "vouch", "bob", "--on-this-host", "--json")
    assert (late.status, late.error["code"]) == (1, "not_permitted")
