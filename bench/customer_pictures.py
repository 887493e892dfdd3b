"""
Takes pictures of all that a customer reads, as a phone shows it: each message and each page here, in four languages.

    .venv/bin/python -m bench.customer_pictures --folder /tmp/pictures [--width 390] [--languages en,de,fr,ja]

Needs no running server. Look at them after a change of words, templates or catalogues.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from bench.screenshots import SCHEMES, Scheme
from lib.domain.messages import Message, MessageKind
from lib.ids import new_token
from lib.languages import Language, first_of
from lib.web.customer_pages import customer_page
from lib.wording.messages import default, html
from lib.wording.pages import PAGES
from tests.server.conftest import ARGUMENTS, chromium
from tests.world import World, new_world

_COMPANY, _CONTACT = "Müller & Söhne GmbH", "rechnung@mueller-soehne.example"
_HOST = "https://onfile.mueller-soehne.example"
_ASKING = ("broken", "gone", "please_not_late")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--width", type=int, default=390)
    parser.add_argument("--languages", default="en,de,fr,ja")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    languages = [one for code in arguments.languages.split(",") if (one := first_of([code]))]
    with (
        tempfile.TemporaryDirectory() as folder,
        new_world(Path(folder)) as world,
        sync_playwright() as playwright,
    ):
        world.settings = replace(
            world.settings, company=_COMPANY, contact=_CONTACT, public_url=_HOST
        )
        world.rebuild()
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS])
        for scheme in SCHEMES:
            _take(browser, world, languages, scheme, arguments)
        browser.close()


def _take(
    browser: Browser,
    world: World,
    languages: list[Language],
    scheme: Scheme,
    arguments: argparse.Namespace,
) -> None:
    size = ViewportSize(width=arguments.width, height=round(arguments.width * 2))
    page = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=2)
    for language in languages:
        for name, content in all_of(world, language):
            page.set_content(content)
            page.screenshot(
                path=arguments.folder / f"{name}-{language.code}-{scheme}.png", full_page=True
            )
    page.context.close()


def all_of(world: World, language: Language) -> Iterator[tuple[str, str]]:
    """What each is called, and its HTML; of a company whose name and address are not short."""
    world.settings = replace(world.settings, company=_COMPANY, contact=_CONTACT, public_url=_HOST)
    world.rebuild()
    for kind in MessageKind:
        link = f"{_HOST}/l/{'answer/' * (kind is MessageKind.ANNOUNCEMENT)}{new_token()}"
        message = world.services.messages.templates.preview(kind, language, default(kind, language))
        as_sent = Message(message.subject, message.text.replace(f"{_HOST}/l/example", link))
        yield f"mail-{kind}", html(as_sent, language, kind=kind, link=link)
    sender = world.services.senders.sender()
    for name in PAGES:
        page = customer_page(name, sender, language, asks=name in _ASKING)
        yield f"page-{name}", bytes(page.body).decode()


if __name__ == "__main__":
    main()
