"""A draft mended in a real browser: beside the table, row after row, until exactly that is charged."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lib.practice.engine import PracticeStripe
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.people import PATIENCE_MS, sign_in, start_run, wait_until_drawn

pytestmark = [pytest.mark.browser, pytest.mark.server]

# Two customers of the practice account have it.
TWINS = "buchhaltung@beispielgruppe.example"
HEADER = "customer\tamount\tcurrency\treference"


@pytest.fixture
def page(browser: Browser, server) -> Page:
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield sign_in(context, server.url, "alice")
    context.close()


def figure(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=name)


def test_row_after_row_beside_the_table(server, page, browser: Browser) -> None:
    payer = paid_before(server)
    rows = [
        f"{TWINS}\t40.00\teur\tMEND-1",
        f"{payer}\t12x\teur\tMEND-2",
        f"{payer}\t7.00\t\tMEND-3",
    ]
    page.goto(f"{server.url}/new_run")
    page.get_by_text("Paste rows").click()
    page.get_by_label("Rows with their heading").fill("\n".join([HEADER, *rows]))
    page.get_by_role("button", name="Read the rows").click()
    page.get_by_label("Name of the run").fill("Mended")
    page.get_by_role("button", name="Check all rows").click()
    expect(page.get_by_role("heading", name="Mended", exact=True)).to_be_visible()
    expect(figure(page, "Blocked")).to_contain_text("3")
    wait_until_drawn(page)
    page.get_by_role("radio", name="Rows").click()
    follow_the_arrow_keys(page)
    main = page.get_by_test_id("stMainBlockContainer")
    main.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Mend blocked rows").click()
    expect(page.get_by_text("Row 2", exact=True)).to_be_visible()
    wait_until_drawn(page)
    assert beside(page)
    twins = page.get_by_role("radiogroup", name="Which customer is meant?")
    second = twins.get_by_role("radio").nth(1)
    meant = twins.locator("label").nth(1).inner_text()
    twins.locator("label").nth(1).click()
    expect(second).to_be_checked()
    page.get_by_label("Why").first.fill("the one in the north")
    save(page)
    expect(page.get_by_text("Blocked · 2")).to_be_visible()
    wait_until_drawn(page)
    page.get_by_role("button", name="Next blocked row").click()
    expect(page.get_by_text("Row 3", exact=True)).to_be_visible()
    wait_until_drawn(page)
    page.get_by_role("textbox", name="Amount", exact=True).fill("12.30")
    page.get_by_label("Why").first.fill("as on the invoice")
    save(page)
    expect(page.get_by_text("Blocked · 1")).to_be_visible()
    wait_until_drawn(page)
    page.get_by_role("radio", name="Overview").click()

    page.get_by_role("button", name="All of these").first.click()
    chooser = page.get_by_role("combobox", name="Currency of all of these rows")
    chooser.fill("EUR")
    chooser.press("Enter")
    page.get_by_label("Why").first.fill("all in euro")
    page.get_by_role("button", name="Set for 1 row").click()
    expect(figure(page, "Blocked")).to_contain_text("0")
    wait_until_drawn(page)
    page.get_by_role("textbox", name="Rows you expect").fill("3")
    page.get_by_role("textbox", name="Totals you expect").fill("59.30 eur")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("Waits for approval")).to_be_visible()
    expect(page.get_by_text("3 corrections against the file")).to_be_visible()
    address = page.url

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    bob = sign_in(context, server.url, "bob")
    bob.goto(address)
    expect(bob.get_by_text("That is the sum with the corrections")).to_be_visible()
    wait_until_drawn(bob)
    bob.get_by_label("Your password", exact=True).fill(PRACTICE_PASSWORD)
    bob.get_by_role("button", name="Approve", exact=True).click()
    start_run(bob, "Charge 3 rows: €59.30")
    expect(figure(bob, "Paid")).to_contain_text("3")
    context.close()
    charged = {
        moved.metadata["onfile_reference"]: (moved.amount, moved.customer)
        for moved in PracticeStripe(server.data_dir / "practice.db").money_moved()
        if moved.metadata.get("onfile_reference", "").startswith("MEND-")
    }
    assert {name: amount for name, (amount, _) in charged.items()} == {
        "MEND-1": 4_000,
        "MEND-2": 1_230,
        "MEND-3": 700,
    }
    with closing(sqlite3.connect(server.data_dir / "onfile.db")) as shell:
        (name,) = shell.execute(
            "SELECT name FROM customers WHERE id = ?", (charged["MEND-1"][1],)
        ).fetchone()
    assert meant == name, "the twin that was clicked"


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is corrected and checked again").first).to_be_visible()


def rows_of(page: Page) -> Locator:
    return page.get_by_test_id("stDataFrame").first


def follow_the_arrow_keys(page: Page) -> None:
    """A click on a cell opens its row, and the panel goes where the cell goes."""
    wait_until_drawn(page)
    # A table that was not painted yet hears no click.
    for _ in range(5):
        rows_of(page).click(position={"x": 130, "y": 70})
        with contextlib.suppress(AssertionError):
            expect(page.get_by_text("Row 2", exact=True)).to_be_visible(timeout=5_000)
            break
    for key, row in ((None, 2), ("ArrowDown", 3), ("ArrowDown", 4), ("ArrowUp", 3)):
        if key is not None:
            page.keyboard.press(key)
        expect(page.get_by_text(f"Row {row}", exact=True)).to_be_visible()
        wait_until_drawn(page)


def beside(page: Page) -> bool:
    """Whether the open row stands at the right of the table, at the same height."""
    table = rows_of(page).bounding_box()
    panel = page.get_by_text("Row 2", exact=True).bounding_box()
    assert table is not None
    assert panel is not None
    return (
        panel["x"] > table["x"] + table["width"] and abs(panel["y"] - table["y"]) < table["height"]
    )


def paid_before(server) -> str:
    """A customer who was charged in euro and whose card is good."""
    for moved in PracticeStripe(server.data_dir / "practice.db").money_moved():
        if moved.kind == "charge" and moved.currency == "eur":
            return str(moved.customer)
    raise LookupError("nobody paid in euro")
