"""What customers read fits into a phone's window, in every language; bench/customer_pictures.py takes its pictures."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from bench.customer_pictures import all_of
from lib.languages import LANGUAGES, Language
from tests.world import World


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("width", [320, 390])
def test_nothing_reaches_beyond_the_window(
    browser: Browser, world: World, code: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 2 * width})
    wide = []
    for name, html in all_of(world, Language(code, code)):
        page.set_content(html)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(name)
    page.context.close()
    assert wide == []
