"""What somebody tried and may not, and sign-ins that were refused, are on the audit log."""

from __future__ import annotations

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.commands import commands_of
from tests.ui.conftest import PASSWORD, sign_in_quietly
from tests.ui.test_sign_in import fill_in


def entries(world, action: str) -> list[tuple[str, str, dict[str, object]]]:
    rows = world.rows("SELECT * FROM audit_log WHERE action = ? ORDER BY id", action)
    return [(row["actor"], row["subject"], json.loads(row["detail"])) for row in rows]


def test_a_page_that_the_role_does_not_open_once_for_a_tab(open_page, world) -> None:
    at = open_page("users", as_="vera")
    assert at.error
    at.run()
    [(actor, _, detail)] = entries(world, "denied")
    assert (actor, detail) == (
        "vera",
        {"reason": "This needs the role admin. Ask an admin to give it to you."},
    )


def test_an_act_that_a_service_does_not_allow(services, world) -> None:
    def script() -> None:
        from lib.errors import NotPermitted
        from lib.ui import outcome

        with outcome.show("Done."):
            raise NotPermitted("You prepared it, so somebody else decides.")

    at = sign_in_quietly(AppTest.from_function(script), services, "bob").run()
    assert not at.exception
    assert "You prepared it" in at.error[0].value
    [(actor, _, detail)] = entries(world, "denied")
    assert (actor, detail["reason"]) == ("bob", "You prepared it, so somebody else decides.")


def test_a_command(world, capsys, monkeypatch) -> None:
    run = commands_of(world, capsys, monkeypatch)
    assert run("users", "list", "--as", "vera", "--json").status == 1
    [(actor, door, _)] = entries(world, "denied")
    assert (actor, door) == ("vera", "command users list")


class TestSignIns:
    @pytest.fixture(autouse=True)
    def _address(self, monkeypatch) -> None:
        monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: "192.0.2.7"))

    def test_with_the_address_it_came_from(self, visit, world) -> None:
        at = visit().run()
        fill_in(at, "alice", "a wrong password")
        fill_in(at, "alice", PASSWORD)
        [refused] = entries(world, "user.sign_in_refused")
        assert refused == ("system", "user:alice", {"address": "192.0.2.7"})
        [done] = entries(world, "user.sign_in")
        assert done == ("alice", "user:alice", {"address": "192.0.2.7"})

    def test_what_is_nobodys_name_is_not_kept(self, visit, world) -> None:
        """It may be a password, typed into the wrong field."""
        fill_in(visit().run(), "my-secret-passphrase", PASSWORD)
        [(_, subject, _)] = entries(world, "user.sign_in_refused")
        assert subject == "user:(nobody of that name)"
        assert not world.rows("SELECT 1 FROM audit_log WHERE subject || detail LIKE '%my-secret%'")

    def test_while_the_account_is_locked(self, visit, world) -> None:
        at = visit().run()
        for _ in range(6):
            fill_in(at, "alice", "a wrong password")
        assert entries(world, "user.sign_in_refused")[-1][2] == {
            "address": "192.0.2.7",
            "locked": True,
        }
