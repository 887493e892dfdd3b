"""What ends a session that stands open in a tab, and what keeps it open."""

from __future__ import annotations

import time

import jwt
import pytest

from lib.domain.sessions import Ending, SessionLimits
from lib.services.staff.sign_in_cookie import cookie_name
from lib.ui import auth
from tests.ui.conftest import sign_in_form_is_shown
from tests.ui.test_sign_in import PASSWORD, fill_in, happen

IDLE, ABSOLUTE = 30 * 60, 12 * 3_600


@pytest.fixture(autouse=True)
def _limits(services) -> None:
    services.sessions.limits = SessionLimits(idle=IDLE, absolute=ABSOLUTE)


def last_act(world) -> int:
    [row] = world.rows("SELECT max(last_act_at) AS at FROM staff_sessions")
    return int(row["at"])


def said(at) -> list[str]:
    return [found.value for found in at.info]


def test_nothing_done_ends_it_and_the_tab_says_so(open_page, clock) -> None:
    at = open_page("charges", as_="alice")
    clock.advance(seconds=IDLE)
    at.run()
    assert sign_in_form_is_shown(at)
    assert said(at) == [Ending.IDLE.value]
    assert not at.dataframe
    assert not any("Alice" in found.value for found in at.markdown)


def test_an_act_keeps_it_open(open_page, clock) -> None:
    at = open_page("charges", as_="alice")
    for _ in range(3):
        clock.advance(seconds=IDLE - 1)
        assert not sign_in_form_is_shown(at.run())


def test_no_act_keeps_it_open_beyond_a_working_day(open_page, clock) -> None:
    at = open_page("charges", as_="alice")
    for _ in range(ABSOLUTE // (IDLE - 1) + 1):
        clock.advance(seconds=IDLE - 1)
        at.run()
    assert sign_in_form_is_shown(at)
    assert said(at) == [Ending.TOO_LONG.value]


@pytest.mark.parametrize(
    ("event", "words"),
    [("disable", Ending.DISABLED), ("password", Ending.LEFT), ("everywhere", Ending.LEFT)],
)
def test_an_ended_tab_shows_the_sign_in_and_nothing_more(event, words, open_page, services) -> None:
    at = open_page("customers", as_="alice")
    happen(event, services)
    at.run()
    assert sign_in_form_is_shown(at)
    assert said(at) == [words.value]
    assert not at.dataframe


def test_signing_in_again_forgets_why_it_ended(open_page, clock) -> None:
    at = open_page("home", as_="alice")
    clock.advance(seconds=IDLE)
    assert fill_in(at.run(), "alice", PASSWORD).title[0].value == "Hello, Alice"
    assert "auth_ended" not in at.session_state


def test_what_the_page_does_by_itself_is_no_act(open_page, clock, world) -> None:
    at = open_page("home", as_="alice")
    before = last_act(world)
    clock.advance(minutes=10)
    # As a fragment that runs by the clock asks for a new page, and as a page that noticed something.
    at.session_state["auth_run_by_itself"] = True
    assert not sign_in_form_is_shown(at.run())
    assert last_act(world) == before
    clock.advance(minutes=1)
    at.run()
    assert last_act(world) == before + 11 * 60


def test_the_button_that_a_page_presses_is_no_act(open_page, clock, world) -> None:
    at = open_page("home", as_="alice")
    before = last_act(world)
    clock.advance(minutes=10)
    pressed = next(found for found in at.button if found.key in auth.NOTICED)
    assert not sign_in_form_is_shown(pressed.click().run())
    assert last_act(world) == before


def test_tabs_share_one_session_and_a_reload_keeps_its_age(
    visit, cookies, services, settings, clock
) -> None:
    named = services.sessions.begin(services.users.find("alice"))
    signed = {"username": named, "exp_date": time.time() + 600}
    cookies[cookie_name(settings.cookie_key)] = jwt.encode(signed, settings.cookie_key)
    one, other = visit().run(), visit().run()
    clock.advance(seconds=IDLE - 1)
    one.run()
    clock.advance(seconds=IDLE - 1)
    assert not sign_in_form_is_shown(other.run()), "an act in one tab counts for all"
    clock.advance(seconds=IDLE)
    assert sign_in_form_is_shown(visit().run()), "a reload is no new sign-in"
    assert sign_in_form_is_shown(one.run())
