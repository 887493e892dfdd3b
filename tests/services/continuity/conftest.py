"""Somebody with a saved card, whom the mirror knows."""

from __future__ import annotations

import pytest

from tests.beginnings import made_once
from tests.world import ALICE, World


@pytest.fixture
@made_once
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    world.services.users.add_practice_users()
    world.services.sync.run_now(by=ALICE)
    return made
