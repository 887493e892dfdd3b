"""A second factor on Your account, and what the sign-in asks for then."""

from __future__ import annotations

import pyotp
import pytest

from lib.clock import epoch
from tests.services.staff.test_second_factors import make_live
from tests.ui.conftest import PASSWORD, sign_in_form_is_shown


@pytest.fixture
def now_code(clock):
    return lambda secret: pyotp.TOTP(secret).generate_otp(epoch(clock()) // 30)


def turn_on(at, now_code):
    at.button(key="second_factor_begin").click().run()
    secret = at.code[0].value
    at.text_input(key="second_factor_code").set_value(now_code(secret))
    at.text_input(key="second_factor_password").set_value(PASSWORD)
    at.button(key="second_factor_submit").click().run()
    assert not at.exception
    assert not at.error
    return secret


def test_is_turned_on_and_shows_recovery_codes_once(open_page, services, now_code) -> None:
    at = open_page("account", as_="ada")
    turn_on(at, now_code)
    codes = at.code[0].value.split()
    assert len(codes) == 10
    assert services.second_factors.standing(services.users.find("ada").actor).is_on
    at.button(key="second_factor_kept").click().run()
    assert not at.code
    assert not sign_in_form_is_shown(at), "this session goes on"


def test_the_next_one_asks_for_a_code_of_the_one_before(open_page, clock, now_code) -> None:
    at = open_page("account", as_="ada")
    secret = turn_on(at, now_code)
    at.button(key="second_factor_kept").click().run()
    clock.advance(minutes=1)
    at.button(key="second_factor_begin").click().run()
    another = at.code[0].value

    def typed(replaced: str) -> None:
        fields = {field.label: field for field in at.text_input}
        fields["Code that the app shows now"].set_value(now_code(another))
        fields["Your password"].set_value(PASSWORD)
        fields["Code of the app you have had, or a recovery code"].set_value(replaced)
        at.button(key="second_factor_submit").click().run()

    typed(now_code(another))
    assert at.error
    typed(now_code(secret))
    assert not at.error
    assert len(at.code[0].value.split()) == 10


def test_a_wrong_code_says_so_and_keeps_the_secret(open_page, services) -> None:
    at = open_page("account", as_="ada")
    at.button(key="second_factor_begin").click().run()
    secret = at.code[0].value
    at.text_input(key="second_factor_code").set_value("000000")
    at.text_input(key="second_factor_password").set_value(PASSWORD)
    at.button(key="second_factor_submit").click().run()
    assert "That code is not right" in at.error[0].value
    assert at.code[0].value == secret


def test_the_sign_in_asks_for_the_code(open_page, visit, clock, now_code) -> None:
    secret = turn_on(open_page("account", as_="ada"), now_code)
    clock.advance(minutes=1)
    at = visit().run()
    at.text_input(key="sign_in_user").set_value("ada")
    at.text_input(key="sign_in_password").set_value(PASSWORD)
    at.button(key="sign_in_submit").click().run()
    assert sign_in_form_is_shown(at)
    at.text_input(key="sign_in_code").set_value(now_code(secret))
    at.button(key="sign_in_submit").click().run()
    assert at.title[0].value == "Hello, Ada"


def test_where_money_is_real_nothing_is_shown_to_approvers_and_admins_without_one(
    open_page, world
) -> None:
    make_live(world)
    for who, page in (("ada", "users"), ("ada", "charges"), ("bob", "approvals")):
        at = open_page(page, as_=who)
        assert "Turn it on to go on" in at.warning[-1].value
        assert not at.title
        assert not at.dataframe
    assert open_page("charges", as_="alice").title
    assert open_page("account", as_="ada").button(key="second_factor_begin")
