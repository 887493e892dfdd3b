"""
The whole product once, in a real browser against the real server: link, card, mirror, charge.

Every step is what a finance clerk or a customer does on a page; only the last look, at what moved,
goes to practice Stripe's own books.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.practice.engine import PracticeStripe
from tests.server.people import PATIENCE_MS, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]

GOOD, DECLINES, WANTS_AUTHENTICATION = (
    "4242 4242 4242 4242",
    "4000 0000 0000 0341",
    "4000 0027 6000 3184",
)
NEW_CARD = "5555 5555 5555 4444"


@pytest.fixture
def staff(browser: Browser) -> BrowserContext:
    """The clerk's browser."""
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def customer(browser: Browser) -> BrowserContext:
    """The customer's browser, which never signs in."""
    made = browser.new_context(viewport={"width": 390, "height": 844})
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


def make_link(page: Page, email: str, name: str, reference: str) -> str:
    """The durable address that the clerk would send."""
    page.get_by_role("link", name=re.compile("^Setup links")).click()
    page.get_by_role("button", name="New link").click()
    page.get_by_text("New customer", exact=True).click()
    page.get_by_role("textbox", name="E-mail").fill(email)
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("textbox", name="Reference").fill(reference)
    page.get_by_role("button", name="Make link").click()
    expect(page.get_by_text("Link made. Send it to the customer.")).to_be_visible()
    address = durable_address(page)
    close_drawer(page)
    return address


def close_drawer(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def durable_address(page: Page) -> str:
    shown = page.locator("code", has_text=re.compile(r"^http\S+/l/\S+$")).first
    expect(shown).to_be_visible()
    return shown.inner_text().strip()


def save_card(context: BrowserContext, address: str, number: str) -> None:
    """What the customer does with the link, up to the page that thanks them."""
    page = context.new_page()
    page.goto(address)
    expect(page).to_have_url(re.compile(r"/practice/checkout/cs_test_"))
    page.get_by_role("textbox", name="Card number").fill(number)
    page.get_by_role("textbox", name=re.compile("Expir")).fill("12 / 34")
    page.get_by_role("textbox", name=re.compile("CVC|Security code")).fill("123")
    page.get_by_role("textbox", name="Name on card").fill("Clara Customer")
    page.get_by_role("button", name="Save card").click()
    approve = page.get_by_role("button", name="Approve")
    saved = page.get_by_role("heading", name="Your card is saved")
    expect(approve.or_(saved)).to_be_visible()
    if approve.is_visible():
        approve.click()
    expect(saved).to_be_visible()
    assert "Clara" not in page.content(), "the page says nothing about the customer"
    page.close()


def charge(page: Page, name: str, amount: str, reference: str) -> None:
    """Fill in, review and confirm; the outcome is on the screen afterwards."""
    page.get_by_role("link", name=re.compile("^New charge")).first.click()
    again = page.get_by_role("button", name="New charge")
    search = page.get_by_placeholder("Name, e-mail or id")
    expect(again.or_(search).first).to_be_visible()
    if again.is_visible():
        again.click()
    search.fill(name)
    page.get_by_text(re.compile(f"^{name} ·")).click()
    page.get_by_role("textbox", name="Amount").fill(amount)
    page.get_by_role("textbox", name="Reference").fill(reference)
    page.get_by_role("button", name="Review").click()
    expect(
        page.get_by_role("heading", name=re.compile(f"Charge {name} .*{reference}"))
    ).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^Charge \S*\d")).click()


def test_link_card_mirror_charge_and_the_way_back(server, staff, customer) -> None:
    page = sign_in(staff, server.url, "alice")

    # A card that works.
    address = make_link(page, "clara@example.com", "Clara Works", "INV-9001")
    assert re.fullmatch(rf"{server.url.replace('127.0.0.1', 'localhost')}/l/\S+", address)
    save_card(customer, address, GOOD)
    page.goto(f"{server.url}/sessions")
    page.get_by_placeholder(re.compile("Name, e-mail")).fill("Clara Works")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 session", exact=True)).to_be_visible()
    page.goto(f"{server.url}/payment_methods")
    page.get_by_placeholder(re.compile("Customer, last four")).fill("Clara Works")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 method", exact=True)).to_be_visible()
    charge(page, "Clara Works", "12.34", "INV-9001")
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    expect(page.get_by_text("12.34").first).to_be_visible()

    # A card that attaches and always declines; then one that wants the customer.
    for email, name, number, reference, state, reason in (
        ("dora@example.com", "Dora Declines", DECLINES, "INV-9002", "Declined", "The bank refused"),
        (
            "ada3@example.com",
            "Aki Asks",
            WANTS_AUTHENTICATION,
            "INV-9003",
            "Needs customer",
            "The bank wants the customer to confirm",
        ),
    ):
        save_card(customer, make_link(page, email, name, reference), number)
        charge(page, name, "20.00", reference)
        expect(page.get_by_text(state).first).to_be_visible()
        expect(page.get_by_text(reason).first).to_be_visible()
        recovery = durable_address(page)
        expect(page.get_by_text(re.compile("Your bank")).first).to_be_visible()

        # The way back: a good card by the recovery link, and a new attempt.
        save_card(customer, recovery, NEW_CARD)
        page.get_by_role("link", name="Timeline and tries").click()
        expect(page.get_by_text("New card saved").first).to_be_visible()
        page.get_by_role("button", name=re.compile(r"^Charge .* again")).click()
        expect(page.get_by_role("dialog").get_by_text("Succeeded").first).to_be_visible()
        close_drawer(page)

    # What Stripe says: one movement of money a reference, each of the exact amount.
    stripe = PracticeStripe(server.data_dir / "practice.db")
    assert [
        (
            movement.metadata["onfile_reference"],
            movement.metadata["onfile_attempt"],
            movement.amount,
        )
        for movement in stripe.money_moved()
        if movement.metadata.get("onfile_reference", "").startswith("INV-90")
    ] == [("INV-9001", "1", 1234), ("INV-9002", "2", 2000), ("INV-9003", "2", 2000)]
