"""
Journeys of a clerk's days in a real browser, on one server, with what has to be pressed counted.

Typing costs nothing where the keyboard is in the field or reaches it by Tab; else the field is clicked first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from lib.practice.engine import PracticeStripe
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.conftest import Server
from tests.server.people import PATIENCE_MS, Clicks, sign_in, wait_for, wait_until_drawn
from tests.server.test_journey import DECLINES, GOOD, NEW_CARD, charge, make_link, save_card

pytestmark = [pytest.mark.browser, pytest.mark.server]

_NUMBERS = itertools.count(1)


@dataclass
class Office:
    """Who works here, each signed in once, and customers, who never do."""

    server: Server
    browser: Browser
    _pages: dict[str, Page] = field(default_factory=dict)
    _customer: BrowserContext | None = None

    def at_home(self, name: str) -> Page:
        if name not in self._pages:
            context = self._context(width=1280, height=800)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            self._pages[name] = sign_in(context, self.server.url, name)
        page = self._pages[name]
        page.bring_to_front()
        page.goto(self.server.url)
        expect(page.get_by_role("heading", name="Hello,").first).to_be_visible()
        wait_until_drawn(page)
        return page

    @property
    def customer(self) -> BrowserContext:
        if self._customer is None:
            self._customer = self._context(width=390, height=844)
        return self._customer

    @property
    def stripe(self) -> PracticeStripe:
        return PracticeStripe(self.server.data_dir / "practice.db")

    def _context(self, *, width: int, height: int) -> BrowserContext:
        context = self.browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE_MS)
        return context


@pytest.fixture(scope="module")
def office(one_server: Server, browser: Browser) -> Iterator[Office]:
    expect.set_options(timeout=PATIENCE_MS)
    made = Office(one_server, browser)
    yield made
    for context in browser.contexts:
        context.close()


@pytest.fixture
def reference() -> str:
    """Of this try alone."""
    return f"INV-C{next(_NUMBERS):03d}"


def menu(page: Page, title: str) -> Locator:
    return page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(f"^{title}"))


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def button(place: Page | Locator, name: str | re.Pattern[str]) -> Locator:
    return place.get_by_role("button", name=name, exact=isinstance(name, str))


def search(page: Page, clicks: Clicks, text: str) -> None:
    """From whatever page, without the mouse, to the first that is found."""
    # Nobody is as fast as a test that presses it before the page's own script has begun.
    wait_for(page, "window.onfileSearch === true")
    clicks.press(page, "/")
    expect(drawer(page).get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(text)
    clicks.press(page, "Enter")


def test_from_a_link_to_a_charge(office: Office, reference: str) -> None:
    alice, clicks, name = office.at_home("alice"), Clicks(), f"Lina Link {reference}"
    clicks.on(menu(alice, "Setup links"))
    clicks.on(button(alice, "New link"))
    clicks.on(alice.get_by_text("New customer", exact=True))
    clicks.type(drawer(alice).get_by_role("textbox", name="E-mail"), f"{reference}@example.com")
    clicks.type(drawer(alice).get_by_role("textbox", name="Name", exact=True), name)
    clicks.type(drawer(alice).get_by_role("textbox", name="Reference"), reference)
    clicks.on(button(alice, "Make link"))
    expect(alice.get_by_text("Link made. Send it to the customer.")).to_be_visible()
    address = clicks.copy(drawer(alice), re.compile(r"^http\S+/l/\S+$"))
    clicks.press(alice, "Escape")
    expect(drawer(alice)).to_have_count(0)

    save_card(office.customer, address, GOOD)
    clicks.on_row(alice, 1)
    clicks.on(button(drawer(alice), "Charge"))
    clicks.type(alice.get_by_role("textbox", name="Amount"), "12.34")
    clicks.press(alice, "Enter")
    expect(alice.get_by_role("heading", name=f"Charge {name} ")).to_be_focused()
    alice.keyboard.press("Tab")
    expect(button(alice, re.compile(r"^Charge \S*12\.34"))).to_be_focused()
    clicks.press(alice, "Enter")
    expect(alice.get_by_text("Succeeded").first).to_be_visible()
    assert moved(office, reference) == [1234]
    assert clicks.count <= 12


def test_from_a_decline_to_its_recovery(office: Office, reference: str) -> None:
    alice, clicks, name = office.at_home("alice"), Clicks(), f"Rea Recovers {reference}"
    save_card(
        office.customer, make_link(alice, f"{reference}@example.com", name, reference), DECLINES
    )
    charge(alice, name, "20.00", reference)
    expect(alice.get_by_text("Declined").first).to_be_visible()

    message = clicks.copy(alice, re.compile(r"Your bank"))
    address = re.search(r"http\S+/l/\S+", message)
    assert address is not None
    save_card(office.customer, address.group(), NEW_CARD)
    clicks.on(button(alice, re.compile(r"^Charge .*20\.00 again")))
    expect(alice.get_by_text("Succeeded").first).to_be_visible()
    assert moved(office, reference) == [2000]
    assert clicks.count <= 2


def test_a_question_on_the_phone(office: Office) -> None:
    alice, clicks = office.at_home("alice"), Clicks()
    search(alice, clicks, "Quillandra")
    expect(alice.get_by_role("heading", name="Quillandra Paper Co.")).to_be_visible()
    # What somebody on the phone asks for stands on the first screen.
    expect(alice.get_by_role("heading", name="Charges", exact=True)).to_be_in_viewport()
    expect(alice.get_by_test_id("stDataFrame").first).to_be_in_viewport(ratio=0.5)
    assert clicks.count <= 2


def test_the_figures_of_a_month_and_their_file(office: Office) -> None:
    vera, clicks = office.at_home("vera"), Clicks()
    clicks.on(menu(vera, "Charges"))
    clicks.on(vera.get_by_label("Period"))
    clicks.on(vera.get_by_role("option", name="This month"))
    foot = vera.locator(".st-key-charges_list_foot")
    expect(foot).to_contain_text(re.compile(r"\d+ charges, 1–\d\d \w+ 20\d\d \("))
    expect(foot.get_by_text("EUR")).to_be_visible()
    # Below a table that is longer than the screen they are in sight all the same.
    expect(foot).to_be_in_viewport(ratio=1)
    assert clicks.count <= 3

    clicks.on(button(vera, "Export"))
    with vera.expect_download() as started:
        clicks.on(vera.get_by_role("menuitem", name="Excel"))
    assert started.value.suggested_filename == "charges.xlsx"
    assert clicks.count <= 5


def test_evidence_for_a_dispute(office: Office) -> None:
    alice, clicks = office.at_home("alice"), Clicks()
    clicks.on(menu(alice, "Disputes"))
    clicks.on_row(alice, 1)
    link = drawer(alice).get_by_role("link").first
    name = link.inner_text().strip().split("\n")[-1]
    clicks.on(link)
    expect(alice.get_by_role("heading", name=name)).to_be_visible()
    with alice.expect_download() as fetched:
        clicks.on(button(alice, "Print record"))
    record = fetched.value.path().read_text("utf-8")
    assert f"Customer record: {name}" in record
    assert "Disputes" in record
    # By our own route, which asks who fetches it.
    assert "/download/" in fetched.value.url
    assert clicks.count <= 4


def test_charges_are_stopped_and_allowed_again(office: Office, reference: str) -> None:
    alice, clicks, name = office.at_home("alice"), Clicks(), "Tidewell Office Supply"
    search(alice, clicks, name)
    expect(alice.get_by_role("heading", name=name)).to_be_visible()
    clicks.on(alice.get_by_text("Do not charge this customer"))
    clicks.type(alice.get_by_role("textbox", name="Reason"), f"In court over {reference}")
    clicks.press(alice, "Enter")
    expect(alice.get_by_text("Stopped by Alice Operator").first).to_be_visible()
    expect(button(alice, "New charge")).to_have_count(0)
    assert clicks.count <= 5
    assert "on hld_" in mark_at_stripe(office, name)

    # By the address that Alice sent him: another way would be a second chance to fail after the switch was set.
    bob, clicks = office.at_home("bob"), Clicks()
    bob.goto(alice.url)
    wait_until_drawn(bob)
    expect(bob.get_by_text("Do not charge.").first).to_be_visible()
    clicks.on(bob.get_by_text("Allow charges again").first)
    clicks.type(bob.get_by_role("textbox", name="Reason"), "Settled out of court")
    clicks.press(bob, "Enter")
    expect(button(bob, "New charge")).to_be_visible()
    assert clicks.count <= 5
    assert "lifted hld_" in mark_at_stripe(office, name)


def test_a_month_is_closed(office: Office) -> None:
    alice, clicks = office.at_home("alice"), Clicks()
    clicks.on(menu(alice, "Month end"))
    clicks.on(button(alice, re.compile(r"^Close \w+ 20\d\d")))
    expect(alice.get_by_text(re.compile(r"\w+ 20\d\d, closing 1"))).to_be_visible()
    with alice.expect_download() as fetched:
        clicks.on(button(alice, "All files (ZIP)"))
    assert fetched.value.path().read_bytes().startswith(b"PK")
    assert clicks.count <= 3


def test_a_refund_is_asked_for_and_approved(office: Office) -> None:
    alice, clicks = office.at_home("alice"), Clicks()
    paid = next(one for one in office.stripe.money_moved() if "onfile_reference" in one.metadata)
    reference = paid.metadata["onfile_reference"]
    search(alice, clicks, reference)
    expect(alice).to_have_url(re.compile("charge="))
    wait_until_drawn(alice)
    clicks.on(drawer(alice).get_by_text("Refund", exact=True))
    # The amount that is left stands in its field.
    clicks.type(drawer(alice).get_by_role("combobox", name="Why"), "request")
    stays_open_unless_a_person_scrolls(alice)
    clicks.press(alice, "Enter")
    clicks.type(drawer(alice).get_by_role("textbox", name="Note"), f"Sent back {reference}")
    clicks.type(drawer(alice).get_by_label("Your password", exact=True), PRACTICE_PASSWORD)
    clicks.press(alice, "Enter")
    expect(drawer(alice).get_by_text("Waits for a second person to approve it.")).to_be_visible()
    assert refunded(office, reference) == []
    assert clicks.count <= 6

    bob, clicks = office.at_home("bob"), Clicks()
    clicks.on(menu(bob, "Approvals"))
    note = f"Sent back {reference}"
    blocks = bob.get_by_test_id("stVerticalBlock").filter(has_text=note)
    waiting = blocks.filter(has=button(bob, "Approve and refund")).last
    clicks.type(waiting.get_by_label("Your password", exact=True), PRACTICE_PASSWORD)
    clicks.on(button(waiting, "Approve and refund"))
    expect(bob.get_by_text(note)).to_have_count(0)
    assert refunded(office, reference) == [paid.amount]
    assert clicks.count <= 4


def test_from_a_file_of_rows_to_a_certificate(office: Office, reference: str) -> None:
    alice, clicks = office.at_home("alice"), Clicks()
    clicks.on(menu(alice, "Runs"))
    clicks.on(button(alice, "New run"))
    clicks.on(alice.get_by_text("Paste rows"))
    paid = next(one for one in office.stripe.money_moved() if one.kind == "charge")
    clicks.type(
        alice.get_by_label("Rows with their heading"),
        f"customer\tamount\tcurrency\treference\n{paid.customer}\t50.00\teur\t{reference}",
    )
    clicks.on(button(alice, "Read the rows"))
    clicks.on(button(alice, "Check all rows"))
    clicks.type(alice.get_by_role("textbox", name="Rows you expect"), "1")
    clicks.type(alice.get_by_role("textbox", name="Totals you expect"), "50.00 eur")
    clicks.on(button(alice, "Submit"))
    expect(alice.get_by_text("Waits for approval")).to_be_visible()
    assert clicks.count <= 9

    bob, clicks = office.at_home("bob"), Clicks()
    bob.goto(alice.url)
    clicks.type(bob.get_by_label("Your password", exact=True), PRACTICE_PASSWORD)
    clicks.on(button(bob, "Approve"))
    expect(bob.get_by_text(re.compile(r"\bApproved$")).first).to_be_visible()
    wait_until_drawn(bob)
    clicks.on(button(bob, re.compile(r"^Charge 1 row")))
    clicks.type(bob.get_by_label("Your password", exact=True), PRACTICE_PASSWORD)
    clicks.press(bob, "Enter")
    clicks.on(bob.get_by_role("radio", name="Certificate"))
    with bob.expect_download() as fetched:
        clicks.on(button(bob, "Verify and print"))
    assert moved(office, reference) == [5000]
    certificate = fetched.value.path().read_text("utf-8")
    assert "€50.00" in certificate
    assert "Bob Approver" in certificate
    assert clicks.count <= 7


def stays_open_unless_a_person_scrolls(page: Page) -> None:
    """The list of choices; a drawer is also moved by a section that opens in it, and by what grows above."""
    choices = page.locator("[role=listbox]")
    expect(choices).to_be_visible()
    moved_by = page.evaluate(
        """() => {
            const field = document.querySelector("[role=combobox][aria-expanded=true]");
            let place = field.parentElement;
            while (place.scrollTop === 0) place = place.parentElement;
            const before = place.scrollTop;
            place.scrollTop -= 20;
            return before - place.scrollTop;
        }"""
    )
    assert moved_by == 20
    # The event of a scroll comes with the next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(choices).to_be_visible()


def moved(office: Office, reference: str) -> list[int]:
    """Minor units, by Stripe's own books."""
    return [
        movement.amount
        for movement in office.stripe.money_moved()
        if movement.metadata.get("onfile_reference") == reference
    ]


def refunded(office: Office, reference: str) -> list[int]:
    """Minor units that went back to the payer, by Stripe's own books."""
    movements = office.stripe.money_moved()
    payments = {
        one.payment_intent for one in movements if one.metadata.get("onfile_reference") == reference
    }
    return [
        one.amount for one in movements if one.kind == "refund" and one.payment_intent in payments
    ]


def mark_at_stripe(office: Office, name: str) -> str:
    reply = office.stripe.handle(
        "GET", "/v1/customers", {"limit": "100"}, {"Authorization": "Bearer sk_test_x"}
    )
    [customer] = [one for one in reply.body["data"] if one["name"] == name]
    return str(customer["metadata"].get("onfile_do_not_charge", ""))
