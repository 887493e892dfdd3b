"""Pages that stay open notice what happens elsewhere, and take nothing away that a person is typing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.people import PATIENCE_MS, click_row, sign_in, start_run
from tests.server.test_journey import (
    DECLINES,
    NEW_CARD,
    charge,
    close_drawer,
    durable_address,
    make_link,
    save_card,
)
from tests.server.test_run_journey import badge, payers

pytestmark = [pytest.mark.browser, pytest.mark.server]

# What a page must not keep waiting, and what a busy machine takes.
NOTICED_MS = 5_000 + 10_000


@pytest.fixture
def browse(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """A function that opens a browser of one person."""
    expect.set_options(timeout=PATIENCE_MS)
    made: list[BrowserContext] = []

    def context() -> BrowserContext:
        made.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        made[-1].set_default_timeout(PATIENCE_MS)
        return made[-1]

    yield context
    for one in made:
        one.close()


def test_a_link_and_a_failed_charge_show_that_a_card_was_saved(one_server, browse) -> None:
    page, customer = sign_in(browse(), one_server.url, "alice"), browse()
    address = make_link(page, "nora@example.com", "Nora Notice", "INV-7001")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    click_row(page, 1)
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("Expire this link")).to_be_visible()
    save_card(customer, address, DECLINES)
    expect(drawer.get_by_text("Completed").first).to_be_visible(timeout=NOTICED_MS)
    close_drawer(page)

    charge(page, "Nora Notice", "20.00", "INV-7001")
    expect(page.get_by_text("Declined").first).to_be_visible()
    again = page.get_by_role("button", name=re.compile(r"^Charge .*20\.00 again"))
    expect(again).to_have_count(0)
    aside = page.context.new_page()
    aside.goto(page.url.replace("new_charge", "charges"))
    aside.get_by_text("Cancel this charge").click()
    word = aside.get_by_role("textbox", name=re.compile("to confirm"))
    word.press_sequentially("can")

    save_card(customer, durable_address(page), NEW_CARD)
    expect(again).to_be_visible(timeout=NOTICED_MS)
    expect(aside.get_by_text("New card saved").first).to_be_visible(timeout=NOTICED_MS)
    expect(word).to_have_value("can")
    expect(word).to_be_focused()
    again.click()
    expect(page.get_by_text("Succeeded").first).to_be_visible()


def test_the_maker_sees_the_approval_and_homes_counters_follow(one_server, browse) -> None:
    alice, bob = (sign_in(browse(), one_server.url, name) for name in ("alice", "bob"))
    home = sign_in(browse(), one_server.url, "bob")
    waits = home.get_by_text(re.compile(r"for your approval")).first
    before = int(waits.inner_text().split()[0])
    alice.goto(f"{one_server.url}/new_run")
    alice.get_by_text("Paste rows").click()
    rows = [f"{who}\t50.00\teur\tNOTICE-{card}\t{card}" for who, card in payers(one_server)[:2]]
    heading = "customer\tamount\tcurrency\treference\tpayment_method"
    alice.get_by_label("Rows with their heading").fill("\n".join([heading, *rows]))
    alice.get_by_role("button", name="Read the rows").click()
    alice.get_by_label("Name of the run").fill("Notice")
    alice.get_by_role("button", name="Check all rows").click()
    alice.get_by_role("button", name="Submit", exact=True).click()
    expect(alice.get_by_text("Waits for approval")).to_be_visible()
    expect(waits).to_have_text(re.compile(rf"^{before + 1} "), timeout=NOTICED_MS)

    bob.goto(alice.url)
    bob.get_by_label("Your password", exact=True).fill(PRACTICE_PASSWORD)
    bob.get_by_role("button", name="Approve", exact=True).click()
    expect(alice.get_by_text(badge("Approved")).first).to_be_visible(timeout=NOTICED_MS)

    start_run(alice, re.compile(r"Charge \d+ rows?:"))
    expect(alice.get_by_text(badge("Finished")).first).to_be_visible()
