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
from tests.server.people import PATIENCE_MS, sign_in, start_run

pytestmark = [pytest.mark.browser, pytest.mark.server]


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
    start_run(bob, re.compile(r"Charge \d+ rows?:"))
    expect(bob.get_by_text(badge("Finished")).first).to_be_visible()
    assert len(journeys(server)) == 3

    alice.goto(address)
    expect(alice.get_by_text(badge("Finished")).first).to_be_visible()
    look_at_its_views(alice)
    alice.get_by_role("button", name="Results").click()
    text = downloaded(alice, "CSV file to charge again").decode("utf-8-sig")
    assert text.count("succeeded") == 3
    assert "customer_unknown" in text
    workbook = read_file(downloaded(alice, "Excel workbook to charge again"), "results.xlsx")
    assert [row.cells for row in workbook.rows] == [
        row.cells for row in read_file(text.encode(), "results.csv").rows
    ]


def look_at_its_views(page: Page) -> None:
    """The first screen answers, and each view has an address that can be sent."""
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_text("1 row is blocked: nothing was sent for it.")).to_be_in_viewport()
    expect(page.get_by_text("File, ledger and Stripe agree to the cent.")).to_be_in_viewport()
    page.get_by_role("button", name="See what is blocked").click()
    expect(page).to_have_url(re.compile("view=rows"))
    expect(page.get_by_role("radio", name="Blocked · 1")).to_be_checked()
    page.reload()
    expect(page.get_by_role("radio", name="Blocked · 1")).to_be_checked()
    page.get_by_role("radio", name="Certificate").click()
    expect(page.get_by_role("button", name="Verify and print")).to_be_in_viewport()
    expect(page).to_have_url(re.compile("view=certificate"))
    page.go_back()
    expect(page.get_by_role("radio", name=re.compile("Rows"))).to_be_checked()
    page.get_by_role("radio", name="Overview").click()
    expect(page.get_by_text("What is left to do")).to_be_in_viewport()


def test_every_file_a_page_offers_arrives(server, people) -> None:
    """By our own route: Streamlit's store answers anybody who learns an address."""
    alice = sign_in(people["alice"], server.url, "alice")
    ada = sign_in(people["bob"], server.url, "ada")
    asked: list[str] = []
    for page in (alice, ada):
        page.on("request", lambda request: asked.append(request.url))
    for who, page, button, beginning in (
        (alice, "setup_links", "Export", b"\xef\xbb\xbf"),
        (alice, "sessions", "Export", b"\xef\xbb\xbf"),
        (alice, "payment_methods", "Export", b"\xef\xbb\xbf"),
        (alice, "charges", "Export", b"\xef\xbb\xbf"),
        (ada, "audit", "Export", b"\xef\xbb\xbf"),
        (alice, "new_run", "Template with your customers", b"PK"),
    ):
        who.goto(f"{server.url}/{page}")
        content = exported(who) if button == "Export" else downloaded(who, button)
        assert content.startswith(beginning), page
        assert content.count(b"\n") > 1, page
    # Our logo is the only thing in it.
    stored = [url for url in asked if re.search(r":[0-9]+/media/", url)]
    assert all(url.endswith(".png") for url in stored)
    assert len({url for url in asked if "/download/" in url}) == 6


def exported(page: Page) -> bytes:
    """As CSV, from the menu of kinds."""
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    return download.value.path().read_bytes()


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
