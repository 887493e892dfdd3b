"""Refunds and disputes in pages of their own: rows, sums, periods, files, and the charge behind each."""

from __future__ import annotations

import csv
import io

import pytest
import python_calamine

from lib.clock import epoch
from lib.money import Money
from lib.reports import charge_filter
from lib.reports.money_back import MoneyBackFilter
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.ui.charge_pages import choose, exported, ran, text
from tests.world import ALICE, BOB, World

INQUIRY, DISPUTED = "4000000000001976", "4000000000000259"


@pytest.fixture
@made_once
def refunded(world: World) -> str:
    customer = world.customer("Acme Ltd")
    world.save_card(customer)
    charge = world.charge(customer, amount="20.00", reference="INV-7", currency="eur").charge.id
    order = world.services.refunds.request(
        charge, money=Money(500, "eur"), reason="duplicate", note="Twice", by=ALICE
    )
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    return charge


def disputed(world: World, number: str, reference: str) -> str:
    customer = world.customer("Berta GmbH")
    world.save_card(customer, number)
    charge = world.charge(customer, amount="30.00", reference=reference).charge.id
    world.services.sync.run(full=True)
    return charge


def test_empty_says_why(open_page) -> None:
    assert "No refunds yet" in text(open_page("refunds", as_="vera"))
    assert "No disputes yet" in text(open_page("disputes", as_="vera"))


@pytest.mark.parametrize(
    "page",
    ["charges", "failures", "refunds", "disputes", "payment_methods", "sessions", "setup_links"],
)
def test_nothing_is_exported_of_an_empty_list(open_page, page: str) -> None:
    at = open_page(page, as_="alice")
    assert f"{page}_export" not in {one.key for one in at.get("menu_button")}


def test_a_refund_its_sum_and_its_file(open_page, world, services, refunded) -> None:
    at = open_page("refunds", as_="vera")
    row = at.dataframe[0].value.iloc[0]
    assert (row["name"], row["reference"], row["amount"]) == ("Acme Ltd", "INV-7", "€5.00")
    assert (row["state"], row["requested_by"]) == (["Refunded"], "Alice Operator")
    assert row["reason"] == "Charged twice", "in the words of the form that asks for it"
    assert "1 refund" in text(at)
    assert "€5.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}1]" in text(at)
    assert at.pills(key="refunds_state").options == ["Refunded · 1"]
    file = exported(at, services, "refunds_export", "csv")
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["Amount"], line["Currency"], line["State"]) == ("5.00", "EUR", "Refunded")
    assert (line["Asked for by"], line["Approved by"]) == ("Alice Operator", "Bob Approver")
    book = python_calamine.load_workbook(
        io.BytesIO(exported(at, services, "refunds_export", "xlsx").content)
    )
    assert book.get_sheet_by_name("Sums").to_python() == [
        ["Currency", "State", "Refunds", "Amount"],
        ["EUR", "Refunded", 1, 5.0],
    ]


def test_one_that_waits_is_listed_and_one_of_the_dashboard_too(open_page, world, refunded) -> None:
    world.services.refunds.request(
        refunded, money=Money(100, "eur"), reason="duplicate", note="More", by=ALICE
    )
    intent = world.services.refunds.refundable(refunded).payment_intent
    world.services.gateway.create_refund(
        {"payment_intent": intent, "amount": 200}, idempotency_key="elsewhere"
    )
    world.services.sync.run(full=True)
    at = open_page("refunds", as_="vera")
    assert sorted(at.dataframe[0].value["amount"]) == ["€1.00", "€2.00", "€5.00"]
    ran(at.pills(key="refunds_state").set_value("requested").run())
    assert list(at.dataframe[0].value["amount"]) == ["€1.00"]


def test_search_and_period_narrow_rows_and_sums(open_page, world, refunded) -> None:
    at = open_page("refunds", as_="vera", query={"refunds_period": "last_month"})
    assert "No refund matches" in text(at)
    at = open_page("refunds", as_="vera", query={"refunds_period": "this_month"})
    assert "1 refund, 1–30 Nov 2026 (UTC)" in text(at)
    ran(at.text_input(key="refunds_search").set_value("inv 7").run())
    assert len(at.dataframe[0].value) == 1
    ran(at.text_input(key="refunds_search").set_value("nobody").run())
    assert "No refund matches" in text(at)


@pytest.mark.parametrize("most", [(10_000, 100_000), (0, 100_000), (0, 0)])
def test_a_search_finds_the_same_however_many_charges_it_may_mean(
    world, refunded, monkeypatch, most
) -> None:
    disputed(world, DISPUTED, "INV-8")
    disputed(world, INQUIRY, "LNV-7")
    world.services.search_index.index_all()
    # One that the index does not have yet.
    disputed(world, INQUIRY, "INV-9")
    reports = world.services.reports
    (refund,) = reports.refunds.page(MoneyBackFilter()).frame["id"]
    monkeypatch.setattr(charge_filter, "MOST_COUNTED", most[0])
    monkeypatch.setattr(charge_filter, "MOST_OF_FEW", most[1])
    for words, refunds, disputes in (
        ("inv", ["INV-7"], ["INV-9", "INV-8"]),
        ("inv 7", ["INV-7"], []),
        ("berta gmbh", [], ["INV-9", "LNV-7", "INV-8"]),
        (refund[:9], ["INV-7"], []),
        ("nobody", [], []),
    ):
        for listed, wanted in ((reports.refunds, refunds), (reports.disputes, disputes)):
            which = MoneyBackFilter(words)
            assert sorted(listed.page(which).frame.get("reference", [])) == sorted(wanted), words
            assert sum(one.count for one in listed.sums(which)) == len(wanted), words
            late = MoneyBackFilter(words, since=epoch(world.clock()) + 60)
            assert listed.sums(late) == []
            assert listed.page(late).frame.empty


def test_a_row_opens_its_charge(open_page, world, refunded) -> None:
    at = choose(open_page("refunds", as_="vera"), "refunds_rows")
    assert at.query_params["charge"] == refunded
    assert "What happened" in [one.value for one in at.subheader]


def test_disputes_say_what_is_open_and_until_when(open_page, world, services) -> None:
    charge = disputed(world, DISPUTED, "INV-8")
    disputed(world, INQUIRY, "INV-9")
    at = open_page("disputes", as_="vera")
    states = [state for (state,) in at.dataframe[0].value["state"]]
    assert sorted(states) == ["Inquiry to answer", "To answer"]
    assert not at.dataframe[0].value["due_by"].isna().any()
    ran(at.pills(key="disputes_state").set_value("needs_response").run())
    assert list(at.dataframe[0].value["reference"]) == ["INV-8"]
    assert "$30.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}1]" in text(at)
    file = exported(at, services, "disputes_export", "csv")
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["Reference"], line["Amount"], line["State"]) == ("INV-8", "30.00", "To answer")
    at = choose(at, "disputes_rows")
    assert at.query_params["charge"] == charge
