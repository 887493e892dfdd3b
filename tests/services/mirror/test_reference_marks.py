"""What a payment was for is mirrored from its metadata, whoever made it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.mirror_checks import paid_elsewhere
from tests.world import ALICE, World


def _marks(world: World) -> list[tuple[str | None, ...]]:
    with closing(sqlite3.connect(world.settings.database)) as database:
        return database.execute(
            """SELECT reference, reference_key, charge_id, installation FROM payment_intents
               ORDER BY created, amount"""
        ).fetchall()


def test_of_a_charge_of_ours_and_of_one_by_hand(world: World) -> None:
    customer = world.customer()
    card = world.save_card(customer)
    made = world.charge(customer, reference="Rechnung Nº 0042", amount="10.00")
    marks = {"onfile_reference": "RECHNUNG-42", "onfile_installation": "inst_of_another"}
    paid_elsewhere(world, customer, card, amount="2000", metadata=marks)
    paid_elsewhere(world, customer, card, amount="3000")
    world.services.sync.run(full=True)
    assert _marks(world) == [
        ("Rechnung Nº 0042", "rechnungno42", made.charge.id, world.installation),
        ("RECHNUNG-42", "rechnung42", None, "inst_of_another"),
        (None, None, None, None),
    ]
    verifications = world.services.sync.verify_now(by=ALICE, full=True)
    assert not [verification.findings for verification in verifications if verification.findings]
