"""Addresses and ids in a file mean the customer that a person means, from the file to the money."""

from __future__ import annotations

import unicodedata

import pytest

from lib.domain.correction_fields import Field
from lib.domain.runs import Run, RunRow, RunState
from lib.errors import InvalidInput, RuleViolation
from tests.charge_runs import approve, rows_of
from tests.spreadsheets.case_files import csv_of
from tests.world import ALICE, World


@pytest.fixture(autouse=True)
def _staff(world: World) -> None:
    world.services.users.add_practice_users()


def payer(world: World, email: str, name: str = "Kunde") -> str:
    customer = world.customer(name, email=email)
    world.save_card(customer)
    return customer


def imported(world: World, *customers: str, reference: str = "UM") -> Run:
    world.services.sync.run(full=True)
    rows = [(one, "12.00", "eur", f"{reference}-{at}") for at, one in enumerate(customers)]
    upload = world.services.runs.files.open(csv_of(rows), "file.csv")
    return world.services.runs.files.create_run(upload, name="Case", by=ALICE)


def charged(world: World, *customers: str, reference: str = "UM") -> list[RunRow]:
    run = imported(world, *customers, reference=reference)
    approve(world, world.services.runs.approvals.submit(run.id, by=ALICE))
    world.services.runs.control.start(run.id, by=ALICE)
    assert world.services.runs.executor.execute(run.id)
    assert world.services.runs.control.find(run.id).state is RunState.FINISHED
    return rows_of(world, run.id)


WRITINGS = [
    ("büro@firma-test.example", "BÜRO@firma-test.example"),
    ("BÜRO@firma-test.example", "bu\u0308ro@Firma-Test.example"),
    ("cassa@osteria-esempio.example", "cassa\u2060@osteria-esempio.example"),
    ("cassa@osteria-esempio.example", "\u200bcassa@osteria\u00ad-esempio.example\u00a0"),
    ("info@bücher.example", "Info@xn--bcher-kva.example"),
    ("info@xn--bcher-kva.example", "info@BÜCHER.example"),
]


@pytest.mark.parametrize(("at_stripe", "in_file"), WRITINGS)
def test_one_address_however_written(world: World, at_stripe: str, in_file: str) -> None:
    customer = payer(world, at_stripe)
    (row,) = charged(world, in_file)
    assert (row.customer, row.state) == (customer, "sent")
    assert world.moved() == [(1_200, "eur")]


@pytest.mark.parametrize(("at_stripe", "in_file"), WRITINGS)
def test_twins_are_ambiguous_and_named_with_their_cards(
    world: World, at_stripe: str, in_file: str
) -> None:
    one = payer(world, at_stripe, "Anna Amber")
    other = payer(world, unicodedata.normalize("NFC", in_file.strip()), "Anna Blue")
    run = imported(world, in_file)
    (row,) = rows_of(world, run.id)
    (finding,) = row.findings
    assert (row.state, row.customer, finding.code) == ("blocked", None, "customer_ambiguous")
    for told in (one, other, "Anna Amber", "Anna Blue", "Visa"):
        assert told in finding.message
    assert world.moved() == []


@pytest.mark.parametrize("id_", ["4711?x=1", "K 17/b", "Müller", "anna@firma.example"])
def test_an_id_of_the_accounts_own_making(world: World, id_: str) -> None:
    world.stripe.adopt_customer(id_, {"name": "Kunde", "email": "k@firma.example"})
    world.services.customers.refresh(id_)
    world.save_card(id_)
    (row,) = charged(world, f"{id_}\u2060")
    assert (row.customer, row.state) == (id_, "sent")
    assert world.moved() == [(1_200, "eur")]


def test_an_id_that_is_anothers_address_is_asked(world: World) -> None:
    world.stripe.adopt_customer("anna@firma.example", {"email": "old@firma.example"})
    other = payer(world, "Anna@Firma.example")
    (row,) = rows_of(world, imported(world, "anna@firma.example").id)
    assert [finding.code for finding in row.findings] == ["customer_ambiguous"]
    assert other in row.findings[0].message


def test_a_twin_that_paid_the_reference_blocks_it(world: World) -> None:
    first = payer(world, "büro@firma-test.example")
    charged(world, first, reference="R")
    second = payer(world, "BÜRO@firma-test.example")
    (row,) = rows_of(world, imported(world, second, reference="R").id)
    assert "charged_elsewhere" in [finding.code for finding in row.findings]
    assert world.moved() == [(1_200, "eur")]


NFC, NFD = (
    "M\u00fcller-\u0141\u00f3d\u017a",
    unicodedata.normalize("NFD", "M\u00fcller-\u0141\u00f3d\u017a"),
)
LOOK_ALIKE = [
    (NFD, NFC),
    (NFC, NFD),
    (NFD, NFD),
    ("4711\u200b", "4711"),
    ("4711\u2060", "4711\u200b"),
]


def own_id(world: World, id_: str, name: str = "Kunde") -> str:
    world.stripe.adopt_customer(id_, {"name": name, "email": f"{name}@firma.example"})
    world.services.customers.refresh(id_)
    world.save_card(id_)
    return id_


@pytest.mark.parametrize(("at_stripe", "in_file"), LOOK_ALIKE)
def test_an_id_is_found_in_whichever_unicode_form(
    world: World, at_stripe: str, in_file: str
) -> None:
    own_id(world, at_stripe)
    (row,) = charged(world, in_file)
    assert (row.customer, row.state) == (at_stripe, "sent")
    assert world.moved() == [(1_200, "eur")]
    assert world.services.customers.id_written(in_file) == at_stripe


@pytest.mark.parametrize("in_file", [NFC, NFD])
def test_a_decomposed_id_that_only_stripe_knows_yet(world: World, in_file: str) -> None:
    world.services.sync.run(full=True)
    world.stripe.adopt_customer(NFD, {"name": "Kunde"})
    assert world.services.customers.id_written(in_file) == NFD


@pytest.mark.parametrize(("one", "other"), [(NFC, NFD), ("4711", "4711\u200b")])
def test_ids_that_look_the_same_are_asked_until_one_is_chosen(
    world: World, one: str, other: str
) -> None:
    own_id(world, one, "Anna")
    own_id(world, other, "Berta")
    run = imported(world, one, other)
    for row in rows_of(world, run.id):
        assert [finding.code for finding in row.findings] == ["customer_ambiguous"]
        assert "Anna" in row.findings[0].message
        assert "Berta" in row.findings[0].message
        choices = world.services.runs.draft_views.choices(run.id, row.number)
        assert {twin.customer.id for twin in choices.customers} == {one, other}
    for typed in (one, other):
        with pytest.raises(RuleViolation, match="look like") as refused:
            world.services.customers.id_written(typed)
        assert refused.value.code == "customer_ambiguous"
    corrections = world.services.runs.corrections
    if one.isascii():
        with pytest.raises(InvalidInput, match=r"U\+200B"):
            corrections.correct(run.id, [2], {Field.CUSTOMER: other}, reason="x", by=ALICE)
        assert world.charge(other).charge.customer == other
        return
    for number, id_ in ((2, other), (3, one)):
        corrections.correct(run.id, [number], {Field.CUSTOMER: id_}, reason="by card", by=ALICE)
    assert [(row.customer, row.state) for row in rows_of(world, run.id)] == [
        (other, "planned"),
        (one, "planned"),
    ]
    corrections.undo(run.id, [2, 3], reason="not sure", by=ALICE)
    assert {row.state for row in rows_of(world, run.id)} == {"blocked"}


def test_an_id_in_another_form_is_found_by_search(world: World) -> None:
    own_id(world, NFD)
    charged(world, NFC)
    (run_id,) = world.services.reports.runs.page().frame["id"]
    reports = world.services.reports
    for typed in (NFC, NFD):
        assert len(reports.charges.page(search=typed).frame) == 1
        assert len(reports.runs.rows(run_id, search=typed)[0]) == 1
        assert len(reports.customers.page(search=typed).frame) == 1
