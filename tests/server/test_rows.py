"""Rows in a real browser: a click anywhere or Enter opens one, Escape closes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.server.people import (
    PATIENCE_MS,
    click_row,
    sign_in,
    wait_for,
    wait_until_drawn,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture
def charges(one_server, browser: Browser) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = sign_in(context, one_server.url, "alice")
    page.goto(f"{one_server.url}/charges")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    wait_until_drawn(page)
    yield page
    context.close()


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def opened(page: Page) -> str:
    """The address, which names the open row."""
    expect(drawer(page)).to_be_visible()
    wait_for(page, "location.search.includes('charge=')")
    return page.url


def close(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(drawer(page)).to_be_hidden()
    wait_for(page, "!location.search.includes('charge=')")
    # A click on a row that is still marked would only take its mark away.
    expect(page.locator("[role=row][aria-selected=true]")).to_have_count(0)


def test_a_click_on_any_cell_opens_its_row(charges: Page) -> None:
    click_row(charges, 2)
    second = opened(charges)
    close(charges)
    click_row(charges, 4, x=700)
    assert opened(charges) != second
    close(charges)
    click_row(charges, 2, x=500)
    assert opened(charges) == second


def test_arrows_move_and_enter_opens(charges: Page) -> None:
    charges.evaluate("document.querySelector('[data-testid=data-grid-canvas]').focus()")
    for _ in range(2):
        charges.keyboard.press("ArrowDown")
    cell = charges.locator("[role=gridcell][aria-selected=true]")
    expect(cell).to_have_id("glide-cell-1-2")
    assert drawer(charges).count() == 0
    charges.keyboard.press("Enter")
    third = opened(charges)
    close(charges)
    click_row(charges, 3)
    assert opened(charges) == third


def test_a_click_on_the_amounts_heading_orders_all_rows(charges: Page) -> None:
    table = charges.get_by_test_id("stDataFrame")
    for order in ("charges_order=largest", "charges_order=smallest", "charges$"):
        wait_until_drawn(charges)
        box = table.bounding_box()
        assert box is not None
        charges.mouse.click(box["x"] + 360, box["y"] + 16)
        expect(charges).to_have_url(re.compile(order))
    assert charges.get_by_role("dialog").count() == 0
