"""What is pasted on the command line with a letter that nobody sees is read without it, or the letter is named."""

from __future__ import annotations

import pytest

from lib.cli.parser import parse
from tests.charge_runs import draft, invoices, payers, rows_of
from tests.commands import Run, commands_of
from tests.test_cli_doors import TABLE
from tests.test_cli_runs import as_alice
from tests.world import World

JOINER, OVERRIDE = "\u2060", "\u202e"


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def pasted(text: str) -> str:
    """With a letter before, inside and behind, but for where an option begins."""
    return text if text.startswith("-") else f"{text[:1]}{JOINER}{text[1:]}{JOINER}"


@pytest.mark.parametrize("command", TABLE)
def test_every_argument_but_a_path(command: str) -> None:
    words = (*command.split(), *TABLE[command][1])
    plain, odd = vars(parse(words)), vars(parse([*map(pasted, words)]))
    for name, value in plain.items():
        if name not in ("file", "out", "destination"):
            assert odd[name] == value, name


def test_a_single_charge(run: Run, world: World) -> None:
    ((customer, method),) = payers(world, 1)
    order = {
        "--customer": customer,
        "--amount": "12.34",
        "--currency": "eur",
        "--payment-method": method,
        "--reference": "INV-1",
    }
    for option in order:
        words = [
            word
            for name, value in order.items()
            for word in (name, f"{value}{OVERRIDE}" if name == option else value)
        ]
        refused = as_alice(run, "charge", *words)
        assert refused.status == 1
        assert "U+202E (right-to-left override)" in refused.error["message"], option
    words = [word for pair in order.items() for word in (pair[0], pasted(pair[1]))]
    answer = as_alice(run, "charge", *words)
    assert (answer.status, answer.json["customer"], answer.json["reference"]) == (
        0,
        customer,
        "INV-1",
    )
    assert world.moved() == [(1234, "eur")]


def test_a_row_is_corrected(run: Run, world: World) -> None:
    ((customer, method),) = payers(world, 1)
    run_id = draft(world, [("cus_9", "pm_9", 1_000, "INV-1")])
    values = {
        "customer": customer,
        "payment_method": method,
        "reference": "INV-2",
        "currency": "eur",
        "amount": "12.00",
        "statement_descriptor_suffix": "MAY",
        "description": "Paper",
    }
    correct = ("runs", "correct", run_id, "--row", "2", "--reason", "typo", "--set")
    for field, value in values.items():
        refused = as_alice(run, *correct, f"{field}={value}{OVERRIDE}")
        assert refused.status == 1
        assert "U+202E" in refused.error["message"], field
    answer = as_alice(
        run, *correct, *(f"{field}={pasted(value)}" for field, value in values.items())
    )
    assert answer.status == 0
    (row,) = rows_of(world, run_id)
    assert (row.customer, row.payment_method, row.reference) == (customer, method, "INV-2")
    assert (row.currency, row.amount, row.suffix) == ("eur", 1_200, "MAY")


def test_ids_of_ours_and_of_customers(run: Run, world: World) -> None:
    people = payers(world, 1)
    run_id = draft(world, invoices(people))
    assert as_alice(run, "runs", "show", pasted(run_id)).json["run_id"] == run_id
    shown = as_alice(run, "customers", "show", pasted(people[0][0])).json
    assert shown["customer"] == people[0][0]
    for words in (
        ("runs", "show", f"{run_id}{OVERRIDE}"),
        ("customers", "show", f"cus_{OVERRIDE}1"),
    ):
        refused = as_alice(run, *words)
        assert (refused.status, "U+202E" in refused.error["message"]) == (1, True), words
