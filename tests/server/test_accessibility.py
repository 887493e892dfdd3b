"""
Every page of an approver by axe-core, in light and in dark, on one server: nothing serious is found that is ours.

The theme changes under pages that are already drawn, as it does at sunset.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.server.conftest import Server
from tests.server.people import (
    PATIENCE_MS,
    sign_in,
    wait_for,
    wait_for_keys,
    wait_until_drawn,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
# In the dark only what a theme changes is looked at once more.
LOOKS: tuple[tuple[str, list[str]], ...] = (
    ("light", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]),
    ("dark", ["color-contrast"]),
)
_FOUND = """async (tags) => (await axe.run(document, {runOnly: tags, resultTypes: ["violations"]})).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => [one.id, node.target.flat().join(" "), node.html.slice(0, 200)]))"""
_IS_SHOWN = """(theme) => {
    const app = document.querySelector("[data-testid=stApp]");
    return !app || getComputedStyle(app).colorScheme === theme;
}"""
# Rules that Streamlit breaks where we cannot reach, each with the place by which it is known, and why.
NOT_OURS: tuple[tuple[str, str, str], ...] = ()
# One of each state in which a page looks otherwise.
_IDS = {
    "customer": "SELECT customer FROM charges LIMIT 1",
    "method": "SELECT id FROM payment_methods WHERE customer IS NOT NULL LIMIT 1",
    "paid": "SELECT id FROM charges WHERE state = 'succeeded' LIMIT 1",
    "declined": "SELECT id FROM charges WHERE state = 'declined' LIMIT 1",
    "finished": "SELECT id FROM runs WHERE state = 'finished' LIMIT 1",
    "waiting": "SELECT id FROM runs WHERE state = 'awaiting_approval' LIMIT 1",
    "draft": "SELECT id FROM runs WHERE state = 'draft' LIMIT 1",
}
PAGES = (
    "",
    "setup_links",
    "new_links",
    "follow_up",
    "outbox",
    "message_texts",
    "sessions",
    "customers",
    "customers?customer={customer}",
    "payment_methods",
    "payment_methods?method={method}",
    "new_charge",
    "charges",
    "charges?charge={paid}",
    "failures",
    "failures?charge={declined}",
    "new_charge?customer={customer}",
    "refunds",
    "disputes",
    "unknown",
    "incidents",
    "runs",
    "new_run",
    "runs?run={finished}",
    "approvals",
    "waiting",
    "runs?run={finished}&view=failures",
    "month_end",
    "runs?run={finished}&view=rows",
    "webhooks",
    "runs?run={finished}&view=certificate",
    "sync",
    "runs?run={waiting}",
    "audit",
    "runs?run={draft}",
    "account",
)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE_MS)
    # Customers' pages let no script run, axe-core neither.
    made = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


def findings(page: Page) -> list[str]:
    """Of what is on the screen, in both themes."""
    found: list[str] = []
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    for theme, tags in LOOKS:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        wait_for(page, _IS_SHOWN, arg=theme)
        found += [
            f"{theme}: {rule} at {place}: {html}"
            for rule, place, html in page.evaluate(_FOUND, tags)
            if not any(rule == known and part in place for known, part, _ in NOT_OURS)
        ]
    page.emulate_media(color_scheme="light")
    return found


def go(page: Page, address: str) -> None:
    """As the browser's own buttons do, without loading everything anew."""
    page.evaluate(
        """(address) => {
            history.pushState({}, "", `/${address}`);
            dispatchEvent(new PopStateEvent("popstate", {state: {}}));
        }""",
        address,
    )
    wait_until_drawn(page)


def test_every_page(one_server: Server, context: BrowserContext) -> None:
    page, found = sign_in(context, one_server.url, "bob"), {}
    with closing(sqlite3.connect(one_server.data_dir / "onfile.db")) as database:
        ids = {key: database.execute(sql).fetchone()[0] for key, sql in _IDS.items()}
    for address in PAGES:
        go(page, address.format(**ids))
        found[address] = findings(page)
    assert not {address: lines for address, lines in found.items() if lines}


def test_what_an_admin_sees_and_what_opens_over_a_page(
    one_server: Server, context: BrowserContext
) -> None:
    page, found = sign_in(context, one_server.url, "ada"), {}
    for address in ("users", "settings", "backups", "data_protection"):
        go(page, address)
        found[address] = findings(page)
    page.goto(f"{one_server.url}/setup_links")
    wait_for_keys(page)
    wait_until_drawn(page)
    page.keyboard.press("/")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill("inv")
    expect(dialog.get_by_role("link").first).to_be_visible()
    found["search"] = findings(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="New link").first.click()
    dialog.get_by_text("New customer", exact=True).click()
    expect(dialog.get_by_role("textbox", name="E-mail")).to_be_visible()
    found["link form"] = findings(page)
    assert not {address: lines for address, lines in found.items() if lines}


@pytest.mark.parametrize("address", ["", "setup/cancelled", "l/nobodys"])
def test_before_anybody_signs_in(one_server: Server, context: BrowserContext, address: str) -> None:
    page = context.new_page()
    page.goto(f"{one_server.url}/{address}")
    if not address:
        wait_until_drawn(page)
    assert not findings(page)
