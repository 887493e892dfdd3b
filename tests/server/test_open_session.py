"""A tab that stands open, of a person whose account is switched off meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, expect

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.conftest import ROOT, Server, environment
from tests.server.people import COOKIE_NAME, PATIENCE_MS, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]


def switch_off(server: Server, username: str) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    subprocess.run(
        [sys.executable, "-m", "lib", "users", "disable", username, "--as", "ada", "--json"],
        cwd=ROOT,
        env=environment(server.data_dir, port, ONFILE_PASSWORD=PRACTICE_PASSWORD),
        check=True,
        capture_output=True,
        timeout=90,
    )


def status(address: str, cookie: str) -> int:
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_shows_the_sign_in_and_hands_out_nothing(server: Server, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = sign_in(context, server.url, "vera")
    page.get_by_role("link", name="Charges", exact=True).click()
    expect(page.get_by_role("heading", name="Charges", exact=True)).to_be_visible()
    [cookie] = [one for one in context.cookies() if re.fullmatch(COOKIE_NAME, one["name"])]
    held = f"{cookie['name']}={cookie['value']}"

    # A file that she asked for, and that her browser is kept from fetching until she is gone.
    offered: list[str] = []

    def keep(route) -> None:
        offered.append(route.request.url)
        route.fulfill(status=204)

    page.route(re.compile("/download/"), keep)
    page.get_by_test_id("stMain").get_by_role("button", name="Export").first.click()
    with page.expect_request(re.compile("/download/")):
        page.get_by_text("CSV", exact=True).click()

    switch_off(server, "vera")
    # Nobody clicks.
    expect(page.get_by_text("Your account was switched off")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Charges", exact=True)).to_have_count(0)
    expect(page.get_by_text("Vera Viewer", exact=True)).to_have_count(0)
    assert [status(address, held) for address in offered] == [401]

    again = context.new_page()
    again.goto(f"{server.url}/charges")
    expect(again.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(again.get_by_role("heading", name="Charges", exact=True)).to_have_count(0)
    context.close()
