"""A German export in a real browser: from the upload to a preview without a problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server.people import PATIENCE_MS, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]

MOST_CLICKS = 4
ROWS = [
    ("cassa@osteria-esempio.example", "1.234,50"),
    ("hello@hollowbrook.example", "80,00"),
    ("office@greyfinch.example", "12,5"),
]


@pytest.fixture
def page(server, browser: Browser) -> Page:
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    yield sign_in(context, server.url, "alice")
    context.close()


def test_from_upload_to_a_green_preview_in_at_most_four_clicks(
    server, page, tmp_path: Path
) -> None:
    lines = ["Kunde;Betrag;Währung;Rechnungsnummer"]
    lines += [f"{ROWS[at % 3][0]};{ROWS[at % 3][1]};EUR;RE-{at:03d}" for at in range(61)]
    export = tmp_path / "export.csv"
    export.write_bytes("\r\n".join([*lines, ""]).encode("utf-8-sig"))
    page.goto(f"{server.url}/new_run")

    # The first click opens the system's own window, which a test fills in its place.
    clicks = 1
    page.locator("input[type=file]").set_input_files(export)
    expect(page.get_by_text("written with a decimal comma").first).to_be_visible()
    expect(page.get_by_text("1 problem", exact=True)).to_be_visible()
    page.get_by_role("radio", name="Decimal comma: 1.234,50 is 1,234.50").or_(
        page.get_by_role("button", name="Decimal comma: 1.234,50 is 1,234.50")
    ).first.click()
    clicks += 1
    # 21 · 1,234.50 + 20 · 80.00 + 20 · 12.50
    expect(page.get_by_text("€27,774.50")).to_be_visible()
    expect(page.get_by_text("1 problem", exact=True)).not_to_be_visible()
    page.get_by_role("button", name="Check all rows").click()
    clicks += 1
    expect(page.get_by_role("heading", name="export", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="To charge")).to_contain_text("61")
    assert clicks <= MOST_CLICKS
