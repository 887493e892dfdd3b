"""What is kept too long is removed, as a dry run said before, and never what money rests on."""

from __future__ import annotations

from typing import Any

import pytest

from lib.errors import InvalidInput, NotPermitted
from tests.beginnings import made_once
from tests.stripe_account import delete
from tests.world import ADA, ALICE, BOB, VERA, World


def entries(world: World, action: str) -> list[dict[str, Any]]:
    """What the audit log says of it, oldest first."""
    with world.services.uow.read() as stores:
        return stores.audit.of_action(action)


@pytest.fixture
@made_once
def old(world: World) -> str:
    """A person of a year ago, deleted at Stripe, and a link and a note from then."""
    customer = world.customer("Zacharias Quimby", "zacharias@quimby.example")
    world.save_card(customer)
    world.charge(customer, reference="INV-1")
    world.services.stories.note(customer, "Pays late", by=BOB)
    link = world.services.links.create(form_key="l", email="lead@example.com", by=ALICE)
    world.services.links.expire(link.link.id, by=ALICE)
    delete(world, f"/v1/customers/{customer}")
    world.services.sync.run(full=True)
    world.clock.advance(days=365)
    return customer


def set_all(world: World, days: str) -> None:
    for kind in ("links", "notes", "deleted_customers"):
        world.services.retention.set(kind, days, by=ADA)


def test_nothing_is_removed_unless_somebody_said_so(world: World, old: str) -> None:
    assert world.services.retention.look(by=ADA) == {}
    world.worker.do_anchor()
    assert world.rows("SELECT email FROM customers WHERE id = ?", old)[0]["email"]
    assert not entries(world, "retention.apply")


def test_a_dry_run_says_what_goes_and_changes_nothing(world: World, old: str) -> None:
    set_all(world, "90")
    before = world.rows("SELECT * FROM setup_links")
    told = world.services.retention.look(by=ADA)
    assert told == {"deleted_customers": 1, "links": len(before), "notes": 1}
    assert list(map(tuple, world.rows("SELECT * FROM setup_links"))) == list(map(tuple, before))
    assert entries(world, "retention.look")
    assert world.services.retention.apply(by=ADA) == told
    assert world.services.retention.look(by=ADA) == dict.fromkeys(told, 0)


def test_the_worker_does_it_once_a_day_and_money_stays(world: World, old: str) -> None:
    set_all(world, "90")
    charges = list(map(tuple, world.rows("SELECT * FROM charges")))
    world.worker.do_anchor()
    assert "quimby" not in str([tuple(row) for row in world.rows("SELECT * FROM customers")])
    assert list(map(tuple, world.rows("SELECT * FROM charges"))) == charges
    assert len(entries(world, "retention.apply")) == 1
    world.worker.do_anchor()
    world.clock.advance(days=1)
    world.worker.do_anchor()
    assert len(entries(world, "retention.apply")) == 1, "nothing was found, so nothing is told"


def test_younger_things_stay(world: World, old: str) -> None:
    set_all(world, "400")
    assert set(world.services.retention.apply(by=ADA).values()) == {0}


def test_rules_are_an_admins_and_on_record(world: World) -> None:
    for by in (ALICE, BOB, VERA):
        with pytest.raises(NotPermitted):
            world.services.retention.set("notes", "90", by=by)
    for days in ("29", "x", "-1", "1e3", "99999999999999"):
        with pytest.raises(InvalidInput):
            world.services.retention.set("notes", days, by=ADA)
    with pytest.raises(InvalidInput):
        world.services.retention.set("charges", "90", by=ADA)
    world.services.retention.set("notes", "90", by=ADA)
    world.services.retention.set("notes", "none", by=ADA)
    assert [one["detail"] for one in entries(world, "retention.set")] == [
        {"from": None, "to": 90},
        {"from": 90, "to": None},
    ]
    assert world.services.retention.rules() == {}
