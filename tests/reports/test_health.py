"""What the page Sync health says of the mirror, read straight from the file."""

from __future__ import annotations

from bench.seed_bulk import seed_sessions
from lib.clock import epoch_ms
from lib.store.unit_of_work import UnitOfWork
from tests.mirror_checks import count
from tests.world import World


def test_the_cost_of_reading_everything_is_by_what_is_here(world: World) -> None:
    cost = world.services.reports.health.cost_of_reading
    assert cost() == 7, "one page of each list"
    seed_sessions(world.stripe, 130, now=world.clock())
    world.services.sync.run()
    sessions, customers = count(world, "checkout_sessions"), count(world, "customers")
    with UnitOfWork(world.settings.database).write() as stores:
        (gone,) = stores.mirror.some_living_customers(1)
        stores.mirror.mark_customer_deleted(gone, synced_at_ms=epoch_ms(world.clock()))
    customers -= 1
    intents = count(world, "setup_intents")
    assert sessions == 130
    assert customers > 0
    pages = sum(1 + rows // 100 for rows in (sessions, customers, intents))
    assert cost() == pages + 4 + customers
