"""Pages and router run for real; only the services are replaced, by real ones over a fresh file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lib import bootstrap
from lib.domain.actors import Role
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import Settings, load_settings
from lib.ui import auth, navigation

ROUTER = str(bootstrap.ROOT / "lib" / "ui" / "router.py")
# As in practice mode, so that helpers of other tests can act for the same people.
PASSWORD = PRACTICE_PASSWORD
PEOPLE = {
    "alice": ("Alice Operator", Role.OPERATOR),
    "bob": ("Bob Approver", Role.APPROVER),
    "vera": ("Vera Viewer", Role.VIEWER),
    "ada": ("Ada Admin", Role.ADMIN),
}
TEST_MODE = {"STRIPE_SECRET_KEY": "rk_test_0123456789abcdef"}


class FakeClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(autouse=True)
def _no_caches() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def environ() -> dict[str, str]:
    """Overridden where a test needs another mode."""
    return {}


@pytest.fixture
def settings(tmp_path, environ) -> Settings:
    return load_settings(tmp_path, {"ONFILE_DATA_DIR": str(tmp_path / "data"), **environ})


@pytest.fixture
def empty_services(settings, clock, monkeypatch):
    bootstrap.migrate(settings)
    built = bootstrap.build_services(settings, clock=clock, bcrypt_rounds=4)
    monkeypatch.setattr(bootstrap, "services", lambda: built)
    return built


@pytest.fixture
def services(empty_services):
    """With Alice, Bob, Vera and Ada."""
    for username, (name, role) in sorted(PEOPLE.items(), key=lambda item: item[0] != "ada"):
        by = empty_services.users.find("ada")
        empty_services.users.add(
            username,
            name=name,
            email=f"{username}@example.com",
            roles=[role],
            password=PASSWORD,
            by=by.actor if by else None,
        )
    return empty_services


@pytest.fixture
def cookies(monkeypatch) -> dict[str, str]:
    """What the browser would send."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: jar))
    return jar


@pytest.fixture
def visit(services):
    """A browser tab nobody has signed in to."""
    return lambda: AppTest.from_file(ROUTER, default_timeout=60)


@pytest.fixture
def open_page(services, visit):
    """`open_page("users", as_="ada")`: the page through the router, signed in."""

    def opened(url_path: str, *, as_: str, query: dict[str, str] | None = None) -> AppTest:
        at = sign_in_quietly(visit(), services, as_)
        for name, value in (query or {}).items():
            at.query_params[name] = value
        at.run()
        return go(at, url_path)

    return opened


def sign_in_quietly(at: AppTest, services, username: str) -> AppTest:
    at.session_state["authentication_status"] = True
    at.session_state["username"] = auth.principal(services.users.find(username))
    return at


def go(at: AppTest, url_path: str) -> AppTest:
    if url_path != "home":
        spec = navigation.find(url_path)
        assert spec is not None
        at.switch_page(str(spec.path)).run()
    assert not at.exception
    return at


def sign_in_form_is_shown(at: AppTest) -> bool:
    return any(field.key == "sign_in_password" for field in at.text_input)
