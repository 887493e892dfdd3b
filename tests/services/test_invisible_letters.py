"""What is pasted with a letter that nobody sees is read without it; what cannot be is named."""

from __future__ import annotations

import pytest

from lib.domain.correction_fields import Field
from lib.errors import InvalidInput, NotFound
from lib.services.incidents.payments import checked_reason
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import draft, invoices, payers, rows_of, submitted
from tests.spreadsheets.case_files import csv_of
from tests.world import ADA, ALICE, BOB, World

JOINER, OVERRIDE = "\u2060", "\u202e"


def named(world: World, name: str) -> str:
    upload = world.services.runs.files.open(csv_of([("cus_1", "1.00", "eur", "R")]), "f.csv")
    return world.services.runs.files.create_run(upload, name=name, by=ALICE).name


def test_the_name_of_a_run(world: World) -> None:
    assert named(world, f"May{JOINER}  2026") == "May 2026"
    with pytest.raises(InvalidInput, match=r"U\+202E \(right-to-left override\)"):
        named(world, f"May{OVERRIDE}")


def test_a_person(world: World) -> None:
    person = {"roles": ("viewer",), "password": "correct horse", "by": ADA}
    world.services.users.add_practice_users()
    added = world.services.users.add(
        "zoe", name=f"Zoe{JOINER} Z", email=f"z{JOINER}@firma.example", **person
    )
    assert (added.name, added.email) == ("Zoe Z", "z@firma.example")
    with pytest.raises(InvalidInput, match=r"U\+202E"):
        world.services.users.add("yan", name=f"Yan{OVERRIDE}", email="y@firma.example", **person)


def test_what_a_row_is_corrected_to(world: World) -> None:
    ((customer, method),) = payers(world, 1)
    run_id = draft(world, [("cus_9", method, 1_000, "INV-1")])
    correct = world.services.runs.corrections.correct
    correct(
        run_id,
        [2],
        {Field.CUSTOMER: customer + JOINER, Field.AMOUNT: f"12.00{JOINER}"},
        reason=f"ty{JOINER}po",
        by=ALICE,
    )
    (row,) = rows_of(world, run_id)
    assert (row.customer, row.amount) == (customer, 1_200)
    assert any(finding.message.endswith(": typo") for finding in row.findings)
    with pytest.raises(InvalidInput, match=r"U\+202E"):
        correct(run_id, [2], {Field.AMOUNT: "13.00"}, reason=f"typo{OVERRIDE}", by=ALICE)


def test_a_single_charge(world: World) -> None:
    ((customer, method),) = payers(world, 1)
    made = world.charge(customer + JOINER, method=method + JOINER)
    assert (made.charge.customer, made.charge.reference) == (customer, "INV-1")


def test_an_id_keeps_the_unicode_form_that_the_account_gave_it(world: World) -> None:
    world.stripe.adopt_customer("Mu\u0308ller", {"name": "Kunde", "email": "k@firma.example"})
    world.services.customers.refresh("Mu\u0308ller")
    method = world.save_card("Mu\u0308ller")
    run_id = draft(world, [("cus_9", method, 1_000, "INV-1")])
    world.services.runs.corrections.correct(
        run_id, [2], {Field.CUSTOMER: f"Mu\u0308ller{JOINER}"}, reason="known", by=ALICE
    )
    assert rows_of(world, run_id)[0].customer == "Mu\u0308ller"
    assert world.charge(f"Mu\u0308ller{JOINER}").charge.customer == "Mu\u0308ller"


def test_a_reason_of_nothing_that_is_seen_is_none(world: World) -> None:
    run = submitted(world, invoices(payers(world, 1)))
    with pytest.raises(InvalidInput, match="Say why"):
        world.services.runs.approvals.reject(
            run.id, digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD, reason=JOINER
        )
    with pytest.raises(InvalidInput, match="Say why"):
        checked_reason(f" {JOINER}")
    assert checked_reason(f"known{JOINER} twin ") == "known twin"


@pytest.mark.parametrize(
    ("username", "letter"),
    [
        (f"zo{OVERRIDE}e", r"U\+202E"),
        ("zo\u0435", r"U\+0435 \(cyrillic small letter ie\)"),
        ("Zoe", r"U\+005A"),
        ("zo e", r"U\+0020"),
    ],
)
def test_a_user_name_that_is_refused_names_the_letter(
    world: World, username: str, letter: str
) -> None:
    with pytest.raises(InvalidInput, match=letter):
        world.services.users.add(
            username,
            name="Zoe",
            email="z@firma.example",
            roles=("viewer",),
            password="correct horse",
            by=ADA,
        )


def test_a_user_name_and_an_address_that_are_pasted(world: World) -> None:
    person = {"name": "Zoe", "roles": ("viewer",), "password": "correct horse", "by": ADA}
    with pytest.raises(InvalidInput, match=r"address holds U\+202E"):
        world.services.users.add("zoe", email=f"z{OVERRIDE}@firma.example", **person)
    added = world.services.users.add(f"{JOINER}zoe", email="z@firma.example", **person)
    assert added.username == "zoe"


def test_reasons_and_notes(world: World) -> None:
    run = submitted(world, invoices(payers(world, 1)))
    with pytest.raises(InvalidInput, match=r"reason holds U\+202E"):
        world.services.runs.approvals.reject(
            run.id,
            digest=run.digest or "",
            by=BOB,
            password=PRACTICE_PASSWORD,
            reason=f"no{OVERRIDE}",
        )
    with pytest.raises(InvalidInput, match=r"reason holds U\+202E"):
        checked_reason(f"no{OVERRIDE}")
    assert checked_reason(f"one{JOINER}\ntwo") == "one\ntwo"


@pytest.mark.parametrize("column", ["currency", "payment_method", "statement_descriptor_suffix"])
def test_a_code_in_a_file(world: World, column: str) -> None:
    cells = {"customer": "cus_1", "amount": "1.00", "currency": "eur", "reference": "R"}
    cells[column] = f"eur{OVERRIDE}"
    file = csv_of([tuple(cells.values())], header=tuple(cells))
    run = world.services.runs.files.create_run(
        world.services.runs.files.open(file, "f.csv"), name="f", by=ALICE
    )
    (row,) = rows_of(world, run.id)
    (finding,) = [one for one in row.findings if one.column == column]
    assert "U+202E (right-to-left override)" in finding.message


def test_currencies_and_ids_of_stripes(world: World) -> None:
    services = world.services
    made = services.links.create(form_key="f", guest=True, currency=f"eur{JOINER}", by=ALICE)
    assert made.link.currency == "eur"
    with pytest.raises(InvalidInput, match=r"currency holds U\+202E"):
        services.links.create(form_key="g", guest=True, currency=f"eur{OVERRIDE}", by=ALICE)
    ((customer, method),) = payers(world, 1)
    with pytest.raises(InvalidInput, match=r"saved method holds U\+202E"):
        world.charge(customer, method=method + OVERRIDE)
    with pytest.raises(NotFound, match=r"U\+202E"):
        services.customers.get(f"cus_{OVERRIDE}1")
    file = csv_of([(customer, "1.00", "R")], header=("customer", "amount", "reference"))
    upload = services.runs.files.open(file, "f.csv")
    run = services.runs.files.create_run(
        upload, name="f", by=ALICE, default_currency=f"{JOINER}eur"
    )
    assert rows_of(world, run.id)[0].currency == "eur"


def test_what_is_searched_for(world: World) -> None:
    customer = world.customer("Osteria Bianca", "cassa@osteria.example")
    for letter in (JOINER, OVERRIDE, "\u00ad"):
        found = world.services.reports.customers.ids(search=f"oste{letter}ria{letter}", limit=5)
        assert found == [customer]
