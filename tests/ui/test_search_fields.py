"""Every search field takes whatever can be typed or pasted, and finds what it means."""

from __future__ import annotations

import pytest

from lib.ui import navigation
from tests.beginnings import made_once
from tests.ui.charge_pages import ran

ODD = (
    "\0",
    "acme\0",
    "\x1facme",
    "acme\u2028",
    'ac"me',
    "%",
    "_",
    "\\",
    "'",
    "acme*",
    "(",
    "\ufffe",
)


def field(at):
    """The page's own: not the one with which a customer is chosen."""
    return next((one for one in at.text_input if one.label == "Search"), None)


@pytest.fixture
@made_once
def acme(world) -> str:
    customer = world.customer(name="Acme Ltd")
    world.save_card(customer)
    world.charge(customer)
    return customer


@pytest.mark.parametrize("page", [spec.url_path for spec in navigation.existing()])
def test_takes_odd_letters(open_page, world, acme: str, page: str) -> None:
    at = open_page(page, as_="ada")
    if field(at) is None:
        pytest.skip("no search here")
    for text in ODD:
        ran(field(at).set_value(text).run())


@pytest.mark.parametrize("page", ["charges", "customers", "sessions", "payment_methods"])
def test_a_control_is_a_space(open_page, world, acme: str, page: str) -> None:
    at = open_page(page, as_="ada")
    ran(field(at).set_value("Acme\0Ltd\0").run())
    [table] = at.dataframe
    assert len(table.value) == 1
    ran(field(at).set_value("Acme\0Limited").run())
    assert not at.dataframe
