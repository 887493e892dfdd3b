"""Each widget of the users page does what it says, and refuses what it must."""

from __future__ import annotations

import pytest

from lib.domain.actors import Permission, Role
from lib.errors import NotSignedIn
from lib.ui import user_forms
from tests.ui.conftest import PASSWORD, sign_in_form_is_shown


def choose(at, username: str, services):
    row = [user.username for user in services.users.list()].index(username)
    at.session_state["users_rows"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    return at


def add(at, **values: object):
    at.button(key="users_open_add").click().run()
    fields = {
        "username": "carol",
        "shown_name": "Carol Clerk",
        "address": "carol@example.com",
        "password": PASSWORD,
    } | values
    for name, value in fields.items():
        if name != "roles":
            at.text_input(key=f"users_add_{name}").set_value(value)
    if "roles" in values:
        at.pills(key="users_add_roles").set_value(values["roles"])
    at.button(key="users_add_submit").click().run()
    assert not at.exception
    return at


class TestAdd:
    def test_the_new_person_can_sign_in(self, open_page, services) -> None:
        at = add(open_page("users", as_="ada"), roles=["viewer", "approver"])
        assert services.users.sign_in("carol", PASSWORD).roles == {Role.VIEWER, Role.APPROVER}
        assert not at.text_input
        assert "carol" in set(at.dataframe[0].value["id"])

    @pytest.mark.parametrize(
        "bad",
        [
            {"username": "alice"},
            {"username": ""},
            {"username": "Not a name"},
            {"username": "a:1"},
            {"username": "=1+1"},
            {"username": "x" * 100_000},
            {"shown_name": "a\x00b"},
            {"shown_name": "x" * 100_000},
            {"address": "nowhere"},
            {"password": "short"},
            {"password": "x" * 73},
            {"roles": []},
        ],
        ids=lambda bad: str(bad)[:40],
    )
    def test_bad_input_is_refused_in_a_sentence_and_kept(self, bad, open_page, services) -> None:
        before = len(services.users.list())
        at = add(open_page("users", as_="ada"), **bad)
        assert len(at.error) == 1
        assert len(services.users.list()) == before
        assert at.text_input(key="users_add_password").value

    def test_markup_in_a_name_stays_text(self, open_page, services) -> None:
        name = "<b>Eve</b> :red[x] $y$ *z*"
        at = add(open_page("users", as_="ada"), shown_name=name)
        assert services.users.find("carol").name == name
        at = choose(at, "carol", services)
        assert "\\<b\\>Eve" in at.subheader[0].value
        assert name in set(at.dataframe[0].value["person"])

    def test_a_role_that_was_taken_meanwhile_is_asked_again_in_the_dialog(
        self, open_page, services, monkeypatch
    ) -> None:
        at = open_page("users", as_="ada")
        asked: list[object] = []
        real = user_forms.require
        monkeypatch.setattr(
            user_forms, "require", lambda permission: asked.append(permission) or real(permission)
        )
        at.button(key="users_open_add").click().run()
        assert asked == [Permission.MANAGE_USERS]


class TestChange:
    def test_disable_and_enable(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "vera", services)
        at.button(key="users_switch").click().run()
        assert not services.users.find("vera").is_active
        assert at.button(key="users_switch").label == "Enable account"
        at.button(key="users_switch").click().run()
        assert services.users.find("vera").is_active

    def test_roles(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "vera", services)
        at.pills(key="users_roles_vera_chosen").set_value(["operator", "approver"])
        at.button(key="users_roles_submit").click().run()
        assert services.users.find("vera").roles == {Role.OPERATOR, Role.APPROVER}

    def test_a_new_password_ends_the_persons_sessions(self, open_page, services) -> None:
        hers = open_page("home", as_="vera")
        at = choose(open_page("users", as_="ada"), "vera", services)
        at.text_input(key="users_password_vera_new").set_value("a better password")
        at.button(key="users_password_submit").click().run()
        assert services.users.sign_in("vera", "a better password")
        with pytest.raises(NotSignedIn):
            services.users.sign_in("vera", PASSWORD)
        assert sign_in_form_is_shown(hers.run())

    def test_the_last_admin_stays(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "ada", services)
        at.button(key="users_switch").click().run()
        assert "last active admin" in at.error[0].value
        at.pills(key="users_roles_ada_chosen").set_value(["viewer"])
        at.button(key="users_roles_submit").click().run()
        assert "last active admin" in at.error[0].value
        assert services.users.find("ada").roles == {Role.ADMIN}

    def test_a_row_stays_the_same_person_when_others_are_added(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "vera", services)
        ada = services.users.find("ada").actor
        services.users.add(
            "aaron",
            name="Aaron",
            email="aaron@example.com",
            roles=["viewer"],
            password=PASSWORD,
            by=ada,
        )
        at.button(key="users_switch").click().run()
        assert not services.users.find("vera").is_active
        assert services.users.find("bob").is_active


def test_limits_are_set_on_the_settings_page(open_page, services) -> None:
    at = open_page("settings", as_="ada")
    at.selectbox(key="settings_limit_currency").set_value("eur").run()
    at.text_input(key="settings_per_run_eur").set_value("1000.00")
    next(b for b in at.button if (b.key or "").startswith("settings_limits_save")).click().run()
    assert not at.exception
    assert services.limits.all()["eur"].per_run == 100_000
