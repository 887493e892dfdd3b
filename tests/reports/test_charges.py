"""What lists and forms read of charges."""

from __future__ import annotations

import pytest

from tests.world import World


class TestUsualCurrency:
    def test_nobody_was_ever_charged(self, world: World) -> None:
        assert world.services.reports.charges.usual_currency(world.customer()) is None

    def test_a_customers_own_last_one_comes_before_everybody_elses(self, world: World) -> None:
        japanese, other, new = world.customer("A"), world.customer("B"), world.customer("C")
        world.save_card(japanese)
        world.save_card(other)
        for number in range(3):
            world.charge(other, reference=f"E{number}", amount="10.00", currency="eur")
        world.clock.advance(minutes=1)
        world.charge(japanese, reference="J", amount="5000", currency="jpy")
        usual = world.services.reports.charges.usual_currency
        assert (usual(japanese), usual(other)) == ("jpy", "eur")
        assert usual(new) == "eur", "the commonest, whoever was charged last"


@pytest.mark.parametrize(
    "search",
    [
        "INV-0042",
        "inv 42",
        "INV\u201142\u2060",
        "BÜRO@firma",
        "büro\u200b@FIRMA-ta\u0308st.example",
    ],
)
def test_a_charge_is_found_however_its_reference_or_address_is_written(
    world: World, search: str
) -> None:
    customer = world.customer("Anna", "büro@firma-täst.example")
    world.save_card(customer)
    world.charge(customer, reference="INV-42")
    assert list(world.services.reports.charges.page(search=search).frame["reference"]) == ["INV-42"]
