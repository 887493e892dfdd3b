"""New run: rows in, columns agreed, problems listed, and a draft that is judged."""

from __future__ import annotations

import pytest

from tests.charge_runs import rows_of
from tests.spreadsheets.case_files import csv_of, sheet_of
from tests.ui.charge_pages import button, ran, text
from tests.world import World


def paste(open_page, rows: str):
    at = open_page("new_run", as_="alice")
    at.segmented_control(key="new_run_source").set_value("paste").run()
    at.text_area(key="new_run_pasted").set_value(rows)
    return ran(at.run())


def runs(world: World) -> list[str]:
    return list(world.services.reports.runs.page().frame["id"])


def test_rows_become_a_draft(open_page, world) -> None:
    customer = world.customer(email="payer@example.com")
    world.save_card(customer)
    at = paste(
        open_page,
        "E-Mail\tBetrag\tWährung\tRechnungsnummer\tNote\n"
        "payer@example.com\t12.34\teur\tINV-1\tfirst\n"
        "nobody@example.com\t5\teur\tINV-2\t\n",
    )
    assert "€12.34" in text(at) or "€17.34" in text(at)
    at.text_input(key="new_run_name").set_value("November")
    ran(button(at, "new_run_make").click().run())
    (run_id,) = runs(world)
    first, second = rows_of(world, run_id)
    assert (first.customer, first.state, first.cells[4]) == (customer, "planned", "first")
    assert (second.state, second.findings[0].code) == ("blocked", "customer_unknown")


def test_problems_are_listed_with_row_and_column(open_page, world) -> None:
    at = paste(
        open_page,
        "customer\tamount\tcurrency\treference\npayer@example.com\t1.234,50\teur\tINV-1\n",
    )
    assert "1 problem" in text(at)
    problems = at.dataframe[-1].value
    assert list(problems["rows"]) == ["2"]
    assert list(problems["column"]) == ["Amount"]


def test_the_first_rows_are_shown_as_the_spreadsheet_counts_them(open_page, world) -> None:
    rows = [f"payer@example.com\t{n}\teur\tINV-{n}\n" for n in range(1, 10)]
    at = paste(open_page, "customer\tamount\tcurrency\treference\n" + "\n".join(rows))
    shown = at.dataframe[0].value
    assert list(shown["row"]) == list(range(2, 18, 2))
    assert list(shown["1"]) == [str(n) for n in range(1, 9)]
    assert "8 of 9 rows." in text(at)


def test_a_column_that_is_missing_is_asked_for(open_page, world) -> None:
    at = paste(open_page, "who\tamount\treference\npayer@example.com\t12\tINV-1\n")
    button(at, "new_run_make").click().run()
    assert "no column for: Customer, Currency" in text(at)
    assert runs(world) == []
    chosen = next(
        box for box in at.selectbox if (box.key or "").startswith("new_run_column_customer")
    )
    chosen.set_value(0)
    at.selectbox(key="new_run_currency").set_value("usd")
    ran(at.run())
    ran(button(at, "new_run_make").click().run())
    assert len(runs(world)) == 1


def test_of_two_columns_with_one_heading_the_chosen_one_is_read(open_page, world) -> None:
    at = paste(
        open_page,
        "customer\tamount\tamount\tcurrency\treference\npayer@example.com\t1\t22\teur\tINV-1\n",
    )
    chosen = next(
        box for box in at.selectbox if (box.key or "").startswith("new_run_column_amount")
    )
    chosen.set_value(2)
    ran(at.run())
    ran(button(at, "new_run_make").click().run())
    assert [row["amount"] for row in world.rows("SELECT amount FROM run_rows")] == [2_200]


def test_corrections_of_a_results_file_come_along_and_it_is_said(open_page, world) -> None:
    at = paste(
        open_page,
        "customer\tamount\tcurrency\treference\tonfile_amount\tonfile_corrections\n"
        "payer@example.com\t1.00\teur\tINV-1\t2.00\tby alice: agreed\n",
    )
    assert "1 row of this results file was corrected in the run that it comes from" in text(at)
    ran(button(at, "new_run_make").click().run())
    assert [row["amount"] for row in world.rows("SELECT amount FROM run_rows")] == [200]


def test_the_same_rows_again_are_named(open_page, world) -> None:
    rows = "customer\tamount\tcurrency\treference\npayer@example.com\t12.34\teur\tINV-1\n"
    ran(button(paste(open_page, rows), "new_run_make").click().run())
    assert "This very file became the run" in text(paste(open_page, rows))


def test_what_is_no_table_is_refused_in_words(open_page) -> None:
    at = paste(open_page, "just one line")
    assert at.error[0].value


def test_an_uploaded_file(open_page, world) -> None:
    at = open_page("new_run", as_="alice")
    file = b"customer,amount,currency,reference\npayer@example.com,12.34,eur,INV-1\n"
    at.file_uploader(key="new_run_file").set_value(("november.csv", file, "text/csv"))
    ran(at.run())
    assert at.text_input(key="new_run_name").value == "november"


def test_the_template_has_a_row_for_each_payer(world) -> None:
    from lib.spreadsheets.reading import read_file
    from tests.world import ALICE

    payer = world.customer("Acme Ltd")
    world.customer("Without a card")
    world.save_card(payer)
    world.charge(payer, currency="eur")
    sheet = read_file(world.services.runs.files.template(by=ALICE), "template.xlsx")
    assert [row.cells[:4] for row in sheet.rows] == [(payer, "Acme Ltd", "", "eur")]


GERMAN = (
    "E-Mail\tBetrag\tWährung\tRechnungsnummer\n"
    "payer@example.com\t1.234,50\teur\tINV-1\npayer@example.com\t80,00\teur\tINV-2\n"
)


def choice(at, what: str):
    return next(
        one for one in at.segmented_control if (one.key or "").startswith(f"new_run_{what}_")
    )


def chosen(at, what: str, value: str):
    return ran(choice(at, what).set_value(value).run())


def offered(at, what: str) -> list[str]:
    return list(choice(at, what).options)


def test_a_decimal_comma_is_confirmed_once_for_the_file(open_page, world) -> None:
    customer = world.customer(email="payer@example.com")
    world.save_card(customer)
    at = paste(open_page, GERMAN)
    assert "decimal comma" in text(at)
    assert list(at.dataframe[-1].value["rows"]) == ["2–3 (2)"]
    at = chosen(at, "decimal", "comma")
    assert list(at.dataframe[0].value["read"]) == ["€1,234.50", "€80.00"]
    assert "€1,314.50" in text(at)
    ran(button(at, "new_run_make").click().run())
    assert [row.amount for row in rows_of(world, runs(world)[0])] == [123_450, 8_000]


def upload(open_page, name: str, data: bytes):
    at = open_page("new_run", as_="alice")
    at.file_uploader(key="new_run_file").set_value((name, data, "text/csv"))
    return ran(at.run())


def test_what_is_hidden_waits_for_a_person(open_page, world) -> None:
    world.save_card(world.customer(email="payer@example.com"))
    data = sheet_of(
        [("payer@example.com", 10, "eur", "R-1"), ("payer@example.com", 20, "eur", "R-2")],
        hidden_rows=[2],
    )
    at = upload(open_page, "open.xlsx", data)
    assert "1 row hidden (row 3) with €20.00" in text(at)
    assert "new_run_make" not in [one.key for one in at.button]
    at = chosen(at, "hidden", "leave-out")
    ran(button(at, "new_run_make").click().run())
    assert [row.number for row in rows_of(world, runs(world)[0])] == [2]


def test_a_hidden_sheet_alone_can_only_be_left_out(open_page, world) -> None:
    world.save_card(world.customer(email="payer@example.com"))
    rows = [("payer@example.com", 10, "eur", "R-1")]
    at = upload(open_page, "open.xlsx", sheet_of(rows, hidden_sheet=rows))
    assert offered(at, "hidden") == ["Leave out what is hidden"]
    at = chosen(at, "hidden", "leave-out")
    assert "1 row (the hidden sheet “Last year”) with €10.00: left out" in text(at)
    button(at, "new_run_make")


def test_a_hidden_column_that_is_read_can_only_be_included(open_page, world) -> None:
    at = upload(
        open_page,
        "open.xlsx",
        sheet_of([("payer@example.com", 10, "eur", "R-1")], hidden_columns=[1]),
    )
    assert offered(at, "hidden") == ["Include what is hidden"]


@pytest.mark.parametrize(("encoding", "reference"), [("gb18030", "学校-1"), ("utf-8", "ѧУ-1")])
def test_letters_that_may_be_unicode_are_chosen_with_both_readings_in_sight(
    open_page, world, encoding, reference
) -> None:
    world.save_card(world.customer(email="payer@example.com"))
    data = csv_of([("payer@example.com", "10", "eur", "学校-1")], encoding="gb18030")
    at = upload(open_page, "open.csv", data)
    assert "“学校-1” (GB18030 (Chinese, simplified)) or “ѧУ-1” (Unicode (UTF-8))" in text(at)
    at = ran(letters(at).set_value(encoding).run())
    assert list(at.dataframe[0].value["3"]) == [reference]
    # The choice stays, and can be taken back.
    at = ran(at.run())
    assert letters(at).value == encoding
    ran(button(at, "new_run_make").click().run())
    assert [row.reference for row in rows_of(world, runs(world)[0])] == [reference]


def letters(at):
    return next(one for one in at.selectbox if (one.key or "").startswith("new_run_encoding_"))


def test_letters_that_are_not_unicode_are_chosen_with_the_rows_in_sight(open_page, world) -> None:
    world.save_card(world.customer(email="payer@example.com"))
    data = csv_of([("payer@example.com", "10", "eur", "Łódź-1")], encoding="cp1250")
    at = upload(open_page, "open.csv", data)
    assert "not Unicode" in text(at)
    at = ran(letters(at).set_value("cp1250").run())
    assert list(at.dataframe[0].value["3"]) == ["Łódź-1"]
    ran(button(at, "new_run_make").click().run())
    assert [row.reference for row in rows_of(world, runs(world)[0])] == ["Łódź-1"]
