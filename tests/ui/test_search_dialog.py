"""The search dialog: on every page, by kind, each row a link to its page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.actors import Permission
from lib.ui import navigation, page_table
from tests.beginnings import made_once
from tests.ui.charge_pages import button, ran, text
from tests.world import ALICE


def links(at) -> list[tuple[str, str]]:
    """Page and label, as it is read."""
    return [(link.proto.page, link.proto.label.replace("\\", "")) for link in at.get("page_link")]


def search(at, typed: str):
    """What was typed is there from the start: a test runs the whole page, not the dialog alone."""
    at.session_state["search_text"] = typed
    return ran(button(at, "search_button").click().run())


@pytest.fixture
@made_once
def charged(world) -> None:
    customer = world.customer("Acme *Ltd*")
    world.save_card(customer)
    world.charge(customer, reference="INV-7", amount="12.34")


@pytest.mark.parametrize("page", ["home", "customers", "runs", "new_charge", "settings"])
def test_is_on_every_page(open_page, charged, page: str) -> None:
    at = open_page(page, as_="ada")
    assert not [one for one in at.text_input if one.key == "search_text"]
    assert "$12.34" in str(links(search(at, "inv 7")))


def test_each_kind_leads_to_its_page(open_page, charged) -> None:
    at = search(open_page("home", as_="vera"), "acme")
    shown = {page: label for page, label in links(at) if "Acme" in label}
    assert shown["charges"].startswith("**INV-7** · $12.34 · Acme *Ltd* :green-badge[")
    assert set(shown) == {"customers", "charges", "setup_links", "payment_methods"}
    assert "Charges" in text(at)


def test_whoever_must_not_be_charged_is_named_so(open_page, charged, world) -> None:
    [customer] = world.rows("SELECT id FROM customers WHERE name = 'Acme *Ltd*'")
    world.services.holds.set(customer["id"], reason="In court", by=ALICE)
    at = search(open_page("home", as_="vera"), "acme")
    found = [label for _, label in links(at) if "Acme" in label]
    assert len(found) == 4
    assert all(label.startswith("Do not charge · **") for label in found)


def test_says_that_nothing_matches(open_page, charged) -> None:
    at = search(open_page("home", as_="vera"), "zq*xj")
    assert "Nothing matches **zq*xj**" in text(at).replace("\\", "")


def test_a_kind_whose_page_one_may_not_open_is_left_out(open_page, charged, monkeypatch) -> None:
    pages = [
        replace(spec, permission=Permission.MANAGE_USERS) if spec.url_path == "charges" else spec
        for spec in page_table.PAGES
    ]
    monkeypatch.setattr(navigation, "PAGES", tuple(pages))
    assert "INV-7" not in str(links(search(open_page("home", as_="vera"), "INV-7")))
    assert "INV-7" in str(links(search(open_page("home", as_="ada"), "INV-7")))
