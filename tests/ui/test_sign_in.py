"""Signing in and out, the cookie, and what ends a session."""

from __future__ import annotations

import time

import jwt
import pytest

from lib import bootstrap
from lib.clock import epoch
from lib.domain.actors import SYSTEM, Role
from lib.errors import NotSignedIn
from lib.services.staff.devices import device_cookie_name, device_token
from lib.services.staff.sign_in_cookie import cookie_name
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.ui.conftest import (
    PASSWORD,
    TEST_MODE,
    go,
    sign_in_form_is_shown,
    sign_in_quietly,
)
from tests.world import FakeClock, new_world


def fill_in(at, username: str, password: str):
    at.text_input(key="sign_in_user").set_value(username)
    at.text_input(key="sign_in_password").set_value(password)
    at.button(key="sign_in_submit").click().run()
    assert not at.exception
    return at


def browser_reports(at):
    """What the cookie component says once the cookie is deleted."""
    at.session_state[at.session_state["auth_cookie_drop"]] = True
    return at.run()


@pytest.fixture
def nobody_yet(tmp_path, environ, visit, monkeypatch):
    """Services without accounts, for whoever visits."""
    with new_world(tmp_path / "empty", **environ) as empty:
        monkeypatch.setattr(bootstrap, "services", lambda: empty.services)
        yield empty.services


class TestForm:
    def test_the_right_password_opens_home_and_leaves_no_form(self, visit, services) -> None:
        at = fill_in(visit().run(), " Alice\u2060 ", PASSWORD)
        assert at.title[0].value == "Hello, Alice"
        assert not sign_in_form_is_shown(at)
        assert services.users.find("alice").last_sign_in_at is not None

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("alice", "wrong password"),
            ("nobody", PASSWORD),
            ("alice", ""),
            ("", ""),
            ("alice", "x" * 100_000),
            ("\x00'; --", PASSWORD),
            ("ada:1", PASSWORD),
        ],
    )
    def test_anything_else_is_refused_in_one_sentence(self, username, password, visit) -> None:
        at = fill_in(visit().run(), username, password)
        assert len(at.error) == 1
        assert sign_in_form_is_shown(at)

    def test_five_wrong_passwords_slow_a_stranger_down(self, visit, clock) -> None:
        at = visit().run()
        for _ in range(5):
            fill_in(at, "alice", "wrong password")
        fill_in(at, "alice", PASSWORD)
        assert "Too many wrong tries" in at.error[0].value
        clock.advance(minutes=16)
        assert fill_in(at, "alice", PASSWORD).title[0].value == "Hello, Alice"

    def test_a_browser_of_the_person_is_no_stranger(self, visit, cookies, settings) -> None:
        at = visit().run()
        for _ in range(5):
            fill_in(at, "alice", "wrong password")
        cookies[device_cookie_name(settings.cookie_key)] = device_token(
            "alice", cookie_key=settings.cookie_key, now=epoch(FakeClock().now)
        )
        assert fill_in(visit().run(), "alice", PASSWORD).title[0].value == "Hello, Alice"

    def test_a_disabled_account_is_refused(self, visit, services) -> None:
        services.users.disable("alice", by=services.users.find("ada").actor)
        assert fill_in(visit().run(), "alice", PASSWORD).error

    def test_the_address_asked_for_survives(self, visit) -> None:
        at = visit()
        at.query_params["charge"] = "chg_1"
        fill_in(at.run(), "alice", PASSWORD)
        assert at.query_params["charge"] == "chg_1"


class TestPracticeAccounts:
    def test_a_click_signs_in(self, visit, nobody_yet) -> None:
        nobody_yet.users.add_practice_users()
        at = visit().run()
        assert any(PRACTICE_PASSWORD in caption.value for caption in at.caption)
        at.button(key="sign_in_as_bob").click().run()
        assert at.title[0].value == "Hello, Bob"

    def test_a_click_still_needs_the_known_password(self, visit, nobody_yet) -> None:
        nobody_yet.users.add_practice_users()
        bob = nobody_yet.users.find("bob").actor
        nobody_yet.users.set_password("bob", "another password", by=bob)
        at = visit().run()
        at.button(key="sign_in_as_bob").click().run()
        assert at.error
        assert sign_in_form_is_shown(at)


class TestWithRealStripe:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return TEST_MODE

    def test_no_ready_made_accounts_are_offered(self, visit) -> None:
        at = visit().run()
        assert [button.key for button in at.button] == ["sign_in_submit"]
        assert not any(PRACTICE_PASSWORD in caption.value for caption in at.caption)

    def test_without_accounts_the_page_says_how_to_add_one(self, visit, nobody_yet) -> None:
        at = visit().run()
        assert at.code[0].value.startswith("python -m lib users add ")
        assert not at.text_input


class TestCookie:
    named = "alice:1:ses_1"

    @pytest.fixture(autouse=True)
    def _session(self, services) -> None:
        """One that is open, so that nothing but the cookie is wrong."""
        self.named = services.sessions.begin(services.users.find("alice"))

    def make(self, settings, *, key=None, algorithm="HS256", **claims):
        payload = {"username": self.named, "exp_date": time.time() + 600} | claims
        if isinstance(payload["username"], str):
            payload["username"] = payload["username"].replace("SESSION", self.named[8:])
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, settings.cookie_key if key is None else key, algorithm)

    def test_a_good_one_signs_in(self, visit, cookies, settings) -> None:
        cookies[cookie_name(settings.cookie_key)] = self.make(settings)
        at = visit().run()
        assert at.title[0].value == "Hello, Alice"
        assert not sign_in_form_is_shown(at)

    @pytest.mark.parametrize(
        "change",
        [
            {"key": "k" * 48},
            {"algorithm": "HS512", "key": "k" * 64},
            {"algorithm": "none", "key": ""},
            {"algorithm": "HS512"},
            {"exp_date": 1.0},
            {"exp_date": None},
            {"exp_date": "soon"},
            {"exp": 1},
            {"username": "alice"},
            {"username": "alice:1"},
            {"username": "alice:1:"},
            {"username": "alice:1:ses_0"},
            {"username": "alice:0:SESSION"},
            {"username": "alice:2:SESSION"},
            {"username": "alice:01:SESSION"},
            {"username": "ALICE:1:SESSION"},
            {"username": "ada:1:SESSION"},
            {"username": "nobody:1:SESSION"},
            {"username": "SESSION"},
            {"username": None},
            {"username": ["alice:1:SESSION"]},
            {"username": ""},
        ],
        ids=str,
    )
    def test_any_other_does_not(self, change, visit, cookies, settings, services) -> None:
        assert services.users.find("alice").session_version == 1
        cookies[cookie_name(settings.cookie_key)] = self.make(settings, **change)
        at = visit().run()
        assert not at.exception
        assert sign_in_form_is_shown(at)

    @pytest.mark.parametrize("text", ["", "x", "a.b.c", "é" * 50, "." * 3])
    def test_neither_does_nonsense(self, text, visit, cookies, settings) -> None:
        cookies[cookie_name(settings.cookie_key)] = text
        at = visit().run()
        assert not at.exception
        assert sign_in_form_is_shown(at)

    def test_one_changed_letter_spoils_it(self, visit, cookies, settings) -> None:
        head, body, signature = self.make(settings).split(".")
        other = jwt.encode({"username": "ada:1", "exp_date": time.time() + 600}, "x" * 48)
        for forged in (
            f"{head}.{other.split('.')[1]}.{signature}",
            f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        ):
            cookies[cookie_name(settings.cookie_key)] = forged
            assert sign_in_form_is_shown(visit().run())

    @pytest.mark.parametrize("event", ["password", "disable", "everywhere"])
    def test_an_old_one_names_nobody(self, event, visit, cookies, settings, services) -> None:
        cookies[cookie_name(settings.cookie_key)] = self.make(settings)
        assert not sign_in_form_is_shown(visit().run())
        happen(event, services)
        assert sign_in_form_is_shown(visit().run())

    def test_enabling_again_does_not_revive_it(self, visit, cookies, settings, services) -> None:
        cookies[cookie_name(settings.cookie_key)] = self.make(settings)
        ada = services.users.find("ada").actor
        services.users.disable("alice", by=ada)
        services.users.enable("alice", by=ada)
        assert sign_in_form_is_shown(visit().run())

    def test_installations_on_one_host_use_different_names(self, settings) -> None:
        import dataclasses

        other = dataclasses.replace(settings, cookie_key="o" * 48)
        assert cookie_name(settings.cookie_key) != cookie_name(other.cookie_key)


class TestOpenSession:
    @pytest.mark.parametrize("event", ["password", "disable", "everywhere"])
    def test_it_ends_at_the_next_click(self, event, open_page, services) -> None:
        at = open_page("home", as_="alice")
        happen(event, services)
        assert sign_in_form_is_shown(at.run())

    def test_a_lost_role_counts_from_the_next_click(self, open_page, services) -> None:
        at = open_page("users", as_="ada")
        services.users.set_roles("bob", [Role.ADMIN], by=SYSTEM)
        services.users.set_roles("ada", [Role.VIEWER], by=SYSTEM)
        at.run()
        assert "needs the role" in at.error[0].value
        assert not at.dataframe

    def test_signing_out_ends_every_session(self, visit, services, open_page) -> None:
        here, elsewhere = open_page("home", as_="alice"), open_page("home", as_="alice")
        here.button(key="frame_sign_out").click().run()
        assert not here.exception
        assert not sign_in_form_is_shown(here), "the browser still holds the cookie"
        assert sign_in_form_is_shown(browser_reports(here))
        assert sign_in_form_is_shown(elsewhere.run())

    def test_signing_in_again_in_the_same_tab_works(self, open_page) -> None:
        at = open_page("home", as_="alice")
        at.button(key="frame_sign_out").click().run()
        browser_reports(at)
        assert fill_in(at, "bob", PASSWORD).title[0].value == "Hello, Bob"

    def test_a_session_cannot_claim_a_name_without_its_version(self, visit) -> None:
        at = visit()
        at.session_state["authentication_status"] = True
        at.session_state["username"] = "alice"
        assert sign_in_form_is_shown(at.run())


class TestOwnPassword:
    NEW = "a better password"

    def change(self, at, current: str, new: str, again: str):
        at.text_input(key="account_password_current").set_value(current)
        at.text_input(key="account_password_new").set_value(new)
        at.text_input(key="account_password_again").set_value(again)
        at.button(key="account_submit").click().run()
        assert not at.exception
        return at

    def test_changing_it_keeps_this_session_and_ends_the_others(self, open_page, services) -> None:
        elsewhere = open_page("home", as_="vera")
        here = self.change(open_page("account", as_="vera"), PASSWORD, self.NEW, self.NEW)
        assert not sign_in_form_is_shown(here)
        assert not any(field.value for field in here.text_input)
        assert services.users.sign_in("vera", self.NEW)
        assert sign_in_form_is_shown(elsewhere.run())

    @pytest.mark.parametrize(
        ("current", "new", "again"),
        [
            ("wrong password", NEW, NEW),
            (PASSWORD, NEW, NEW + "!"),
            (PASSWORD, "short", "short"),
            (PASSWORD, "x" * 73, "x" * 73),
        ],
    )
    def test_a_refusal_changes_nothing(self, current, new, again, open_page, services) -> None:
        at = self.change(open_page("account", as_="vera"), current, new, again)
        assert len(at.error) == 1
        assert services.users.sign_in("vera", PASSWORD)
        with pytest.raises(NotSignedIn):
            services.users.sign_in("vera", new)


def test_go_home_after_the_session_was_seeded(visit, services) -> None:
    at = go(sign_in_quietly(visit(), services, "vera").run(), "home")
    assert at.title[0].value == "Hello, Vera"


def happen(event: str, services) -> None:
    users, ada = services.users, services.users.find("ada").actor
    match event:
        case "password":
            users.set_password("alice", "a better password", by=ada)
        case "disable":
            users.disable("alice", by=ada)
        case "everywhere":
            users.end_sessions("alice")
