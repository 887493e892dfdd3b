"""Each widget of the users page does what it says, and refuses what it must."""

from __future__ import annotations

import pytest

from lib.domain.actors import Permission, Role
from lib.errors import NotSignedIn
from lib.ui import navigation, user_forms
from tests.ui.conftest import PASSWORD, go, sign_in_form_is_shown

OWN = "four gentle walruses"


def choose(at, username: str, services):
    row = [user.username for user in services.users.list()].index(username)
    at.session_state["users_rows"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    return at


def token_on(at) -> str:
    """Of the one invitation that is shown."""
    (address,) = [block.value for block in at.code]
    return address.partition("?invitation=")[2]


def add(at, **values: object):
    at.button(key="users_open_add").click().run()
    fields = {
        "username": "carol",
        "shown_name": "Carol Clerk",
        "address": "carol@example.com",
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
    def test_the_new_person_is_invited_to_choose_a_password(self, open_page, services) -> None:
        at = add(open_page("users", as_="ada"), roles=["viewer", "approver"])
        services.invitations.accept(token_on(at), OWN)
        assert services.users.sign_in("carol", OWN).roles == {Role.VIEWER, Role.APPROVER}
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
            {"roles": []},
        ],
        ids=lambda bad: str(bad)[:40],
    )
    def test_bad_input_is_refused_in_a_sentence_and_kept(self, bad, open_page, services) -> None:
        before = len(services.users.list())
        at = add(open_page("users", as_="ada"), **bad)
        assert len(at.error) == 1
        assert len(services.users.list()) == before
        assert at.text_input(key="users_add_address").value

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
        at.button(key="users_invite").click().run()
        assert not sign_in_form_is_shown(hers.run()), "the invitation alone ends nothing"
        services.invitations.accept(token_on(at), OWN)
        assert services.users.sign_in("vera", OWN)
        with pytest.raises(NotSignedIn):
            services.users.sign_in("vera", PASSWORD)
        assert sign_in_form_is_shown(hers.run())

    def test_the_invitation_stays_until_the_page_is_left(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "vera", services)
        at.button(key="users_invite").click().run()
        token = token_on(at)
        assert token_on(at.run()) == token
        assert not go(go(at, "audit"), "users").code

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
    assert at.text_input(key="settings_per_charge_eur").value == "4400.00", "the default"
    at.text_input(key="settings_per_charge_eur").set_value("500.00")
    at.text_input(key="settings_per_run_eur").set_value("1000.00")
    save = next(b for b in at.button if (b.key or "").startswith("settings_limits_save"))
    save.click().run()
    assert "Enter your password" in at.error[0].value
    assert services.limits.all() == {}
    at.text_input(key="settings_limits_password_eur").set_value(PASSWORD)
    next(b for b in at.button if (b.key or "").startswith("settings_limits_save")).click().run()
    assert not at.exception
    assert services.limits.all()["eur"].per_run == 100_000


def test_a_limit_that_can_mean_two_sums_is_asked(open_page, services) -> None:
    at = open_page("settings", as_="ada")
    at.selectbox(key="settings_limit_currency").set_value("eur").run()
    at.text_input(key="settings_per_charge_eur").set_value("1.500")
    at.text_input(key="settings_per_run_eur").set_value("20.000,00")
    at.text_input(key="settings_per_day_eur").set_value("")
    at.text_input(key="settings_limits_password_eur").set_value(PASSWORD)

    def save() -> None:
        next(b for b in at.button if (b.key or "").startswith("settings_limits_save")).click().run()

    save()
    assert "eur" not in services.limits.all()
    (asked,) = [one for one in at.button_group if "can mean two sums" in one.label]
    assert asked.label.startswith("A charge: “1.500”")
    asked.set_value("comma")
    save()
    assert not at.exception
    limits = services.limits.all()["eur"]
    assert (limits.per_charge, limits.per_run, limits.per_day) == (150_000, 2_000_000, None)


def test_limits_with_three_decimals_ask_nothing_as_they_are_shown(open_page, services) -> None:
    services.limits.set(
        "kwd", per_charge="1.5", per_run="2.5", per_day="", by=services.users.find("ada").actor
    )
    at = open_page("settings", as_="ada")
    at.selectbox(key="settings_limit_currency").set_value("kwd").run()
    assert not [one for one in at.button_group if "can mean two sums" in one.label]


class TestWithASecondAdmin:
    @pytest.fixture
    def eve(self, services, world) -> None:
        services.users.add(
            "eve",
            name="Eve Admin",
            email="eve@example.com",
            roles=["admin"],
            password=PASSWORD,
            by=services.users.find("ada").actor,
        )
        services.users.sign_in("eve", PASSWORD)

    def agree(self, at, label: str = "approve") -> None:
        [field] = [one for one in at.text_input if "approvals_admin" in (one.key or "")]
        field.set_value(PASSWORD)
        [button] = [one for one in at.button if (one.key or "").endswith(f"_{label}")]
        button.click().run()
        assert not at.exception
        assert not at.error

    @pytest.mark.usefixtures("eve")
    def test_roles_wait_for_her(self, open_page, services) -> None:
        at = choose(open_page("users", as_="ada"), "vera", services)
        at.pills(key="users_roles_vera_chosen").set_value(["operator"])
        at.button(key="users_roles_submit").click().run()
        assert "Another admin has to agree" in at.toast[0].value
        assert services.users.find("vera").roles == {Role.VIEWER}
        assert not [one for one in go(at, "approvals").text_input if "admin" in (one.key or "")]
        hers = open_page("approvals", as_="eve")
        assert "Give Vera Viewer the roles operator" in hers.markdown[0].value
        self.agree(hers)
        assert services.users.find("vera").roles == {Role.OPERATOR}

    @pytest.mark.usefixtures("eve")
    def test_only_admins_see_what_waits_for_one(self, open_page, services) -> None:
        ada = services.users.find("ada").actor
        services.users.disable("eve", by=ada)
        assert any("Nothing waits" in m.value for m in open_page("approvals", as_="bob").markdown)
        for who, count in (("bob", 0), ("ada", 1)):
            actor = services.users.find(who).actor
            assert navigation.waiting(services, actor)["approvals"] == count

    @pytest.mark.usefixtures("eve")
    def test_her_invitation_is_shown_to_whoever_agrees(self, open_page, services) -> None:
        at = choose(open_page("users", as_="eve"), "ada", services)
        services.users.sign_in("ada", PASSWORD)
        at.button(key="users_invite").click().run()
        assert not at.code
        other = open_page("approvals", as_="ada")
        self.agree(other)
        services.invitations.accept(token_on(other), OWN)
        assert services.users.sign_in("ada", OWN)

    @pytest.mark.usefixtures("eve")
    def test_limits_wait_and_a_rejected_one_changes_nothing(self, open_page, services) -> None:
        ada = services.users.find("ada").actor
        services.limits.set("eur", per_charge="5", per_run="", per_day="", by=ada)
        assert services.limits.all() == {}
        at = open_page("approvals", as_="eve")
        assert "€5\\.00" in at.markdown[0].value
        self.agree(at, "reject")
        assert services.limits.all() == {}
        assert not services.admin_proposals.to_decide(by=ada)

    @pytest.mark.usefixtures("eve")
    def test_a_new_operator_begins_as_a_viewer(self, open_page, services) -> None:
        at = add(open_page("users", as_="ada"), roles=["operator"])
        assert "begins as a viewer" in at.toast[0].value
        assert services.users.find("carol").roles == {Role.VIEWER}
        assert token_on(at)
