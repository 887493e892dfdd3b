"""The page behind an invitation, as somebody without an account's password opens it."""

from __future__ import annotations

import pyotp
import pytest

from lib.errors import NotFound
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.ui.conftest import sign_in_form_is_shown
from tests.world import ADA, VERA

OWN = "four gentle walruses"


@pytest.fixture
def invited(services, visit):
    """`(page, token)` of an invitation for Vera."""
    token = services.invitations.invite("vera", by=ADA).partition("=")[2]
    at = visit()
    at.query_params["invitation"] = token
    return at.run(), token


def fill_in(at, new: str, again: str):
    at.text_input(key="invitation_password").set_value(new)
    at.text_input(key="invitation_again").set_value(again)
    at.button(key="invitation_submit").click().run()
    assert not at.exception
    return at


def test_sets_the_password_and_signs_in(invited, services) -> None:
    at, token = invited
    assert "Vera Viewer" in at.markdown[0].value
    at = fill_in(at, OWN, OWN)
    assert at.title[0].value == "Hello, Vera"
    assert "invitation" not in at.query_params
    assert services.users.sign_in("vera", OWN).password_is_own
    with pytest.raises(NotFound):
        services.invitations.invited(token)


def test_is_no_way_around_the_second_factor(services, visit) -> None:
    """Whoever sees the address sets the password, and is asked for a code all the same."""
    begun = services.second_factors.begin(by=VERA)
    code = pyotp.TOTP(begun.secret).at(int(services.clock().timestamp()))
    services.second_factors.turn_on(begun, code, PRACTICE_PASSWORD, by=VERA)
    at = visit()
    at.query_params["invitation"] = services.invitations.invite("vera", by=ADA).partition("=")[2]
    at = fill_in(at.run(), OWN, OWN)
    assert sign_in_form_is_shown(at)
    at.text_input(key="sign_in_user").set_value("vera")
    at.text_input(key="sign_in_password").set_value(OWN)
    at.button(key="sign_in_submit").click().run()
    assert "Code from your app" in at.text_input(key="sign_in_code").label


@pytest.mark.parametrize(
    ("new", "again", "why"),
    [
        (OWN, OWN + "!", "differ"),
        ("vera@example.com", "vera@example.com", "own name"),
        ("short", "short", "at least 12"),
    ],
)
def test_says_why_not_and_stays_open(new, again, why, invited, services) -> None:
    at, token = invited
    assert why in fill_in(at, new, again).error[0].value
    assert services.invitations.invited(token).username == "vera"


def test_a_used_one_says_so_and_leads_to_the_sign_in(invited, services, visit) -> None:
    _, token = invited
    services.invitations.accept(token, OWN)
    at = visit()
    at.query_params["invitation"] = token
    at.run()
    assert "Ask an admin for a new one" in at.error[0].value
    assert not at.text_input
    at.button(key="invitation_leave").click().run()
    assert sign_in_form_is_shown(at)
