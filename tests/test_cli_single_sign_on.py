"""Single sign-on on the command line: who somebody is at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Run, commands_of
from tests.services.staff.test_single_sign_on import ISSUER, SETTINGS
from tests.world import World, new_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path, **SETTINGS) as built:
        yield built


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def subjects(run: Run) -> dict[str, str]:
    listed = run("--as", "ada", "users", "list", "--json").json["users"]
    return {one["name"]: one["sso_subject"] for one in listed if one["sso_subject"]}


def test_people_are_linked_and_unlinked(run: Run, world: World) -> None:
    as_ada = ("--as", "ada", "--json", "users")
    answer = run(*as_ada, "link-sso", "alice", "--subject", " 248289761001 ")
    assert (answer.status, answer.json["user"]["name"]) == (0, "alice")
    assert subjects(run) == {"alice": "248289761001"}
    again = run(*as_ada, "link-sso", "bob", "--subject", "248289761001")
    assert "linked to alice" in again.error["message"]
    assert run(*as_ada, "link-sso", "bob", "--by-email").status == 0
    assert world.services.single_sign_on.is_expected("bob")
    assert run(*as_ada, "unlink-sso", "alice").status == 0
    assert subjects(run) == {}
    assert "not linked" in run(*as_ada, "unlink-sso", "alice").error["message"]
    assert run(*as_ada, "link-sso", "alice").status == 2


def test_of_an_admin_a_second_one_agrees(run: Run, world: World) -> None:
    world.change("UPDATE users SET roles = 'admin', last_sign_in_at = 1 WHERE username = 'bob'")
    waits = run("--as", "ada", "--json", "users", "link-sso", "bob", "--subject", "7")
    assert waits.json["waiting"]["change"] == f"Link Bob Approver to the subject 7 of {ISSUER}"
    assert subjects(run) == {}
    agreed = run(
        "--as", "bob", "--json", "admin-changes", "agree", waits.json["waiting"]["change_id"]
    )
    assert agreed.status == 0
    assert subjects(run) == {"bob": "7"}


def test_whoever_owns_the_machine_takes_the_link_away(run: Run) -> None:
    run("--as", "ada", "users", "link-sso", "alice", "--subject", "7")
    assert run("users", "recover", "alice", "--on-this-host", "--json").json["url"]
    assert subjects(run) == {}
