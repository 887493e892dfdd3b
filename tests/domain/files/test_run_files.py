"""Rows of charge-run files: columns guessed, amounts read, results written and read again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.files.row_orders import clean_suffix
from lib.domain.files.run_columns import (
    COLUMNS,
    RESULT_COLUMNS,
    RUN_COLUMNS,
    other_unit,
    stated_currencies,
)
from lib.domain.files.run_files import ParsedFile, parse
from lib.domain.files.sheets import Sheet, SheetRow
from lib.domain.statement_descriptors import LONGEST_SUFFIX
from lib.errors import InvalidInput
from lib.money import Money
from tests.fuzzing import examples

guess, chosen = RUN_COLUMNS.guess, RUN_COLUMNS.chosen
NAMES = tuple(column.name for column in COLUMNS)
GOOD = ("cus_1", "12.30", "eur", "INV-1", "pm_1", "Order 7", "ACME 7")


def sheet(*rows: tuple[str, ...], header: tuple[str, ...] = NAMES) -> Sheet:
    filled = [(*row, *("",) * (len(header) - len(row))) for row in rows]
    return Sheet(header, tuple(SheetRow(at, row) for at, row in enumerate(filled, 2)), ())


def parsed(*rows: tuple[str, ...], **how) -> ParsedFile:
    made = sheet(*rows)
    return parse(made, guess(made.header), **how)


def changed(**cells: str) -> tuple[str, ...]:
    return tuple(cells.get(name, cell) for name, cell in zip(NAMES, GOOD, strict=True))


def codes(file: ParsedFile) -> list[tuple[int, str, str]]:
    return [(error.row, error.column, error.code) for error in file.errors]


class TestGuess:
    @pytest.mark.parametrize(
        "header",
        [
            ("customer", "amount", "currency", "reference"),
            ("Customer", " AMOUNT ", "Currency", "Reference"),
            ("Customer ID", "Total", "Currency code", "Invoice no."),
            ("Kunde", "Betrag", "Währung", "Rechnungsnummer"),
            ("Kunden-Nr.", "Betrag (EUR)", "Waehrung", "Rechnungs-Nr."),
            ("Client", "Montant TTC", "Devise", "N° de facture"),
            ("顧客ID", "金額", "通貨", "請求書番号"),
            ("メールアドレス", "請求金額", "通貨コード", "請求番号"),
            ("Ｃｕｓｔｏｍｅｒ", "Ａｍｏｕｎｔ", "Ｃｕｒｒｅｎｃｙ", "Ｒｅｆｅｒｅｎｃｅ"),
            ("e-mail", "amount_due", "ccy", "ref"),
        ],
    )
    def test_what_people_call_them(self, header) -> None:
        found = guess(header)
        assert dict(found) == {"customer": 0, "amount": 1, "currency": 2, "reference": 3}
        assert found.missing == ()
        assert found.doubts == ()

    def test_every_synonym_means_one_column(self) -> None:
        for column in COLUMNS:
            for synonym in (column.name, column.label, *column.synonyms):
                assert dict(guess((synonym,))) == {column.name: 0}, synonym

    @pytest.mark.parametrize(
        "name",
        [
            "Amount paid",
            "Net amount",
            "Tax amount",
            "amount_minor",
            "Amount in cents",
            "Discount",
            "Betrag netto",
            "Customer name",
            "Kundenname",
            "Date",
            "Reference date",
            "Payment method type",
            "Account",
            "",
            " ",
            "###",
        ],
    )
    def test_what_only_sounds_like_one(self, name) -> None:
        assert dict(guess((name,))) == {}

    @pytest.mark.parametrize(
        ("name", "column"),
        [
            ("Ammount", "amount"),
            ("Custommer", "customer"),
            ("Refrence", "reference"),
            ("Curency", "currency"),
            ("Rechnungsnumer", "reference"),
        ],
    )
    def test_a_slip_of_the_keyboard_is_understood_and_said(self, name, column) -> None:
        found = guess((name,))
        assert dict(found) == {column: 0}
        assert name in found.doubts[0]

    def test_two_that_fit_equally_are_left_to_a_person(self) -> None:
        found = guess(("customer", "Amount EUR", "Amount USD", "currency", "reference"))
        assert "amount" not in found
        assert found.missing == ("amount",)
        assert "“Amount EUR” and “Amount USD”" in found.doubts[0]
        assert "amount" not in guess(("amount", "Amount"))

    def test_the_likelier_of_two_is_taken_and_said(self) -> None:
        found = guess(("E-mail", "Customer ID", "Total", "Amount"))
        assert (found["customer"], found["amount"]) == (1, 3)
        assert len(found.doubts) == 2

    def test_what_was_chosen_before_comes_first(self) -> None:
        header = ("Debtor", "Amount", "Open", "Currency", "Order")
        columns = {"customer": 0, "amount": 2, "currency": 3, "reference": 4}
        remembered = chosen(header, columns)
        assert dict(guess(header, remembered)) == columns
        assert guess(("Amount", "Total"), remembered)["amount"] == 0

    def test_a_choice_over_the_own_name_is_said_each_time(self) -> None:
        header = ("customer", "amount", "open", "currency", "reference")
        remembered = chosen(header, {"amount": 2})
        found = guess(header, remembered)
        assert found["amount"] == 2
        assert found.doubts == ("“open” was taken for amount; “amount” could be it as well.",)

    def test_the_own_name_gives_way_to_no_choice_that_was_made_without_it(self) -> None:
        """October had no such column, November has it again."""
        october = ("customer", "Total", "currency", "reference")
        remembered = chosen(october, guess(october))
        found = guess(("customer", "amount", "currency", "reference", "Total"), remembered)
        assert found["amount"] == 1
        assert found.doubts == ("“amount” was taken for amount; “Total” could be it as well.",)
        again = chosen(("customer", "Amount (EUR)", "Open"), {"amount": 2}) | remembered
        assert guess(("customer", "amount", "Open", "Total"), again)["amount"] == 1

    @pytest.mark.parametrize("own", ["Amount (EUR)", "AMOUNT"])
    def test_the_own_name_in_another_writing(self, own) -> None:
        remembered = chosen(("customer", "Open"), {"amount": 1})
        found = guess((own, "Open"), remembered)
        assert found["amount"] == 0
        assert "“Open” could be it" in found.doubts[0]

    def test_chosen_before_and_another_synonym_beside_it(self) -> None:
        remembered = chosen(("client", "sum"), {"customer": 0, "amount": 1})
        found = guess(("client", "kunde", "sum"), remembered)
        assert (found["customer"], found["amount"]) == (0, 2)
        assert found.doubts == ("“client” was taken for customer; “kunde” could be it as well.",)

    def test_what_is_missing_is_said(self) -> None:
        assert guess(("a", "b")).missing == ("customer", "amount", "currency", "reference")

    @settings(deadline=None)
    @given(
        header=st.lists(
            st.one_of(
                st.text(max_size=12),
                st.sampled_from(
                    [name for column in COLUMNS for name in (column.name, *column.synonyms)]
                ),
            ),
            max_size=8,
        ),
        remembered=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=8)),
    )
    def test_never_two_columns_for_one_heading(self, header, remembered) -> None:
        found = guess(header, remembered)
        assert len(set(found.values())) == len(found)
        assert set(found) <= set(NAMES)
        assert all(0 <= index < len(header) for index in found.values())


class TestResults:
    HEADER = (*NAMES[:4], "note", *RESULT_COLUMNS)

    def test_a_results_file_loses_only_our_columns(self) -> None:
        row = ("cus_1", "5", "eur", "R", "mine", "declined", "pi_1", "", "x", "", "", "", "")
        file = parse(sheet(row, header=self.HEADER), guess(self.HEADER))
        assert file.header == (*NAMES[:4], "note")
        assert file.rows[0].cells == row[:5]
        assert file.errors == ()


class TestRows:
    def test_a_good_row(self) -> None:
        file = parsed(GOOD)
        row = file.rows[0]
        assert file.errors == ()
        assert (row.number, row.cells, row.customer, row.money) == (
            2,
            GOOD,
            "cus_1",
            Money(1230, "eur"),
        )
        assert (row.reference, row.payment_method) == ("INV-1", "pm_1")
        assert (row.description, row.suffix) == ("Order 7", "ACME 7")
        assert (file.valid, file.totals) == (1, {"eur": 1230})

    def test_what_may_be_left_empty(self) -> None:
        row = parsed(("jane@example.com", "12.30", "EUR", " INV-1 ")).rows[0]
        assert row.errors == ()
        assert row.customer == "jane@example.com"
        assert row.reference == "INV-1"
        assert (row.payment_method, row.description, row.suffix) == (None, None, None)

    @pytest.mark.parametrize(
        ("column", "cell", "code"),
        [
            ("customer", "", "customer_missing"),
            ("customer", "cus_1\u202e", "customer_invalid"),
            ("customer", "x" * 321, "customer_invalid"),
            ("customer", "#N/A", "damaged_by_spreadsheet"),
            ("amount", "", "amount_missing"),
            ("amount", "12,30", "decimal_unconfirmed"),
            ("amount", "1.234,50", "decimal_unconfirmed"),
            ("amount", "12.345", "decimal_unconfirmed"),
            ("amount", "1,234", "decimal_unconfirmed"),
            ("amount", "$12.30", "currency_contradicts_format"),
            ("amount", "12.30 USD", "currency_contradicts_format"),
            ("amount", "12.30 pcs", "amount_invalid"),
            ("amount", "12.30-", "amount_negative"),
            ("amount", "(12.30)", "amount_negative"),
            ("amount", "12.30 CR", "amount_negative"),
            ("amount", "-12.30", "amount_negative"),
            ("amount", "1234.567", "amount_too_many_decimals"),
            ("amount", "33.3333333333333", "amount_too_many_decimals"),
            ("amount", "0", "amount_not_positive"),
            ("amount", "0.10", "amount_too_small"),
            ("amount", "1.5E+03", "damaged_by_spreadsheet"),
            ("amount", "2026-05-01", "amount_invalid"),
            ("amount", "#WERT!", "damaged_by_spreadsheet"),
            ("amount", "#####", "damaged_by_spreadsheet"),
            ("amount", "TRUE", "amount_invalid"),
            ("currency", "", "currency_missing"),
            ("currency", "€", "currency_unknown"),
            ("reference", "", "reference_missing"),
            ("reference", "x" * 201, "reference_too_long"),
            ("reference", "a\nb", "reference_invalid"),
            ("reference", "1.23E+15", "damaged_by_spreadsheet"),
            ("reference", "1,23456E+12", "damaged_by_spreadsheet"),
            ("reference", "#DIV/0!", "damaged_by_spreadsheet"),
            ("reference", "#NV", "damaged_by_spreadsheet"),
            ("payment_method", "visa", "payment_method_invalid"),
            ("payment_method", "#REF!", "damaged_by_spreadsheet"),
            ("description", "x" * 501, "description_invalid"),
            ("statement_descriptor_suffix", "x" * 19, "suffix_invalid"),
            ("statement_descriptor_suffix", "Größe", "suffix_invalid"),
            ("statement_descriptor_suffix", "123", "suffix_invalid"),
            ("statement_descriptor_suffix", "a*b", "suffix_invalid"),
        ],
    )
    def test_one_bad_cell(self, column, cell, code) -> None:
        file = parsed(changed(**{column: cell}))
        assert codes(file) == [(2, column, code)]
        assert file.totals == {}
        assert file.rows[0].cells == changed(**{column: cell})
        assert file.errors[0].message.endswith((".", "*"))

    @pytest.mark.parametrize(
        "reference", ["#1234", "1E5", "E+15", "INV-1E+15", "00012", "N/A", "2026-05-01"]
    )
    def test_references_that_are_only_odd(self, reference) -> None:
        assert parsed(changed(reference=reference)).rows[0].reference == reference

    @pytest.mark.parametrize(
        ("cell", "read"),
        [
            ("cus_1\u200b", "cus_1"),
            ("\ufeffcassa\u2060@osteria.example ", "cassa@osteria.example"),
            ("4711?x=1", "4711?x=1"),
            ("K\u00a017", "K 17"),
            ("bu\u0308ro@firma.example", "büro@firma.example"),
        ],
    )
    def test_a_customer_is_read_as_a_person_sees_it(self, cell: str, read: str) -> None:
        row = parsed(changed(customer=cell)).rows[0]
        assert (row.customer, row.errors) == (read, ())

    def test_a_row_has_all_of_its_errors(self) -> None:
        file = parsed(("\x07", "1.5.", "zzz", "", "y", "a\nb", "*"))
        assert [code for _, _, code in codes(file)] == [
            "customer_invalid",
            "currency_unknown",
            "amount_invalid",
            "reference_missing",
            "payment_method_invalid",
            "description_invalid",
            "suffix_invalid",
        ]
        assert file.rows[0].customer == ""

    def test_the_same_reference_again_names_the_first_row(self) -> None:
        file = parsed(
            changed(),
            changed(reference=" INV-1 ", amount="7"),
            changed(customer="cus_2"),
            changed(amount="x"),
            changed(customer="Jane@example.com", reference="e\u0301"),
            changed(customer="jane@EXAMPLE.com", reference="é"),
        )
        assert codes(file) == [
            (3, "reference", "reference_repeated"),
            (5, "amount", "amount_invalid"),
            (5, "reference", "reference_repeated"),
            (7, "reference", "reference_repeated"),
        ]
        assert "Row 2" in file.errors[0].message
        assert file.totals == {"eur": 3 * 1230}

    def test_a_file_without_currencies(self) -> None:
        header = ("customer", "amount", "reference")
        made = sheet(("cus_1", "1200", "R1"), header=header)
        assert parse(made, guess(header), default_currency="JPY").totals == {"jpy": 1200}
        assert codes(parse(made, guess(header))) == [(2, "currency", "currency_missing")]

    def test_an_empty_currency_is_never_filled_in(self) -> None:
        file = parsed(changed(currency=""), default_currency="eur")
        assert codes(file) == [(2, "currency", "currency_missing")]

    def test_the_preflight_gets_all_but_what_it_finds_itself(self) -> None:
        file = parsed(changed(), changed(amount="x"))
        request = file.rows[1].request()
        assert [(finding.code, finding.column) for finding in request.findings] == [
            ("amount_invalid", "amount")
        ]
        assert (request.number, request.customer, request.reference) == (3, "cus_1", "INV-1")
        assert request.money is None

    @pytest.mark.parametrize("text", ["ACME", "a" * LONGEST_SUFFIX, " x1 ", "A & B, 2/3"])
    def test_suffixes(self, text) -> None:
        assert clean_suffix(text) == text.strip()

    def test_no_suffix(self) -> None:
        assert clean_suffix(" ") is None
        with pytest.raises(InvalidInput):
            clean_suffix("é")


CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from([*GOOD, "cus_2", "5", "0.5", "usd", "jpy", "INV-2", "1.23E+15", "#N/A", "1,5"]),
)


class TestAnything:
    @settings(max_examples=examples(300), deadline=None)
    @given(
        rows=st.lists(st.tuples(*[CELLS] * len(NAMES)), max_size=8),
        columns=st.dictionaries(
            st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), st.integers(-2, 9)
        ),
        default=st.one_of(st.none(), CELLS),
    )
    def test_never_raises_keeps_every_row_and_adds_up(self, rows, columns, default) -> None:
        file = parse(sheet(*rows), columns, default_currency=default)
        assert [row.cells for row in file.rows] == rows
        totals: dict[str, int] = {}
        for row in file.rows:
            assert row.errors or (row.customer and row.money and row.reference)
            if row.money and not row.errors:
                totals[row.money.currency] = totals.get(row.money.currency, 0) + row.money.amount
        assert file.totals == totals
        assert [error for row in file.rows for error in row.errors] == list(file.errors)
        keys = [(row.customer, row.reference) for row in file.rows if not row.errors]
        assert len(keys) == len(set(keys))


class TestCurrencyOfTheHeading:
    """“Amount (EUR)” over a cell that says usd: one of the two is wrong."""

    @pytest.mark.parametrize(
        ("heading", "code"),
        [
            ("Amount (EUR)", "eur"),
            ("amount eur", "eur"),
            ("Betrag in EUR", "eur"),
            ("EUR amount", "eur"),
            ("Total €", "eur"),
            ("Ａｍｏｕｎｔ ＥＵＲ", "eur"),
            ("amount_EUR", "eur"),
            ("Amount [CHF] gross", "chf"),
            ("amount", None),
            ("Sum of all", None),
            ("Amount (US$)", "usd"),
            ("Amount (€/$)", None),
            ("Amount (EUR/USD)", None),
            ("Amount (XXQ)", None),
            ("", None),
        ],
    )
    def test_what_a_heading_states(self, heading, code) -> None:
        assert stated_currencies(heading) == ({code} if code else set())

    @pytest.mark.parametrize("heading", ["Amount ($)", "Amount £", "Amount ￥"])
    def test_a_sign_that_several_have(self, heading) -> None:
        header = ("customer", heading, "currency", "reference")
        for code, problems in (("eur", ["currency_contradicts_heading"]), (None, [])):
            said = code or min(stated_currencies(heading))
            made = sheet(("cus_1", "100", said, "R"), header=header)
            file = parse(made, {"customer": 0, "amount": 1, "currency": 2, "reference": 3})
            assert [error.code for error in file.errors] == problems

    def file(self, currency: str) -> ParsedFile:
        header = ("customer", "Amount (EUR)", "currency", "reference")
        return parse(sheet(("cus_1", "10.00", currency, "R"), header=header), guess(header))

    def test_a_cell_that_contradicts_it_is_an_error_that_names_both(self) -> None:
        assert self.file("eur").errors == ()
        (error,) = self.file("usd").errors
        assert (error.column, error.code) == ("currency", "currency_contradicts_heading")
        assert "“Amount (EUR)” says EUR, but this row is in USD" in error.message
        assert self.file("usd").totals == {}

    def test_so_does_the_currency_of_all_rows(self) -> None:
        header = ("customer", "Amount (EUR)", "reference")
        made = sheet(("cus_1", "10.00", "R"), header=header)
        assert parse(made, guess(header), default_currency="eur").errors == ()
        (error,) = parse(made, guess(header), default_currency="usd").errors
        assert "says EUR, but the currency of all rows is USD" in error.message


@pytest.mark.parametrize(
    "heading",
    [
        "Amount (cents)",
        "amount_cents",
        "amountCents",
        "Amount in minor units",
        "Betrag (T€)",
        "TEUR",
        "Amount ('000)",
        "Total x 1,000",
        "Betrag in Mio. EUR",
        "金額（千円）",
    ],
)
def test_amounts_in_another_unit_than_whole_ones_are_red(heading: str) -> None:
    made = sheet(GOOD, header=(NAMES[0], heading, *NAMES[2:]))
    file = parse(made, {name: at for at, name in enumerate(NAMES)})
    assert codes(file) == [(2, "amount", "amount_in_other_unit")]


@pytest.mark.parametrize(
    "heading",
    ["Amount", "Betrag (EUR)", "Percentage", "Innocent amount", "Miles driven", "Total 2000"],
)
def test_other_headings_name_no_unit(heading: str) -> None:
    assert other_unit(heading) == ""
