"""From a file to a draft, over everything in between: columns, the mirror, and what is remembered."""

from __future__ import annotations

import pytest

from lib.errors import InvalidInput
from tests.beginnings import made_once
from tests.charge_runs import rows_of
from tests.world import ALICE, World

UNUSUAL = "Zahlender;Netto-Wert;Geldart;Vorgang;Bemerkung zur Akte"
COLUMNS = {"customer": 0, "amount": 1, "currency": 2, "reference": 3}


@pytest.fixture
@made_once
def payer(world: World) -> str:
    customer = world.customer(email="payer@example.com")
    world.save_card(customer)
    world.services.sync.run(full=True)
    return customer


def file(payer: str, reference: str) -> bytes:
    return f"{UNUSUAL};note\n{payer};12.34;usd;{reference};x;\n".encode()


class TestColumnsAreRemembered:
    def test_chosen_once_and_guessed_the_next_time(self, world: World, payer: str) -> None:
        files = world.services.runs.files
        first = files.open(file(payer, "INV-1"), "november.csv")
        assert first.guess.missing, "nobody could know"
        with pytest.raises(InvalidInput, match="no column for"):
            files.create_run(first, name="November", by=ALICE)
        files.create_run(first, name="November", by=ALICE, columns=COLUMNS)
        world.rebuild()
        files = world.services.runs.files
        second = files.open(file(payer, "INV-2"), "december.csv")
        assert (dict(second.guess), second.guess.missing) == (COLUMNS, ())
        (row,) = rows_of(world, files.create_run(second, name="December", by=ALICE).id)
        assert (row.customer, row.amount, row.reference, row.findings) == (
            payer,
            1_234,
            "INV-2",
            (),
        )

    def test_in_another_order_too(self, world: World, payer: str) -> None:
        files = world.services.runs.files
        files.create_run(
            files.open(file(payer, "INV-1"), "a.csv"), name="A", by=ALICE, columns=COLUMNS
        )
        turned = files.open(
            f"Vorgang;Geldart;Netto-Wert;Zahlender\nINV-2;usd;1.00;{payer}\n".encode(), "b.csv"
        )
        assert dict(turned.guess) == {"reference": 0, "currency": 1, "amount": 2, "customer": 3}

    def test_looking_at_a_file_remembers_nothing(self, world: World, payer: str) -> None:
        files = world.services.runs.files
        upload = files.open(file(payer, "INV-1"), "november.csv")
        assert upload.parsed(COLUMNS).valid == 1
        assert files.open(file(payer, "INV-1"), "november.csv").guess.missing


@pytest.mark.parametrize(("days", "found"), [(1, ["similar_charge"]), (8, [])])
def test_a_similar_charge_made_in_the_dashboard_is_found(
    world: World, payer: str, days: int, found: list[str]
) -> None:
    """Nothing of ours in its metadata; the mirror is brought up to date before rows are judged."""
    method = world.services.payment_methods.refresh_newest(payer)[0].id
    world.services.gateway.create_payment_intent(
        {
            "amount": 1_234,
            "currency": "usd",
            "customer": payer,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "allowed_payment_method_types": ["card"],
        },
        idempotency_key="dashboard",
    )
    world.clock.advance(days=days)
    files = world.services.runs.files
    upload = files.open(file(payer, "INV-1"), "november.csv")
    (row,) = rows_of(world, files.create_run(upload, name="N", by=ALICE, columns=COLUMNS).id)
    assert [finding.code for finding in row.findings] == found
    assert all("outside Onfile" in finding.message for finding in row.findings)
