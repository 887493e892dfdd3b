"""
A charge run in a real browser: Alice brings the rows, Bob approves, the worker charges, and the page
shows it. Only the last look, at what moved, goes to practice Stripe's own books.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.practice.engine import PracticeStripe
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.spreadsheets.reading import read_file

pytestmark = [pytest.mark.browser, pytest.mark.server]

PATIENCE_MS = 30_000


@pytest.fixture
def people(browser: Browser) -> dict[str, BrowserContext]:
    """Each with a browser of their own."""
    expect.set_options(timeout=PATIENCE_MS)
    made = {
        name: browser.new_context(viewport={"width": 1280, "height": 1000})
        for name in ("alice", "bob")
    }
    for context in made.values():
        context.set_default_timeout(PATIENCE_MS)
    yield made
    for context in made.values():
        context.close()


def sign_in(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PRACTICE_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_function("document.cookie.includes('onfile_')")
    expect(page.get_by_role("heading", name="Hello,")).to_be_visible()
    return page


def payers(server) -> list[tuple[str, str]]:
    """Customers and cards that were charged before, from practice Stripe's own books."""
    stripe = PracticeStripe(server.data_dir / "practice.db")
    return list(
        {
            str(moved.customer): str(moved.payment_method)
            for moved in stripe.money_moved()
            if moved.kind == "charge"
        }.items()
    )


def test_from_pasted_rows_to_a_finished_run(server, people) -> None:
    alice = sign_in(people["alice"], server.url, "alice")
    paying = payers(server)[:3]
    assert len(paying) == 3
    rows = [
        f"{customer}\t50.00\teur\tJOURNEY-{at}\t{card}"
        for at, (customer, card) in enumerate(paying)
    ]
    alice.goto(f"{server.url}/new_run")
    alice.get_by_text("Paste rows").click()
    pasted = alice.get_by_label("Rows with their heading")
    pasted.fill(
        "\n".join(
            [
                "customer\tamount\tcurrency\treference\tpayment_method",
                *rows,
                "cus_nobody\t1.00\teur\tJOURNEY-X\t",
            ]
        )
    )
    alice.get_by_role("button", name="Read the rows").click()
    alice.get_by_label("Name of the run").fill("Journey")
    alice.get_by_role("button", name="Check all rows").click()
    expect(alice.get_by_role("heading", name="Journey", exact=True)).to_be_visible()
    alice.get_by_role("textbox", name="Rows you expect").fill("4")
    alice.get_by_role("textbox", name="Totals you expect").fill("151.00 eur")
    alice.get_by_role("button", name="Submit", exact=True).click()
    expect(alice.get_by_text("Waits for approval")).to_be_visible()
    address = alice.url
    assert re.search(r"[?&]run=run_", address)

    bob = sign_in(people["bob"], server.url, "bob")
    bob.goto(address)
    bob.get_by_label("Your password", exact=True).fill(PRACTICE_PASSWORD)
    bob.get_by_role("button", name="Approve", exact=True).click()
    expect(bob.get_by_text(badge("Approved")).first).to_be_visible()
    assert not journeys(server), "nothing moves before somebody starts it"
    bob.get_by_role("button", name=re.compile(r"Charge \d+ rows?:")).click()
    expect(bob.get_by_text(badge("Finished")).first).to_be_visible()
    assert len(journeys(server)) == 3

    alice.goto(address)
    expect(alice.get_by_text(badge("Finished")).first).to_be_visible()
    alice.get_by_role("button", name="Results").click()
    text = downloaded(alice, "CSV file").decode("utf-8-sig")
    assert text.count("succeeded") == 3
    assert "customer_unknown" in text
    workbook = read_file(downloaded(alice, "Excel workbook"), "results.xlsx")
    assert [row.cells for row in workbook.rows] == [
        row.cells for row in read_file(text.encode(), "results.csv").rows
    ]


def test_every_file_a_page_offers_arrives(server, people) -> None:
    """Streamlit makes them outside of a page run, so only a browser shows that nothing is missing there."""
    alice = sign_in(people["alice"], server.url, "alice")
    ada = sign_in(people["bob"], server.url, "ada")
    for who, page, button, beginning in (
        (alice, "setup_links", "Export CSV", b"\xef\xbb\xbfid,"),
        (alice, "sessions", "Export CSV", b"\xef\xbb\xbfid,"),
        (alice, "payment_methods", "Export CSV", b"\xef\xbb\xbfid,"),
        (alice, "charges", "Export CSV", b"\xef\xbb\xbfid,"),
        (ada, "audit", "Export CSV", b"\xef\xbb\xbf"),
        (alice, "new_run", "Template with your customers", b"PK"),
    ):
        who.goto(f"{server.url}/{page}")
        content = downloaded(who, button)
        assert content.startswith(beginning), page
        assert content.count(b"\n") > 1, page


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.path().read_bytes()


def badge(word: str) -> re.Pattern[str]:
    """A badge's icon is part of its text."""
    return re.compile(rf"\b{word}$")


def journeys(server) -> list[int]:
    """Minor units of what this test moved."""
    stripe = PracticeStripe(server.data_dir / "practice.db")
    return [
        moved.amount
        for moved in stripe.money_moved()
        if moved.metadata.get("onfile_reference", "").startswith("JOURNEY-")
    ]
