"""Customers that are the same to a person stand beside each other wherever one is chosen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lib.domain.corrections import Field
from lib.domain.twins import HAS_TWIN
from lib.errors import NotAdmitted
from lib.services.collect.customers import DuplicateCustomer
from tests.charge_runs import rows_of
from tests.commands import Run, commands_of
from tests.spreadsheets.case_files import csv_of
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
def twins(world: World) -> tuple[str, str]:
    """One that paid, and one that was made anew in another writing."""
    one = world.customer("Anna Amber", "büro@firma-test.example")
    world.save_card(one)
    world.charge(one, reference="INV-7", amount="12.00")
    world.services.sync.run(full=True)
    return one, world.customer("Anna Blue", "BU\u0308RO@Firma-Test.example")


def test_a_single_charge_waits_until_one_is_chosen(world: World, twins: tuple[str, str]) -> None:
    one, other = twins
    world.save_card(other, "5555555555554444")
    order = world.order(other, reference="INV-8", amount="7.00")
    review = world.services.charges.review(order, by=ALICE)
    [finding] = review.stopped
    assert (finding.code, review.warnings) == (HAS_TWIN, ())
    for told in (one, "Anna Amber", "Visa", "last paid $12.00 on 23 Nov 2026 for INV-7", other):
        assert told in finding.message
    with pytest.raises(NotAdmitted):
        world.services.charges.charge(order, by=ALICE)
    chosen = replace(order, despite={HAS_TWIN: "She called from the other office."})
    assert world.services.charges.charge(chosen, by=ALICE).charge.customer == other
    assert world.moved() == [(1_200, "usd"), (700, "usd")]
    [entry] = [
        json.loads(row["detail"])
        for row in world.rows("SELECT detail FROM audit_log WHERE action = 'charge.despite'")
    ]
    assert (entry["code"], entry["note"]) == (HAS_TWIN, "She called from the other office.")


def test_whoever_was_chosen_once_is_not_asked_for_again(
    world: World, twins: tuple[str, str]
) -> None:
    world.save_card(twins[1], ALWAYS_DECLINES)
    order = replace(world.order(twins[1], reference="INV-8"), despite={HAS_TWIN: "By the card."})
    world.services.charges.charge(order, by=ALICE)
    world.save_card(twins[1])
    again = world.services.charges.review(replace(order, despite={}), by=ALICE)
    assert again.stopped == ()
    assert any("2 customers have the address" in one for one in again.warnings)


def test_a_row_that_names_one_by_its_id_is_amber_until_one_is_chosen(
    world: World, twins: tuple[str, str]
) -> None:
    one, other = twins
    world.save_card(other)
    rows = [(one, "8.00", "usd", "INV-8"), (other, "9.00", "usd", "INV-9")]
    upload = world.services.runs.files.open(csv_of(rows), "file.csv")
    run = world.services.runs.files.create_run(upload, name="Case", by=ALICE)
    found = rows_of(world, run.id)
    assert [[one.code for one in row.findings] for row in found] == [[HAS_TWIN]] * 2
    assert [row.state for row in found] == ["planned"] * 2
    choices = world.services.runs.draft_views.choices(run.id, 2)
    assert {twin.customer.id for twin in choices.customers} == {one, other}
    correct = world.services.runs.corrections.correct
    correct(run.id, [2], {Field.CUSTOMER: other}, reason="The one with a card.", by=ALICE)
    assert [one.code for one in rows_of(world, run.id)[0].findings] == ["corrected"]


def test_a_link_for_one_by_its_id_waits_until_one_is_chosen(
    world: World, twins: tuple[str, str]
) -> None:
    create = world.services.links.create
    with pytest.raises(NotAdmitted) as refused:
        create(form_key="form", customer=twins[0], by=ALICE)
    for told in (*twins, "Anna Amber", "Visa", "No link was made."):
        assert told in str(refused.value)
    made = create(form_key="form", customer=twins[0], by=ALICE, despite={HAS_TWIN: "By her card."})
    assert made.link.customer == twins[0]
    [row] = world.rows(
        "SELECT detail FROM audit_log WHERE action = 'link.create' AND subject = ?", made.link.id
    )
    assert json.loads(row["detail"])["despite"] == {HAS_TWIN: "By her card."}


class TestOnTheCommandLine:
    def test_an_address_of_two_is_ambiguous(
        self, world: World, run: Run, twins: tuple[str, str]
    ) -> None:
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        for command in (
            ("charge", "--customer", "büro@firma-test.example", *charge),
            ("links", "create", "--customer", "BÜRO@firma-test.example"),
        ):
            said = run(*command, "--as", "ada", "--json")
            assert (said.status, said.error["code"]) == (1, "customer_ambiguous")
            for told in (*twins, "Visa", "last paid $12.00"):
                assert told in said.error["message"]
        assert world.moved() == [(1_200, "usd")]

    def test_an_id_needs_a_word_on_which_is_meant(
        self, world: World, run: Run, twins: tuple[str, str]
    ) -> None:
        world.save_card(twins[1])
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        for command in (
            ("charge", "--customer", twins[1], *charge),
            ("links", "create", "--customer", twins[1]),
        ):
            said = run(*command, "--as", "ada", "--json")
            assert (said.status, said.error["code"]) == (1, HAS_TWIN)
            [finding] = said.error["findings"]
            assert (finding["code"], finding["may_be_opened"]) == (HAS_TWIN, True)
            assert twins[0] in finding["message"]
            opened = run(
                *command, "--despite", HAS_TWIN, "--note", "By the card.", "--as", "ada", "--json"
            )
            assert opened.status == 0, opened.err
            assert opened.json["customer"] == twins[1]

    def test_an_address_of_one_is_theirs(self, world: World, run: Run) -> None:
        customer = world.customer("Bob", "bob@firma.example")
        world.save_card(customer)
        said = run(
            *("charge", "--customer", "BOB@firma.example", "--amount", "7.00", "--currency", "usd"),
            *("--reference", "INV-8", "--as", "ada", "--json"),
        )
        assert (said.status, said.json["customer"]) == (0, customer)


def test_a_customer_alone_is_not_doubted(world: World) -> None:
    customer = world.customer("Bob", "bob@firma.example")
    world.save_card(customer)
    review = world.services.charges.review(world.order(customer), by=ALICE)
    assert [warning for warning in review.warnings if "address" in warning] == []


def test_a_link_for_an_address_of_two_is_asked(world: World, twins: tuple[str, str]) -> None:
    with pytest.raises(DuplicateCustomer) as asked:
        world.services.links.create(
            form_key="form", email="büro\u2060@firma-test.example", by=ALICE
        )
    assert [twin.customer.id for twin in asked.value.twins] == [twins[1], twins[0]]
    assert "Visa" in str(asked.value)
    assert "no saved method, never paid" in str(asked.value)


def test_what_tells_them_apart_in_a_list(world: World, twins: tuple[str, str]) -> None:
    details = world.services.customers.details(twins)
    assert details[twins[0]].endswith("last paid $12.00 on 23 Nov 2026 for INV-7")
    assert details[twins[1]] == "no saved method, never paid"


def test_an_existing_address_that_no_validator_likes_gets_its_link(world: World) -> None:
    """Older Japanese mailboxes have two dots in a row."""
    odd = "anna..k@mobile.example"
    world.stripe.adopt_customer("cus_odd", {"email": odd})
    made = world.services.links.create(form_key="form", email=odd, by=ALICE)
    assert made.link.customer == "cus_odd"
