"""One search: whatever a clerk has in hand leads to the customer, charge, link, run or refund it belongs to."""

from __future__ import annotations

import pytest

from lib.money import Money
from lib.reports.search import MOST
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import draft, invoices, payers
from tests.world import ALICE, BOB, World


def found(world: World, text: str) -> dict[str, list[str]]:
    """By kind: what is shown of each row."""
    return {
        group.kind: [str(row.get("reference") or row["name"]) for row in group.rows]
        for group in world.services.reports.search.find(text)
    }


@pytest.fixture
@made_once
def acme(world: World) -> str:
    """With a card ····4242, a link, and two charges in two currencies."""
    world.services.users.add_practice_users()
    customer = world.customer("Acmé Söhne")
    world.save_card(customer)
    world.clock.advance(days=1)
    world.charge(customer, reference="INV-0042", amount="1234.50", currency="eur")
    world.clock.advance(days=1)
    world.charge(customer, reference="INV-0043", amount="1234", currency="jpy")
    other = world.customer("Birkdal")
    world.save_card(other, "5555555555554444")
    world.charge(other, reference="BIRK-1", amount="99.00")
    return customer


@pytest.mark.parametrize(
    ("text", "charges"),
    [
        ("INV-0042", ["INV-0042"]),
        ("inv 42", ["INV-0042"]),
        ("nv-00", ["INV-0043", "INV-0042"]),
        ("acme sohne", ["INV-0043", "INV-0042"]),
        ("4242", ["INV-0043", "INV-0042"]),
        ("4444", ["BIRK-1"]),
        ("1234.50", ["INV-0042"]),
        ("€1,234.50", ["INV-0042"]),
        ("1.234,50", ["INV-0042"]),
        ("$1,234.50", []),
        ("1234", ["INV-0043"]),
        ("¥1,234", ["INV-0043"]),
        ("99", ["BIRK-1"]),
        ("12.34", []),
        ("Nobody", []),
    ],
)
def test_charges(world: World, acme: str, text: str, charges: list[str]) -> None:
    assert found(world, text).get("charge", []) == charges


def test_every_kind_newest_first(world: World, acme: str) -> None:
    assert found(world, "acme") == {
        "customer": ["Acmé Söhne"],
        "charge": ["INV-0043", "INV-0042"],
        "link": ["Acmé Söhne"],
        "payment_method": ["Acmé Söhne"],
    }


def test_a_refund_by_what_it_is_of_and_its_sum(world: World, acme: str) -> None:
    [charge] = world.rows("SELECT id FROM charges WHERE reference = 'INV-0042'")
    order = world.services.refunds.request(
        charge["id"],
        money=Money(3_33, "eur"),
        reason="requested_by_customer",
        note="too much",
        by=ALICE,
    )
    for text in ("INV-0042", "söhne", "3.33", order.id):
        assert found(world, text)["refund"] == ["INV-0042"], text
    done = world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    assert done.refund
    assert found(world, done.refund)["refund"] == ["INV-0042"]
    assert "refund" not in found(world, "INV-0043")


def test_ids_at_stripe_lead_to_the_charge(world: World, acme: str) -> None:
    world.services.sync.run()
    [attempt] = world.rows("SELECT payment_intent AS id FROM attempts WHERE reference = 'INV-0042'")
    [charge] = world.rows("SELECT id FROM stripe_charges WHERE payment_intent = ?", attempt["id"])
    for stripe_id in (attempt["id"], charge["id"], attempt["id"][:-3]):
        assert found(world, stripe_id)["charge"] == ["INV-0042"], stripe_id
    assert found(world, "pi_noSuchPayment00000") == {}


def test_own_ids(world: World, acme: str) -> None:
    for kind, table in (("link", "setup_links"), ("session", "checkout_sessions")):
        [first, *_] = world.rows(f"SELECT id FROM {table} WHERE customer = ?", acme)
        assert found(world, first["id"])[kind] == ["Acmé Söhne"]
    assert found(world, acme)["customer"] == ["Acmé Söhne"]
    [method] = world.rows("SELECT id FROM payment_methods WHERE customer = ?", acme)
    assert found(world, method["id"])["payment_method"] == ["Acmé Söhne"]


def test_runs_by_name(world: World) -> None:
    run_id = draft(world, invoices(payers(world, 2)))
    world.change("UPDATE runs SET name = 'Café, wöchentlich' WHERE id = :id", id=run_id)
    world.services.search_index.index_all()
    for text in ("cafe", "WOCHE", run_id):
        assert found(world, text)["run"] == ["Café, wöchentlich"], text


def test_a_new_name_of_the_customer_is_found_at_its_charges(world: World, acme: str) -> None:
    world.change("UPDATE customers SET name = 'Zephyr' WHERE id = :id", id=acme)
    world.services.search_index.index_all()
    assert found(world, "zephyr")["charge"] == ["INV-0043", "INV-0042"]
    assert "charge" not in found(world, "acmé")


def test_more_than_are_shown_are_said(world: World) -> None:
    customer = world.customer("Many")
    world.save_card(customer)
    for number in range(MOST + 2):
        world.charge(customer, reference=f"M-{number}", amount="7.77")
    for text in ("many", "7.77", ""):
        [group] = [one for one in world.services.reports.search.find(text) if one.kind == "charge"]
        assert ([row["reference"] for row in group.rows], group.has_more) == (
            ["M-6", "M-5", "M-4", "M-3", "M-2"],
            True,
        ), text


def test_nothing_typed_shows_what_is_newest(world: World, acme: str) -> None:
    newest = found(world, " \0 ")
    assert newest["charge"] == ["BIRK-1", "INV-0043", "INV-0042"]
    assert set(newest) == {"charge", "link"}


def test_says_of_each_kind_who_must_not_be_charged(world: World, acme: str) -> None:
    world.services.holds.set(acme, reason="In court", by=ALICE)

    def held(text: str) -> set[tuple[str, bool]]:
        groups = world.services.reports.search.find(text)
        return {(group.kind, row["do_not_charge"]) for group in groups for row in group.rows}

    assert held("acme") == {
        ("customer", True),
        ("charge", True),
        ("link", True),
        ("payment_method", True),
    }
    assert held("birkdal") == {
        ("customer", False),
        ("charge", False),
        ("link", False),
        ("payment_method", False),
    }
