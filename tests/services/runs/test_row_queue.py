"""The sum of today that is asked for before each row: counted along, and counted anew where that may be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.services.runs.row_queue import ChargedToday
from lib.settings import load_settings
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from tests.databases import migrated

NOW = 1_800_000_000


@pytest.fixture
def uow(tmp_path: Path) -> UnitOfWork:
    settings = load_settings(tmp_path, {})
    migrated(settings)
    return UnitOfWork(settings.database)


def asked_for(stores: Stores, name: str, amount: int) -> None:
    stores.database.execute(
        """INSERT INTO charges (id, livemode, customer, payment_method, amount, currency, reference,
               reference_key, state, created_by, created_at, updated_at)
           VALUES (?, 0, ?, 'pm', ?, 'eur', 'R', 'r', 'attempting', 'alice', ?, ?)""",
        (name, name, amount, NOW, NOW),
    )
    stores.charges.add_attempt(
        name,
        number=1,
        idempotency_key=name,
        params={},
        by="alice",
        at=NOW,
        next_look_at=NOW,
        sent_after=None,
    )


def test_each_try_counts_once(uow: UnitOfWork) -> None:
    today = ChargedToday()
    for number in range(3):
        with uow.write() as stores:
            asked_for(stores, f"chg_{number}", 100)
            assert today.at_most(stores, NOW) == {"eur": 100 * (number + 1)}
            assert today.at_most(stores, NOW) == {"eur": 100 * (number + 1)}


def test_a_try_in_the_place_of_one_that_was_rolled_back_counts(uow: UnitOfWork) -> None:
    today = ChargedToday()
    with uow.write() as stores:
        asked_for(stores, "chg_0", 100)
        assert today.at_most(stores, NOW) == {"eur": 100}
    with uow.write() as stores:
        asked_for(stores, "chg_lost", 1)
        assert today.at_most(stores, NOW) == {"eur": 101}
        stores.database.execute("ROLLBACK")
        stores.database.execute("BEGIN")
    with uow.write() as stores:
        asked_for(stores, "chg_1", 5_000)
        assert today.at_most(stores, NOW) == {"eur": 5_100}


def test_what_was_declined_since_is_taken_off_after_a_while(uow: UnitOfWork) -> None:
    today = ChargedToday()
    with uow.write() as stores:
        asked_for(stores, "chg_0", 100)
        assert today.at_most(stores, NOW) == {"eur": 100}
        stores.database.execute("UPDATE attempts SET outcome = 'declined', outcome_at = 1")
        stores.database.execute("UPDATE charges SET state = 'declined'")
        assert today.at_most(stores, NOW) == {"eur": 100}
        assert today.at_most(stores, NOW + 5) == {}
