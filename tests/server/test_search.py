"""The search over everything, without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server.people import PATIENCE_MS, enter, sign_in, wait_for_cookie, wait_for_keys

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture
def page(server, browser: Browser) -> Page:
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield sign_in(context, server.url, "alice")
    context.close()


def opened(page: Page) -> None:
    wait_for_keys(page)
    page.keyboard.press("/")
    expect(page.get_by_role("dialog").get_by_role("searchbox")).to_be_focused()


def test_by_keyboard_alone(page: Page, server) -> None:
    dialog = page.get_by_role("dialog")
    hits = dialog.get_by_role("link")

    # The field has the focus; what is typed in it is text, also a slash.
    opened(page)
    page.keyboard.type("INV-2219/x")
    expect(dialog.get_by_text("Nothing matches")).to_be_visible()
    for _ in range(2):
        page.keyboard.press("Backspace")
    expect(hits.first).to_contain_text("$2,500.00")

    # Down and up again, and Enter on a row.
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/charges?charge=*")
    expect(dialog.get_by_text("INV-2219").first).to_be_visible()

    # While a row is open, a slash opens nothing else; Escape closes it.
    page.keyboard.press("/")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    # From any page; Enter at once opens the first row of what was typed, not of what was there before.
    opened(page)
    expect(hits.first).to_be_visible()
    page.keyboard.type("Quillandra")
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers?customer=*")
    expect(page.get_by_role("heading", name="Quillandra Paper Co.")).to_be_visible()

    # Whoever types on at once loses no letter, and has not asked Streamlit for anything.
    wait_for_keys(page)
    page.keyboard.press("/")
    page.keyboard.type("Lanternfold", delay=20)
    expect(dialog.get_by_role("searchbox")).to_have_value("Lanternfold")
    expect(hits.first).to_contain_text("Lanternfold Books")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    # Escape closes the search and leaves the page as it was.
    opened(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert "customer=" in page.url


def test_what_was_opened_at_once_stays_open(server, browser: Browser) -> None:
    """Somebody faster than the cookie, which a component in the browser writes a moment later."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(server.url)
    enter(page, "alice")
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible()
    opened(page)
    wait_for_cookie(page)
    page.wait_for_timeout(2_000)
    expect(page.get_by_role("dialog")).to_have_count(1)

    # And whoever is remembered by that cookie.
    page.reload()
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible()
    opened(page)
    page.wait_for_timeout(2_000)
    expect(page.get_by_role("dialog")).to_have_count(1)
    context.close()
