"""New run: rows in, columns agreed, problems listed, and a draft that is judged."""

from __future__ import annotations

from tests.charge_runs import rows_of
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
    assert list(problems["row"]) == [2]
    assert list(problems["column"]) == ["Amount"]


def test_the_first_rows_are_shown_as_the_spreadsheet_counts_them(open_page, world) -> None:
    rows = [f"payer@example.com\t{n}\teur\tINV-{n}\n" for n in range(1, 10)]
    at = paste(open_page, "customer\tamount\tcurrency\treference\n" + "\n".join(rows))
    shown = at.dataframe[0].value
    assert list(shown["row"]) == list(range(2, 18, 2))
    assert list(shown["1"]) == [str(n) for n in range(1, 9)]
    assert "The first 8 of 9 rows." in text(at)


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
