"""Who sits at the browser, and signs in as a person would."""

from __future__ import annotations

import re
from pathlib import Path

import jwt
from playwright.sync_api import BrowserContext, Locator, Page, expect

from lib.clock import utcnow
from lib.services.staff.sessions import SessionService
from lib.services.staff.sign_in_cookie import cookie_name
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import Settings, load_settings
from lib.store.unit_of_work import UnitOfWork

# Two browsers and their servers may share two cores.
PATIENCE_MS = 40_000
# Otherwise the browser looks at each frame that it draws, and a window that it takes to be covered
# by another person's draws none.
POLLING_MS = 100
# The sign-in's; a browser that somebody has signed in with keeps another one.
COOKIE_NAME = r"onfile_[0-9a-f]{8}"
HAS_COOKIE = f"/{COOKIE_NAME}=/.test(document.cookie)"


# Of the servers that run, by their address.
data_folders: dict[str, Path] = {}


def sign_in(context: BrowserContext, url: str, name: str) -> Page:
    """As somebody whose browser remembers an earlier sign-in; `enter` fills in the form."""
    context.set_default_timeout(PATIENCE_MS)
    folder = data_folders[url]
    settings = load_settings(folder.parent, {"ONFILE_DATA_DIR": str(folder)})
    cookie, value = remembered(settings, name)
    context.add_cookies([{"url": url, "name": cookie, "value": value}])
    page = context.new_page()
    page.goto(url)
    # While the page is drawn anew, the one before still stands.
    expect(page.get_by_role("heading", name="Hello,").first).to_be_visible(timeout=PATIENCE_MS)
    wait_for_keys(page)
    return page


def remembered(settings: Settings, name: str) -> tuple[str, str]:
    """The cookie that streamlit-authenticator gives the browser of somebody who signs in now."""
    uow = UnitOfWork(settings.database)
    with uow.read() as stores:
        user = stores.users.find(name)
    assert user is not None
    principal = SessionService(uow, clock=utcnow, settings=settings).begin(user)
    uow.pool.close()
    claims = {"username": principal, "exp_date": utcnow().timestamp() + 3_600}
    value = jwt.encode(claims, settings.cookie_key, algorithm="HS256")
    return cookie_name(settings.cookie_key), value


def enter(page: Page, name: str) -> None:
    """Fill in the sign-in form of whatever page was asked for, and send it."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PRACTICE_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def start_run(page: Page, name: str | re.Pattern[str]) -> None:
    """Press the button that charges a run, and give the password that it asks for."""
    button = page.get_by_role("button", name=name)
    button.click()
    page.get_by_label("Your password", exact=True).fill(PRACTICE_PASSWORD)
    button.last.click()


def wait_until_drawn(page: Page) -> None:
    """Nothing is drawn any more: a field that moved stands there twice until then, once as it was."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(
        timeout=PATIENCE_MS
    )


def wait_for_keys(page: Page) -> None:
    """Until the page listens to its keys: its scripts come a moment after its text."""
    wait_for(page, "window.onfileSearch")


def wait_for_cookie(page: Page) -> None:
    wait_for(page, HAS_COOKIE)


def wait_for(page: Page, condition: str, *, arg: object = None) -> None:
    """`condition`: JavaScript, an expression or a function of `arg`."""
    page.wait_for_function(condition, arg=arg, polling=POLLING_MS, timeout=PATIENCE_MS)


class Clicks:
    """Counts what a clerk has to press: buttons, rows, and keys that send something."""

    # How many fields further the keyboard is led before somebody takes the mouse.
    _TABS = 3

    def __init__(self) -> None:
        self.count = 0

    def on(self, locator: Locator) -> None:
        locator.click()
        self.count += 1

    def press(self, page: Page, key: str) -> None:
        page.keyboard.press(key)
        self.count += 1

    def type(self, field: Locator, text: str) -> None:
        """Into a field that the keyboard is in or reaches with Tab; any other has to be clicked."""
        expect(field).to_be_visible()
        for _ in range(self._TABS):
            if field.evaluate("one => one === document.activeElement"):
                break
            field.page.keyboard.press("Tab")
        else:
            self.on(field)
        field.page.keyboard.type(text)

    def copy(self, place: Locator | Page, text: re.Pattern[str]) -> str:
        """What the copy button beside a text puts on the clipboard, whose permission the context has."""
        shown = place.get_by_test_id("stCode").filter(has_text=text).first
        page = place if isinstance(place, Page) else place.page
        page.evaluate("navigator.clipboard.writeText('')")
        self.on(shown.get_by_role("button"))
        wait_for(page, "navigator.clipboard.readText().then(text => text.length > 0)")
        return str(page.evaluate("navigator.clipboard.readText()"))

    def on_row(self, page: Page, number: int) -> None:
        click_row(page, number)
        self.count += 1


def click_row(page: Page, number: int, *, x: int = 300) -> None:
    """Of the first table, which is painted: rows of 36 pixels, under a heading of the same height."""
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("[role=row]").nth(number)).to_be_attached(timeout=PATIENCE_MS)
    wait_until_drawn(page)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + 36 * number + 18)
