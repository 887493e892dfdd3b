"""In a window of 820 pixels a list shows what matters of each row without being scrolled sideways."""

from __future__ import annotations

import json

import pytest

from lib.money import Money
from tests.world import ALICE, ALWAYS_DECLINES, World

# Beside the menu and the edges of the page, as style.py has them, less the box at the left of each row.
ROOM = 820 - 200 - 2 * 20 - 34
# Of a date this year, which has no width of its own.
DATE = 112


@pytest.mark.parametrize(
    ("page", "needed"),
    [
        ("charges", ("name", "amount", "states")),
        ("failures", ("name", "amount", "why", "next")),
        ("refunds", ("name", "amount", "state")),
        ("payment_methods", ("shown", "label", "badge")),
        ("customers", ("shown", "email", "methods")),
    ],
)
def test_the_first_columns_fit(open_page, world: World, page: str, needed: tuple[str, ...]) -> None:
    customer = world.customer("Acme Ltd")
    world.save_card(customer)
    paid = world.charge(customer, currency="eur", reference="INV-1").charge.id
    world.services.refunds.request(
        paid, money=Money(100, "eur"), reason="duplicate", note="Twice", by=ALICE
    )
    world.save_card(customer, ALWAYS_DECLINES)
    world.charge(customer, reference="INV-2")
    table = open_page(page, as_="bob").dataframe[0]
    widths = {name: look.get("width") for name, look in json.loads(table.proto.columns).items()}
    names = list(table.value.columns)
    shown = names[: max(map(names.index, needed)) + 1]
    assert sum(widths[name] or DATE for name in shown) <= ROOM
