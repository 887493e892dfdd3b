"""Signing in at a real provider of OpenID Connect, over HTTP and in a browser."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Browser, expect

from lib.clock import epoch, utcnow
from lib.domain.single_sign_on import Identity
from lib.store.unit_of_work import UnitOfWork
from tests.server.conftest import Server, running_server
from tests.server.people import COOKIE_NAME, PATIENCE_MS
from tests.server.raw_tab import RawTab, raw_tab
from tests.server.test_open_session import switch_off

pytestmark = pytest.mark.server

SECONDS = 30
CLIENT_SECRET = "a secret of the provider's"
FACE = re.compile(r"Sign in with the company")


@dataclass
class Company:
    """A provider, and an Onfile that knows it."""

    issuer: str
    url: str
    server: Server

    def link(self, name: str) -> None:
        uow = UnitOfWork(self.server.data_dir / "onfile.db")
        with uow.write() as stores:
            identity = Identity(self.issuer, f"sub-{name}")
            stores.identities.link(name, identity, by="ada", at=epoch(utcnow()))
        uow.pool.close()

    def knows(self, name: str, **claims: object) -> None:
        """What the provider says of somebody from now on."""
        told = {"email": f"{name}@example.com", **claims}
        requests.put(
            f"{self.issuer}/users/sub-{name}", json=told, timeout=SECONDS
        ).raise_for_status()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, practice_data: Path) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    shutil.copytree(practice_data, folder / "data")
    with run_server_in_thread() as provider:
        issuer = f"http://localhost:{provider.server_port}"
        with running_server(
            folder,
            ONFILE_SSO_ISSUER=issuer,
            ONFILE_SSO_CLIENT_ID="onfile",
            ONFILE_SSO_CLIENT_SECRET=CLIENT_SECRET,
            ONFILE_SSO_NAME="the company",
        ) as server:
            # As ONFILE_PUBLIC_URL has it, where no other address is set.
            yield Company(issuer, server.url.replace("127.0.0.1", "localhost"), server)


class Person:
    """A browser without pictures: what it keeps, and the way through the provider."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.http = requests.Session()

    @contextmanager
    def tab(self) -> Iterator[RawTab]:
        self.get("/_stcore/health")
        jar = self.http.cookies
        cookie = "; ".join(f"{one.name}={one.value}" for one in jar)
        xsrf = next(one.value for one in jar if one.name == "_streamlit_xsrf")
        with raw_tab(self.company.url, cookie, xsrf=str(xsrf)) as tab:
            yield tab

    def get(self, path: str) -> requests.Response:
        return self.http.get(f"{self.company.url}{path}", timeout=SECONDS, allow_redirects=False)

    def way_to_the_provider(self) -> str:
        with self.tab() as tab:
            drawn = tab.visit("home")
            return tab.visit("home", click=drawn.buttons["sign_in_provider"]).sent_to

    def comes_back(self, name: str, way: str = "") -> str:
        """Authorizes there, and returns the address of the way back."""
        asked = self.get(way or self.way_to_the_provider())
        assert asked.status_code == 302, asked.text
        answered = self.http.post(
            asked.headers["Location"],
            data={"sub": f"sub-{name}"},
            timeout=SECONDS,
            allow_redirects=False,
        )
        back = urlsplit(answered.headers["Location"])
        assert f"{back.scheme}://{back.netloc}" == self.company.url
        return f"{back.path}?{back.query}"

    def signs_in(self, name: str) -> str:
        back = self.comes_back(name)
        assert self.get(back).headers["Location"] == "/"
        return back

    @property
    def ticket(self) -> str | None:
        return self.http.cookies.get("_streamlit_user")


def test_by_the_code_flow_once(company: Company) -> None:
    company.link("alice")
    company.knows("alice")
    alice = Person(company)
    back = alice.signs_in("alice")
    with alice.tab() as tab:
        drawn = tab.visit("home")
        assert not drawn.signs_in
        assert "Alice Operator" in drawn.text
        # Its cookie of 30 days opens nothing more: neither another tab nor another browser.
        with alice.tab() as other:
            assert other.visit("home").signs_in
        assert "Alice Operator" in tab.visit("charges").text
    ticket = alice.ticket
    assert ticket
    # The way back leads nowhere a second time, nor in another browser.
    for one in (alice, Person(company)):
        assert one.get(back).headers["Location"] == "/"
        with one.tab() as tab:
            assert tab.visit("home").signs_in


def test_the_log_holds_no_secret_of_it(company: Company) -> None:
    company.link("alice")
    alice = Person(company)
    code = parse_qs(urlsplit(back := alice.comes_back("alice")).query)["code"][0]
    alice.get(back)
    alice.get(back)
    log = company.server.log.read_text()
    assert CLIENT_SECRET not in log
    assert code not in log
    assert str(alice.ticket) not in log


def test_a_forged_state_or_an_error_signs_nobody_in(company: Company) -> None:
    company.link("alice")
    for change in (r"state=[^&]+", r"code=[^&]+"):
        mallory = Person(company)
        back = mallory.comes_back("alice")
        name = change.partition("=")[0]
        assert mallory.get(re.sub(change, f"{name}=forged", back)).headers["Location"] == "/"
        assert not mallory.ticket
    assert Person(company).get("/oauth2callback?error=access_denied").headers["Location"] == "/"
    assert Person(company).get("/auth/login?provider=onfile").headers["Location"] == "/"


def test_a_cookie_that_somebody_else_signed_is_nobodys(company: Company) -> None:
    company.link("alice")
    forger = Person(company)
    forger.signs_in("alice")
    value = str(forger.ticket)
    forger.http.cookies.set("_streamlit_user", value[:-3] + "AAA", domain="localhost.local")
    with forger.tab() as tab:
        assert tab.visit("home").signs_in


def test_somebody_unknown_and_somebody_disabled_are_told_so(company: Company) -> None:
    stranger = Person(company)
    stranger.signs_in("stranger")
    with stranger.tab() as tab:
        drawn = tab.visit("home")
        assert drawn.signs_in
        [refusal] = drawn.errors
        assert "ask an admin to link it" in refusal
        assert "sub\\-stranger" in refusal

    company.link("bob")
    switch_off(company.server, "bob")
    bob = Person(company)
    bob.signs_in("bob")
    with bob.tab() as tab:
        [refusal] = tab.visit("home").errors
        assert "was switched off" in refusal


def test_asked_again_the_provider_is_told_to_ask(company: Company) -> None:
    company.link("ada")
    company.knows("ada", auth_time=int(time.time()))
    ada = Person(company)
    ada.signs_in("ada")
    with ada.tab() as tab:
        drawn = tab.visit("home")
        assert "Ada Admin" in drawn.text
        proved = tab.visit("data_protection")
        assert "leave the password empty" in proved.text
    company.knows("ada", auth_time=int(time.time()) - 3_600)
    later = Person(company)
    later.signs_in("ada")
    with later.tab() as tab:
        tab.visit("home")
        drawn = tab.visit("data_protection")
        assert "leave the password empty" not in drawn.text
        way = tab.visit(
            "data_protection", click=drawn.buttons["protection_rule_password_again"]
        ).sent_to
    asked = parse_qs(urlsplit(later.get(way).headers["Location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert asked["scope"] == ["openid email"]
    assert asked["nonce"]


@pytest.mark.browser
def test_in_a_browser_from_the_provider_to_the_end(company: Company, browser: Browser) -> None:
    company.link("vera")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()

    def sign_in() -> None:
        page.get_by_role("button", name=FACE).click()
        page.get_by_placeholder("sub").fill("sub-vera")
        page.get_by_role("button", name="Authorize", exact=True).click()

    page.goto(company.url)
    sign_in()
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_function(f"/{COOKIE_NAME}=/.test(document.cookie)")
    page.reload()
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible(timeout=PATIENCE_MS)

    # Half an hour without an act, and nobody clicks.
    with closing(sqlite3.connect(company.server.data_dir / "onfile.db")) as database:
        database.execute("DROP TRIGGER staff_sessions_keep_their_start")
        database.execute(
            "UPDATE staff_sessions SET started_at = started_at - 1800, last_act_at = started_at - 1800"
        )
        database.commit()
    expect(page.get_by_text("nothing was done for a while")).to_be_visible(timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_role("button", name=FACE)).to_be_visible()
    sign_in()
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible(timeout=PATIENCE_MS)

    # Signing out ends our session, Streamlit's cookie and the provider's.
    page.wait_for_function(f"/{COOKIE_NAME}=/.test(document.cookie)")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="End Session")).to_be_visible(timeout=PATIENCE_MS)
    kept = {one["name"] for one in context.cookies()}
    assert "_streamlit_user" not in kept
    assert not any(re.fullmatch(COOKIE_NAME, name) for name in kept)

    switch_off(company.server, "vera")
    page.goto(company.url)
    sign_in()
    expect(page.get_by_text("was switched off")).to_be_visible(timeout=PATIENCE_MS)
    context.close()
