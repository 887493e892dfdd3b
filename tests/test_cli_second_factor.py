"""The second factor on the command line, where money is real, and after a restore."""

from __future__ import annotations

import dataclasses

import pytest

from lib import bootstrap
from tests.commands import Run, commands_of
from tests.services.staff.test_second_factors import Phone, enrol, make_live
from tests.world import ADA, BOB, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("ONFILE_OTP", raising=False)
    return commands_of(world, capsys, monkeypatch)


def test_a_code_is_asked_for_where_one_is_on(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = enrol(world)
    refused = run("--as", "ada", "users", "list", "--json")
    assert (refused.status, refused.error["code"]) == (1, "not_signed_in")
    assert "ONFILE_OTP" in refused.error["message"]
    monkeypatch.setenv("ONFILE_OTP", "000000")
    assert run("--as", "ada", "users", "list", "--json").error["code"] == "not_signed_in"
    monkeypatch.setenv("ONFILE_OTP", phone.wait())
    assert run("--as", "ada", "users", "list").status == 0
    assert run("--as", "ada", "users", "list").status == 1, "a code works once"
    monkeypatch.setenv("ONFILE_OTP", phone.paper[0])
    assert run("--as", "ada", "users", "list").status == 0


def test_where_money_is_real_approvers_and_admins_do_nothing_without_one(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = enrol(world, BOB)
    make_live(world)
    for words in (("users", "list"), ("charges", "list"), ("runs", "approve", "run_x")):
        refused = run("--as", "ada", *words, "--json")
        assert (refused.status, refused.error["code"]) == (1, "not_signed_in")
        assert "need a second factor" in refused.error["message"]
    assert run("--as", "alice", "charges", "list").status == 0, "operators may go without"
    monkeypatch.setenv("ONFILE_OTP", phone.wait())
    assert run("--as", "bob", "charges", "list").status == 0


class TestRestore:
    """The drill of docs/operations.md: the copy holds the second factors, and not their key."""

    @pytest.fixture
    def restored(self, run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> Phone:
        phone = enrol(world, ADA)
        copy = world.services.backups.take(by=ADA)
        world.change("DELETE FROM second_factors", "DELETE FROM recovery_codes")
        done = run("--as", "ada", "restore", str(copy.path), "--json")
        assert done.status == 0
        world.rebuild()
        assert run("--as", "ada", "users", "list").status == 1, "it is asked for again"
        return phone

    def test_signs_in_with_a_second_factor(
        self, restored: Phone, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONFILE_OTP", restored.wait())
        assert run("--as", "ada", "users", "list").status == 0

    def test_without_the_key_a_recovery_code_does(
        self, restored: Phone, run: Run, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.services.close()
        elsewhere = dataclasses.replace(world.settings, secret_key="o" * 48)
        world.services = bootstrap.build_services(
            elsewhere, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        monkeypatch.setenv("ONFILE_OTP", restored.wait())
        refused = run("--as", "ada", "users", "list", "--json")
        assert (refused.status, refused.error["code"]) == (1, "second_factor_unreadable")
        assert "ONFILE_SECRET_KEY" in refused.error["message"]
        monkeypatch.setenv("ONFILE_OTP", restored.paper[0])
        assert run("--as", "ada", "users", "list").status == 0
