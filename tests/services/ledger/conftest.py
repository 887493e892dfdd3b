"""A customer with a card."""

from __future__ import annotations

import pytest

from tests.beginnings import made_once
from tests.world import World


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made
