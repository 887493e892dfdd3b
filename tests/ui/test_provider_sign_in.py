"""The sign-in page of an installation with a single sign-on, and what stands in for a password there."""

from __future__ import annotations

import jwt
import pytest
import streamlit as st

from lib.clock import epoch
from lib.services.staff.sign_in_cookie import cookie_name, principal_in
from tests.services.staff.test_second_factors import Phone
from tests.services.staff.test_single_sign_on import ISSUER, SETTINGS
from tests.ui.charge_pages import ran, text
from tests.ui.conftest import PASSWORD, go, sign_in_form_is_shown


@pytest.fixture
def environ() -> dict[str, str]:
    return SETTINGS


@pytest.fixture
def provider(world, monkeypatch):
    """`provider("vera")`: the browser comes from the provider as her."""
    said: dict[str, object] = {}
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: dict(said))

    def says(name: str, **more: object) -> None:
        now = epoch(world.clock())
        said.clear()
        said.update(iss=ISSUER, sub=f"sub-{name}", iat=now, nonce="n", is_logged_in=True, **more)

    return says


@pytest.fixture
def link(world):
    ada = world.services.users.find("ada").actor
    return lambda name: world.services.single_sign_on.link(name, f"sub-{name}", by=ada)


def said(at) -> str:
    return "\n".join(str(one.value) for one in at.error).replace("\\", "")


def test_whoever_is_linked_is_in(visit, provider, link) -> None:
    link("vera")
    provider("vera")
    at = ran(visit().run())
    assert not sign_in_form_is_shown(at)
    assert "Vera Viewer" in text(at)
    assert sign_in_form_is_shown(ran(visit().run())), "taken, in the first tab"


def test_a_fresh_sign_in_wins_over_the_cookie_of_an_older_one(
    visit, provider, link, cookies, services, settings, world
) -> None:
    link("vera")
    alice = services.sessions.begin(services.users.find("alice"))
    claims = {"username": alice, "exp_date": world.clock().timestamp() + 3_600}
    cookies[cookie_name(settings.cookie_key)] = jwt.encode(
        claims, settings.cookie_key, algorithm="HS256"
    )
    assert principal_in(next(iter(cookies.values())), cookie_key=settings.cookie_key, now=0)
    assert "Alice Operator" in text(ran(visit().run()))
    provider("vera")
    assert "Vera Viewer" in text(ran(visit().run()))


def test_somebody_unknown_reads_what_to_ask_for_once(visit, provider, world) -> None:
    provider("stranger")
    at = ran(visit().run())
    for _ in range(2):
        assert sign_in_form_is_shown(at)
        assert "with the subject sub-stranger" in said(at)
        ran(at.run())
    refused = "SELECT 1 FROM audit_log WHERE action = 'user.sign_in_refused'"
    assert len(world.rows(refused)) == 1
    # Once somebody was in, the next one does not read it.
    at.text_input(key="sign_in_user").set_value("vera")
    at.text_input(key="sign_in_password").set_value(PASSWORD)
    ran(at.button(key="sign_in_submit").click().run())
    assert not sign_in_form_is_shown(at)
    world.services.users.end_sessions("vera")
    assert sign_in_form_is_shown(ran(at.run()))
    assert said(at) == ""


def test_a_code_is_asked_for_where_there_is_a_second_factor(
    visit, provider, link, world, services
) -> None:
    ada = services.users.find("ada").actor
    factors = services.second_factors
    begun = factors.begin(by=ada)
    phone = Phone(world, begun.secret, [])
    factors.turn_on(begun, phone.code(), PASSWORD, by=ada)
    link("ada")
    provider("ada")
    at = ran(visit().run())
    assert sign_in_form_is_shown(at)
    at.text_input(key="provider_code").set_value("000000")
    ran(at.button(key="provider_code_submit").click().run())
    assert "not right" in said(at)
    at.text_input(key="provider_code").set_value(phone.wait())
    ran(at.button(key="provider_code_submit").click().run())
    assert not sign_in_form_is_shown(at)
    assert "Ada Admin" in text(at)


def test_a_password_does_not_lead_around_the_provider(visit, provider, link, services) -> None:
    alice = services.users.find("alice").actor
    services.users.set_password("alice", "a phrase of her own", by=alice)
    link("alice")
    at = visit().run()
    at.text_input(key="sign_in_user").set_value("alice")
    at.text_input(key="sign_in_password").set_value("a phrase of her own")
    ran(at.button(key="sign_in_submit").click().run())
    assert "single sign-on here" in said(at)


@pytest.mark.parametrize("is_proved", [True, False])
def test_a_proof_stands_in_for_the_password(visit, provider, link, world, is_proved) -> None:
    link("ada")
    provider("ada", **({"auth_time": epoch(world.clock())} if is_proved else {}))
    at = go(ran(visit().run()), "data_protection")
    assert ("leave the password empty" in text(at)) is is_proved
    at.text_input(key="protection_days").set_value("90")
    ran(at.button(key="protection_save").click().run())
    assert bool(world.services.retention.rules()) is is_proved
    assert ("Enter your password" in said(at)) is not is_proved


def test_admins_link_and_unlink_on_the_page(open_page, services) -> None:
    at = open_page("users", as_="ada")
    at.session_state["users_rows"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    ran(at.run())
    [username] = [
        key.removeprefix("users_subject_")
        for key in (one.key or "" for one in at.text_input)
        if key.startswith("users_subject_")
    ]
    ran(at.button(key="users_expect").click().run())
    assert services.single_sign_on.is_expected(username)
    at.text_input(key=f"users_subject_{username}").set_value("sub-7")
    ran(at.button(key="users_link").click().run())
    assert services.single_sign_on.identities()[username].subject == "sub-7"
    ran(at.button(key="users_unlink").click().run())
    assert services.single_sign_on.identities() == {}


def test_without_a_provider_nothing_is_said_of_one(visit, services, provider) -> None:
    services.single_sign_on.provider = None
    provider("vera")
    at = visit().run()
    assert sign_in_form_is_shown(at)
    assert not [one for one in at.button if one.key == "sign_in_provider"]


class TestNobodyIsThere:
    """Streamlit would send the browser to a bare page."""

    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return SETTINGS | {"ONFILE_SSO_ISSUER": "http://127.0.0.1:9"}

    def test_a_click_says_so_on_the_sign_in_page(self, visit, provider) -> None:
        at = visit().run()
        at = at.button(key="sign_in_provider").click().run()
        assert sign_in_form_is_shown(at)
        assert "does not answer" in said(at)
