"""What AppTest cannot show: the real server's gate, addresses that survive, the cookie's life."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.conftest import ROOT, command, environment, free_port
from tests.server.people import (
    COOKIE_NAME,
    HAS_COOKIE,
    PATIENCE_MS,
    enter,
    wait_for,
    wait_for_cookie,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]

ADDRESS = "/users?ref=chg_1&note=a%20b"


@pytest.fixture
def context(browser: Browser) -> BrowserContext:
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


def gate(page: Page):
    return page.get_by_role("button", name="Sign in", exact=True)


def users_page(page: Page):
    return page.get_by_role("heading", name="Users", exact=True)


def sign_in_cookie(context: BrowserContext):
    return next((c for c in context.cookies() if re.fullmatch(COOKIE_NAME, c["name"])), None)


def kept_cookie(page: Page) -> dict[str, object]:
    wait_for_cookie(page)
    cookie = sign_in_cookie(page.context)
    assert cookie is not None
    return cookie


def shown_address(page: Page) -> str:
    parts = urlsplit(page.url)
    return f"{parts.path}?{parts.query}"


def test_a_page_asked_for_first_meets_the_gate(one_server, context) -> None:
    """Beside a `pages/` folder Streamlit would run the page itself until somebody signed in."""
    page = context.new_page()
    page.goto(f"{one_server.url}/users")
    expect(gate(page)).to_be_visible(timeout=PATIENCE_MS)
    expect(users_page(page)).to_have_count(0)
    expect(page.get_by_text("Practice mode: no money moves", exact=True)).to_be_visible()


def test_other_sites_may_not_frame_the_dashboard(one_server, context) -> None:
    with urllib.request.urlopen(f"{one_server.url}/charges", timeout=5) as answer:
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    # Under another name the same server is another site to the browser.
    page = context.new_page()
    elsewhere = f"{one_server.url.replace('127.0.0.1', 'localhost')}/elsewhere"
    body = f'<iframe src="{one_server.url}/charges"></iframe>'
    page.route(elsewhere, lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(elsewhere)
    wait_for(page, "window.length === 1")
    frame = page.frames[1]
    frame.wait_for_load_state()
    assert frame.url.startswith("chrome-error:")


def test_an_address_survives_sign_in_and_a_new_tab(one_server, context) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))

    first = context.new_page()
    first.goto(one_server.url + ADDRESS)
    expect(gate(first)).to_be_visible(timeout=PATIENCE_MS)
    enter(first, "ada")
    expect(users_page(first)).to_be_visible(timeout=PATIENCE_MS)
    expect(gate(first)).to_have_count(0)
    assert shown_address(first) == "/users?ref=chg_1&note=a%20b"
    cookie = kept_cookie(first)
    assert cookie["sameSite"] == "Strict"

    second = context.new_page()
    second.goto(one_server.url + ADDRESS)
    expect(users_page(second)).to_be_visible(timeout=PATIENCE_MS)
    assert shown_address(second) == "/users?ref=chg_1&note=a%20b"

    outside = [url for url in asked if not url.startswith((one_server.url, "data:", "blob:"))]
    assert not outside


def test_signing_out_ends_other_tabs_and_the_cookie(one_server, context, browser) -> None:
    first = context.new_page()
    first.goto(f"{one_server.url}/users")
    enter(first, "ada")
    expect(users_page(first)).to_be_visible(timeout=PATIENCE_MS)
    stolen = kept_cookie(first)
    second = context.new_page()
    second.goto(f"{one_server.url}/users")
    expect(users_page(second)).to_be_visible(timeout=PATIENCE_MS)

    first.get_by_role("button", name="Sign out").click()
    expect(gate(first)).to_be_visible(timeout=PATIENCE_MS)
    wait_for(first, f"!{HAS_COOKIE}")

    second.get_by_role("button", name="Add user").click()
    expect(gate(second)).to_be_visible(timeout=PATIENCE_MS)

    thief = browser.new_context()
    thief.add_cookies([{"name": stolen["name"], "value": stolen["value"], "url": one_server.url}])
    visit = thief.new_page()
    visit.goto(f"{one_server.url}/users")
    expect(gate(visit)).to_be_visible(timeout=PATIENCE_MS)
    expect(users_page(visit)).to_have_count(0)
    thief.close()


def test_a_changed_password_keeps_this_browser_signed_in(one_server, context) -> None:
    page = context.new_page()
    page.goto(f"{one_server.url}/")
    enter(page, "bob")
    before = kept_cookie(page)["value"]
    page.get_by_role("link", name="Your account").click()
    dialog = page.get_by_test_id("stMain")
    dialog.get_by_label("Current password").fill(PRACTICE_PASSWORD)
    dialog.get_by_label("New password", exact=True).fill("a better password")
    dialog.get_by_label("New password again").fill("a better password")
    dialog.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Password changed")).to_be_visible(timeout=PATIENCE_MS)
    wait_for(
        page,
        f"before => {HAS_COOKIE} && !document.cookie.includes(before)",
        arg=before,
    )
    again = context.new_page()
    again.goto(f"{one_server.url}/")
    expect(again.get_by_text("Bob Approver")).to_be_visible(timeout=PATIENCE_MS)


def test_the_start_says_where_and_who(one_server) -> None:
    log = one_server.log.read_text()
    assert one_server.url.rsplit(":", 1)[1] in log
    assert PRACTICE_PASSWORD in log
    assert "Streamlit" not in log
    assert "Traceback" not in log


def test_customers_read_the_practice_accounts_name(one_server) -> None:
    with urllib.request.urlopen(f"{one_server.url}/setup/cancelled", timeout=5) as page:
        assert "Onfile Practice Ltd" in page.read().decode()


def test_bad_settings_are_one_message_and_no_trace(tmp_path) -> None:
    port = free_port()
    bad = {"STRIPE_SECRET_KEY": "pk_test_1", "ONFILE_MAX_RPS": "many"}
    done = subprocess.run(
        command(port),
        cwd=ROOT,
        env=environment(tmp_path / "data", port, **bad),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert said.count("cannot start") == 1
    assert re.search(r"STRIPE_SECRET_KEY.*\n.*ONFILE_MAX_RPS", said)
    assert "Traceback" not in said
    assert "pk_test_1" not in said


def test_the_next_person_in_the_same_tab_gets_their_own_cookie(one_server, context) -> None:
    page = context.new_page()
    page.goto(f"{one_server.url}/")
    for username, name in (("ada", "Ada Admin"), ("vera", "Vera Viewer"), ("ada", "Ada Admin")):
        enter(page, username)
        expect(page.get_by_text(name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
        wait_for_cookie(page)
        tab = context.new_page()
        tab.goto(f"{one_server.url}/")
        expect(tab.get_by_text(name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
        tab.close()
        page.get_by_role("button", name="Sign out").click()
        expect(gate(page)).to_be_visible(timeout=PATIENCE_MS)
        wait_for(page, f"!{HAS_COOKIE}")
