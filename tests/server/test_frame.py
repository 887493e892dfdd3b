"""The frame around every page, in a real browser: a fresh start, the way by keyboard, and what fits the window."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.server.conftest import ROOT
from tests.server.people import PATIENCE_MS, click_row, sign_in, wait_for, wait_until_drawn

pytestmark = [pytest.mark.browser, pytest.mark.server]

LAPTOP, TABLET = {"width": 1280, "height": 800}, {"width": 820, "height": 1180}


@pytest.fixture
def page(one_server, browser: Browser) -> Iterator[Page]:
    """Alice's, at Home."""
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport=LAPTOP)
    yield sign_in(context, one_server.url, "alice")
    context.close()


def menu(page: Page, title: str):
    return page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(f"^{title}"))


def test_the_name_of_the_page_one_is_on_starts_it_afresh(page: Page) -> None:
    menu(page, "Charges").click()
    search = page.get_by_placeholder("Customer, reference or id")
    page.get_by_text(re.compile("^Declined · ")).click()
    search.press_sequentially("INV")
    wait_for(page, "location.search.includes('charges_state=declined')")
    menu(page, "Charges").click()
    wait_for(page, "location.search === '' && location.pathname === '/charges'")
    expect(page.get_by_text(re.compile("^Declined · "))).to_be_visible()
    expect(search).to_have_value("")
    expect(page.locator("[aria-checked=true]")).to_have_count(0)


def test_what_is_painted_follows_the_theme(page: Page) -> None:
    """The bars of a chart, which the server gives their tones."""
    themes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    chart = page.get_by_test_id("stVegaLiteChart").first
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for _ in range(40):
            if themes[theme]["greenColor"].upper() in colors(chart):
                break
            page.wait_for_timeout(500)
        else:
            pytest.fail(f"The bars are not of the {theme} theme: {sorted(colors(chart))[:20]}")


def colors(place: Locator) -> set[str]:
    image = Image.open(io.BytesIO(place.screenshot())).convert("RGB")
    return {
        f"#{r:02X}{g:02X}{b:02X}"
        for r, g, b in {pixel for _, pixel in image.getcolors(image.width * image.height) or ()}
    }


def test_new_charge_is_empty_again(page: Page) -> None:
    search = page.get_by_placeholder("Name, e-mail or id")
    for leave in (lambda: menu(page, "New charge").click(), lambda: menu(page, "Charges").click()):
        menu(page, "New charge").click()
        page.get_by_role("radio").first.locator("xpath=ancestor::label").click()
        expect(search).to_have_count(0)
        leave()
        menu(page, "New charge").click()
        expect(search).to_be_focused()


def test_filters_of_one_run_do_not_follow_into_the_next(page: Page) -> None:
    menu(page, "Runs").click()
    for row in (1, 2):
        expect(page.get_by_text("3 runs", exact=True)).to_be_visible()
        wait_until_drawn(page)
        click_row(page, row)
        wait_for(page, "location.search.includes('run=')")
        page.get_by_role("radio", name=re.compile("^Rows")).click()
        find = page.get_by_placeholder("Customer, reference or any cell")
        expect(find).to_have_value("")
        assert "run_rows_search" not in page.url
        find.press_sequentially("INV")
        wait_for(page, "location.search.includes('run_rows_search=INV')")
        page.get_by_role("button", name="All runs").click()
        wait_for(page, "location.search === ''")


def test_a_charge_by_keyboard_alone(page: Page) -> None:
    page.reload()
    expect(page.get_by_role("button", name="New charge")).to_be_visible()
    wait_until_drawn(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    # The menu shows where the keyboard is, also on the page one is on.
    page.keyboard.press("Tab")
    outline = "one => getComputedStyle(one).outlineStyle"
    assert page.get_by_role("link", name="Home").evaluate(outline) == "solid"
    page.keyboard.press("Shift+Tab")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    # Past the search.
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="New charge")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_placeholder("Name, e-mail or id")).to_be_focused()
    page.keyboard.type("Tidewell")
    expect(page.get_by_role("radio")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    # Three methods, and none is the usual one.
    expect(page.get_by_role("radio", name=re.compile("^American Express"))).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Amount")).to_be_focused()
    page.keyboard.type("12.34")
    # Over the currency, and the sign that explains the reference.
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.get_by_role("textbox", name="Reference").evaluate("it => it.matches(':focus')"):
            break
    expect(page.get_by_role("textbox", name="Reference")).to_be_focused()
    page.keyboard.type("INV-KEYS")
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("heading", name=re.compile("^Charge Tidewell.*INV-KEYS"))
    ).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile(r"^Charge \S*12\.34"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="INV-KEYS")).to_be_focused()
    expect(page.get_by_text("Succeeded").first).to_be_visible()


def test_the_menu_is_a_list_a_section_and_everything_fits(one_server, browser: Browser) -> None:
    context = browser.new_context(viewport=LAPTOP)
    page = sign_in(context, one_server.url, "ada")
    lists = page.get_by_test_id("stSidebarNav").get_by_role("list")
    expect(lists).to_have_count(5)
    expect(page.get_by_role("list", name="Collect").get_by_role("listitem")).to_have_count(6)
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
    menu(page, "Audit").click()
    page.set_viewport_size(TABLET)
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
    width = page.get_by_test_id("stSidebar").evaluate("one => one.getBoundingClientRect().width")
    assert width <= 200
    above = page.get_by_test_id("stDataFrame").first.evaluate(
        """table => {
            const own = table.closest('[data-testid=stElementContainer], [data-testid=stVerticalBlock]');
            let last = own.previousElementSibling;
            while (last && !last.getBoundingClientRect().height) last = last.previousElementSibling;
            return table.getBoundingClientRect().top - last.getBoundingClientRect().bottom;
        }"""
    )
    assert 0 < above <= 30
    context.close()
