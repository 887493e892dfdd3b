"""A month made by hand and by practice Stripe, line by line: a small one here, 5,000 charges in bench.books."""

from __future__ import annotations

import pytest

from bench.books import ZONES, charge_month, compare
from tests.world import World

CHARGES = 45


@pytest.mark.parametrize("zone", ZONES)
def test_every_line_is_stripes_to_the_minor_unit(world: World, zone: str) -> None:
    month = charge_month(world, zone, CHARGES)
    result = compare(world, zone, month)
    assert result.differences == []
    assert result.compared > 8 * CHARGES


def test_whatever_differs_is_seen(world: World) -> None:
    month = charge_month(world, "Europe/Berlin", CHARGES)
    world.change(
        "UPDATE balance_transactions SET fee = fee + 1, net = net - 1 WHERE type = 'charge'",
        "UPDATE stripe_refunds SET amount = amount - 1",
    )
    seen = " ".join(compare(world, "Europe/Berlin", month).differences)
    for word in (" fee", " net", "re_", " amount", "po_"):
        assert word in seen, seen
