"""
Takes pictures of every page of a practice server that is running.

    make run                                                   # in another terminal
    .venv/bin/python -m bench.screenshots --folder /tmp/pictures [--width 1920] [--only home,charges]

Look at them after every change to a page. The best are kept in docs/screenshots for the README.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.server.conftest import ARGUMENTS, chromium

PAGES = (
    "home",
    "setup_links",
    "sessions",
    "customers",
    "payment_methods",
    "new_charge",
    "charges",
    "runs",
    "new_run",
    "approvals",
    "failures",
    "refunds",
    "disputes",
    "unknown",
    "webhooks",
    "sync",
    "audit",
    "users",
    "settings",
    "backups",
    "payment-page",
)


Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--only", default=",".join(PAGES))
    parser.add_argument("--run", help="the id of a charge run, for a picture called run")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS])
        for scheme in SCHEMES:
            _take(browser, arguments, scheme)
        browser.close()


def _take(browser: Browser, arguments: argparse.Namespace, scheme: Scheme) -> None:
    size = ViewportSize(width=arguments.width, height=round(arguments.width * 0.625))
    page = browser.new_page(viewport=size, color_scheme=scheme, timezone_id="Europe/Berlin")
    _sign_in(page, arguments.url)
    for name in [*arguments.only.split(","), *(["run"] if arguments.run else [])]:
        if name == "payment-page":
            _open_payment_page(page, arguments.url)
        else:
            address = {"home": "", "run": f"runs?run={arguments.run}"}.get(name, name)
            page.goto(f"{arguments.url}/{address}")
            page.get_by_role("button", name="Sign out").first.wait_for()
        # Tables and charts are painted after the text, and there is no event to wait for.
        page.wait_for_timeout(3000)
        page.screenshot(path=arguments.folder / f"{name}-{scheme}.png")
    page.context.close()


def _sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password", exact=True).fill(PRACTICE_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_function("document.cookie.includes('onfile_')")


def _open_payment_page(page: Page, url: str) -> None:
    page.goto(f"{url}/setup_links")
    page.get_by_role("button", name="New link").click()
    page.get_by_text("Nobody yet", exact=True).click()
    page.get_by_role("button", name="Make link").click()
    address = page.locator("code", has_text=re.compile(r"^http\S+/l/\S+$")).first
    address.wait_for()
    page.goto(address.inner_text().strip())


if __name__ == "__main__":
    main()
