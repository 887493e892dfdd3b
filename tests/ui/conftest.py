"""Pages and router run for real; only the services are replaced, by real ones over a fresh file."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner import ScriptRunnerEvent
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Role
from lib.domain.sessions import SessionLimits
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import Settings
from lib.ui import navigation
from tests.world import FakeClock, World, new_world

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


@pytest.fixture(autouse=True, scope="session")
def _packages_are_searched_once() -> Iterator[None]:
    """For components: each AppTest would read the metadata of every installed package again."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _a_run_is_waited_for() -> Iterator[None]:
    """Not asked a thousand times a second whether it has ended, which slows it down."""

    def wait(runner: LocalScriptRunner, timeout: float = 3) -> None:
        ended = threading.Event()

        # `script_stopped` goes through all that happened so far, and was asked at each new happening.
        def look(_: object, event: ScriptRunnerEvent, **__: object) -> None:
            if event is ScriptRunnerEvent.SHUTDOWN:
                ended.set()

        runner.on_event.connect(look)
        deadline = time.monotonic() + timeout
        while not runner.script_stopped():
            assert time.monotonic() < deadline, f"the page did not end in {timeout} s"
            ended.wait(0.02)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(autouse=True)
def _no_caches() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def _no_address(monkeypatch) -> None:
    """Of a browser on this machine; AppTest has one that is no text."""
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: None))


@pytest.fixture
def environ() -> dict[str, str]:
    """Overridden where a test needs another mode."""
    return {}


@pytest.fixture
def world(tmp_path: Path, environ: dict[str, str], monkeypatch) -> Iterator[World]:
    """With Alice, Bob, Vera and Ada; what pages get to see."""
    with new_world(tmp_path, prepare=_add_people, **environ) as built:
        monkeypatch.setattr(bootstrap, "services", lambda: built.services)
        # Tests let weeks go by between two clicks; how sessions end, test_open_session.py says.
        built.services.sessions.limits = SessionLimits(idle=10**9, absolute=10**9)
        yield built


@pytest.fixture
def services(world: World) -> Services:
    return world.services


@pytest.fixture
def clock(world: World) -> FakeClock:
    return world.clock


@pytest.fixture
def settings(world: World) -> Settings:
    return world.settings


def _add_people(settings: Settings) -> None:
    services = bootstrap.build_services(settings, clock=FakeClock(), bcrypt_rounds=4)
    users = services.users
    for username, (name, role) in sorted(PEOPLE.items(), key=lambda item: item[0] != "ada"):
        by = users.find("ada")
        users.add(
            username,
            name=name,
            email=f"{username}@example.com",
            roles=[role],
            password=PASSWORD,
            by=by.actor if by else None,
        )
    services.close()


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
        return go(at, url_path)

    return opened


def sign_in_quietly(at: AppTest, services, username: str) -> AppTest:
    at.session_state["authentication_status"] = True
    at.session_state["username"] = services.sessions.begin(services.users.find(username))
    return at


def go(at: AppTest, url_path: str) -> AppTest:
    """As by its address, which each page's file is named for."""
    spec = navigation.find(url_path)
    assert spec is not None
    at.switch_page(str(spec.path)).run()
    assert not at.exception
    return at


def sign_in_form_is_shown(at: AppTest) -> bool:
    return any(field.key == "sign_in_password" for field in at.text_input)
