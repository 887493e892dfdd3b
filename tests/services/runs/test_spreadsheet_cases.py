"""
What a person sees in their file is what is charged, or they are asked: from the file to the money.

Each case was tried on other systems first, where most of them charged a customer twice or a wrong sum.
"""

from __future__ import annotations

import pytest

from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices, Hidden
from lib.domain.files.run_files import ParsedFile
from lib.domain.runs import Run, RunRow, RunState
from lib.errors import InvalidInput
from lib.services.runs.files import RunUpload as Upload
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.spreadsheets.case_files import HEADER, csv_of, sheet_of
from tests.world import ALICE, World

COMMA, DOT = Choices(decimal=DecimalSign.COMMA), Choices(decimal=DecimalSign.DOT)


@pytest.fixture
@made_once
def payers(world: World) -> list[str]:
    """Three addresses of customers with cards."""
    addresses = ["ana@orchard.example", "ben@quarry.example", "cleo@harbour.example"]
    for address in addresses:
        world.save_card(world.customer(address.split("@")[0], email=address))
    world.services.sync.run(full=True)
    world.services.users.add_practice_users()
    return addresses


def opened(world: World, data: bytes, name: str = "file.csv", **how: str) -> Upload:
    return world.services.runs.files.open(data, name, **how)


def drafted(world: World, upload: Upload, choices: Choices | None = None) -> list[RunRow]:
    run = world.services.runs.files.create_run(upload, name="Case", by=ALICE, choices=choices)
    return rows_of(world, run.id)


def charged(world: World, upload: Upload, choices: Choices | None = None) -> Run:
    """Through to its end: submitted, approved by another person, started and executed."""
    runs = world.services.runs
    run = runs.files.create_run(upload, name="Case", by=ALICE, choices=choices)
    approve(world, runs.approvals.submit(run.id, by=ALICE))
    runs.control.start(run.id, by=ALICE)
    assert runs.executor.execute(run.id)
    found = runs.control.find(run.id)
    assert found.state is RunState.FINISHED
    return found


def codes(rows: list[RunRow]) -> list[list[str]]:
    return [[finding.code for finding in row.findings] for row in rows]


def red(file: ParsedFile) -> list[tuple[tuple[int, ...], str]]:
    return [(problem.rows, problem.code) for problem in file.problems if problem.severity == "red"]


class TestACellIsWhatItShows:
    def test_a_prefix_that_a_number_format_writes(self, world: World, payers: list[str]) -> None:
        charged(world, opened(world, csv_of([(payers[1], "1234.50", "eur", "INV-2200")])))
        again = sheet_of(
            [(payers[0], 120, "eur", 2200), (payers[1], 1234.5, "eur", 2200)],
            formats={(1, 3): '"INV-"0000', (2, 3): '"INV-"0000'},
        )
        rows = rows_of(world, charged(world, opened(world, again, "again.xlsx")).id)
        assert [row.reference for row in rows] == ["INV-2200", "INV-2200"]
        assert [row.state for row in rows] == ["sent", "blocked"]
        assert "already_charged" in codes(rows)[1]
        assert sorted(world.moved()) == [(12_000, "eur"), (123_450, "eur")]

    @pytest.mark.parametrize("decimal", [None, DecimalSign.COMMA])
    def test_a_dot_that_a_number_format_writes(
        self, world: World, payers: list[str], decimal: DecimalSign | None
    ) -> None:
        """It is no decimal sign, whatever the file's is."""
        file = sheet_of([(payers[0], 120, "eur", 2200)], formats={(1, 3): '"Nr. "0'})
        (row,) = drafted(world, opened(world, file, "a.xlsx"), Choices(decimal=decimal))
        assert (row.reference, row.state, codes([row])) == ("Nr. 2200", "planned", [[]])

    def test_zeros_that_a_number_format_writes(self, world: World, payers: list[str]) -> None:
        charged(world, opened(world, csv_of([(payers[0], "120.00", "eur", "0000123")])))
        again = sheet_of(
            [(payers[0], 120, "eur", 123), (payers[1], 1, "eur", "NEW")],
            formats={(1, 3): "0000000"},
        )
        row, _ = rows_of(world, charged(world, opened(world, again, "again.xlsx")).id)
        assert (row.reference, row.state) == ("0000123", "blocked")
        assert "already_charged" in codes([row])[0]
        assert world.moved() == [(12_000, "eur"), (100, "eur")]

    @pytest.mark.parametrize("code", ["d-mmm", "mmm-yy", "dd.mm.yyyy", "h:mm", "m/d/yyyy"])
    def test_a_reference_that_became_a_date(
        self, world: World, payers: list[str], code: str
    ) -> None:
        charged(world, opened(world, csv_of([(payers[0], "120.00", "eur", "11-24")])))
        again = sheet_of(
            [(payers[0], 120, "eur", 46350), (payers[1], 1, "eur", "NEW")], formats={(1, 3): code}
        )
        row, _ = rows_of(world, charged(world, opened(world, again, "again.xlsx")).id)
        assert (row.reference, row.state) == (None, "blocked")
        assert codes([row])[0][0] == "reference_is_date"
        assert "made a date of this reference" in row.findings[0].message
        assert world.moved() == [(12_000, "eur"), (100, "eur")]

    def test_truth_errors_and_formulas(self, world: World, payers: list[str]) -> None:
        file = sheet_of(
            [
                (payers[0], 10, "eur", True),
                (payers[1], 11, "eur", "=1/0"),
                (payers[2], 12, "eur", "=A1&B1"),
            ]
        )
        # xlsxwriter saves 0 as the result of every formula.
        rows = drafted(world, opened(world, file, "a.xlsx"))
        assert codes(rows)[0] == ["reference_is_truth"]
        assert [row.reference for row in rows] == [None, "0", "0"]

    @pytest.mark.parametrize(
        ("value", "code", "amount"),
        [(1234.5, "#,##0.00", 123_450), (80, "0.00", 8_000), (267.49999999999994, "0.00", 26_750)],
    )
    def test_an_amount_under_a_format(
        self, world: World, payers: list[str], value: float, code: str, amount: int
    ) -> None:
        file = sheet_of([(payers[0], value, "eur", "R-1")], formats={(1, 1): code})
        (row,) = drafted(world, opened(world, file, "a.xlsx"))
        assert (row.amount, row.state, codes([row])) == (amount, "planned", [[]])

    def test_an_amount_that_is_shown_rounded(self, world: World, payers: list[str]) -> None:
        file = sheet_of(
            [(payers[0], 119.0476, "eur", "R-1"), (payers[1], 1234.5, "eur", "R-2")],
            formats={(1, 1): "0.00", (2, 1): "0"},
        )
        rows = drafted(world, opened(world, file, "a.xlsx"))
        assert (rows[0].amount, codes(rows)[0]) == (11_905, ["amount_rounded"])
        assert (rows[1].amount, codes(rows)[1]) == (None, ["amount_shown_otherwise"])


class TestHidden:
    ROWS = (("120", "F-1"), ("230", "F-2"), ("340", "F-3"), ("450", "F-4"))

    def file(self, payers: list[str], **how: object) -> bytes:
        rows = [
            (payers[at % 3], float(amount), "eur", reference)
            for at, (amount, reference) in enumerate(self.ROWS)
        ]
        return sheet_of(rows, **how)  # type: ignore[arg-type]

    @pytest.mark.parametrize("how", ["hidden_rows", "struck_rows"])
    def test_nothing_is_green_before_a_person_chooses(
        self, world: World, payers: list[str], how: str
    ) -> None:
        upload = opened(world, self.file(payers, **{how: (2, 4)}), "a.xlsx")
        file = upload.parsed()
        assert (file.valid, file.totals) == (0, {})
        assert "2 rows" in file.hidden_question
        assert "€680.00" in file.hidden_question
        with pytest.raises(InvalidInput, match="--hidden include") as refused:
            drafted(world, upload)
        assert refused.value.code == "hidden_unconfirmed"

    def test_left_out(self, world: World, payers: list[str]) -> None:
        upload = opened(world, self.file(payers, hidden_rows=(2, 4)), "a.xlsx")
        run = charged(world, upload, Choices(hidden=Hidden.LEAVE_OUT))
        assert [row.number for row in rows_of(world, run.id)] == [2, 4]
        assert sorted(world.moved()) == [(12_000, "eur"), (34_000, "eur")]
        assert run.reading is not None
        assert run.reading["left_out"] == 2
        assert "rows 3, 5) with €680.00: left out" in run.reading["words"]

    def test_included_and_said_of_each(self, world: World, payers: list[str]) -> None:
        upload = opened(world, self.file(payers, hidden_rows=(2, 4)), "a.xlsx")
        rows = drafted(world, upload, Choices(hidden=Hidden.INCLUDE))
        assert [row.state for row in rows] == ["planned"] * 4
        assert codes(rows)[1] == codes(rows)[3] == ["row_hidden"]

    def test_a_hidden_column_is_not_taken(self, world: World, payers: list[str]) -> None:
        file = sheet_of(
            [(payers[0], 1200, 120, "eur", "G-1"), (payers[1], 2300, 230, "eur", "G-2")],
            header=("customer", "amount", "Amount due", "currency", "reference"),
            hidden_columns=[1],
        )
        upload = opened(world, file, "a.xlsx")
        charged(world, upload)
        assert sorted(world.moved()) == [(12_000, "eur"), (23_000, "eur")]
        assert "Hidden in the spreadsheet, so it was not taken: “amount”." in upload.guess.doubts

    def test_a_hidden_column_without_another_is_asked(
        self, world: World, payers: list[str]
    ) -> None:
        upload = opened(world, self.file(payers, hidden_columns=[1]), "a.xlsx")
        assert "the column “amount”" in upload.parsed().hidden_question
        with pytest.raises(InvalidInput):
            drafted(world, upload)
        with pytest.raises(InvalidInput, match="Choose a column that is seen"):
            drafted(world, upload, Choices(hidden=Hidden.LEAVE_OUT))
        assert len(drafted(world, upload, Choices(hidden=Hidden.INCLUDE))) == 4


class TestLetters:
    REFERENCE = "Faktura-Łódź-17"

    def test_a_code_page_that_is_not_unicode(self, world: World, payers: list[str]) -> None:
        rows = [(payers[0], "120.00", "eur", self.REFERENCE)]
        charged(world, opened(world, csv_of(rows)))
        again = csv_of([*rows, (payers[1], "1.00", "eur", "NEW-1")], encoding="cp1250")
        row, _ = rows_of(world, charged(world, opened(world, again)).id)
        assert (row.state, codes([row])[0][0]) == ("blocked", "encoding_unconfirmed")
        again = csv_of([*rows, (payers[1], "2.00", "eur", "NEW-2")], encoding="cp1250")
        chosen = opened(world, again, encoding="windows-1250")
        row, _ = rows_of(world, charged(world, chosen).id)
        assert (row.reference, row.state) == (self.REFERENCE, "blocked")
        assert "already_charged" in codes([row])[0]
        assert world.moved() == [(12_000, "eur"), (100, "eur"), (200, "eur")]

    @pytest.mark.parametrize(
        ("encoding", "chosen", "reference"),
        [
            ("gb18030", "GB18030", "发票-1"),
            ("big5", "Big5", "發票-1"),
            ("cp932", "Shift-JIS", "請求書-1"),
            ("cp949", "EUC-KR", "청구서-1"),
            ("cp1251", "windows-1251", "Счёт-1"),
            ("mac-roman", "macroman", "Écriture-1"),
        ],
    )
    def test_any_other(
        self, world: World, payers: list[str], encoding: str, chosen: str, reference: str
    ) -> None:
        file = csv_of([(payers[0], "120.00", "eur", reference)], encoding=encoding)
        (row,) = drafted(world, opened(world, file))
        assert codes([row]) == [["encoding_unconfirmed"]]
        (row,) = rows_of(world, charged(world, opened(world, file, encoding=chosen)).id)
        assert (row.reference, row.state) == (reference, "sent")
        assert world.moved() == [(12_000, "eur")]

    def test_names_alone_do_not_stop_a_file(self, world: World, payers: list[str]) -> None:
        header = (*HEADER, "name")
        file = csv_of(
            [(payers[0], "120.00", "eur", "R-1", "Łódź")], header=header, encoding="cp1250"
        )
        upload = opened(world, file)
        (row,) = drafted(world, upload)
        assert row.state == "planned"
        assert [note.code for note in upload.sheet.notes] == ["encoding_proposed"]

    def test_an_encoding_that_does_not_fit_is_refused(
        self, world: World, payers: list[str]
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            opened(world, b"a,b\n1,\x98\n", encoding="cp1251")
        assert refused.value.code == "encoding_wrong"

    def test_another_encoding_for_a_file_that_is_unicode_is_refused_with_both_readings(
        self, world: World, payers: list[str]
    ) -> None:
        file = csv_of([(payers[0], "120.00", "eur", self.REFERENCE)])
        with pytest.raises(
            InvalidInput, match="“Faktura-Łódź-17” would read “Faktura-ЕЃГіdЕє-17”"
        ) as no:
            opened(world, file, encoding="cp1251")
        assert (no.value.field, no.value.code) == ("encoding", "encoding_wrong")
        (row,) = drafted(world, opened(world, file, encoding="utf-8"))
        assert row.reference == self.REFERENCE

    @pytest.mark.parametrize(
        ("encoding", "reference", "read"),
        [
            ("gb18030", "学校-1", "ѧУ-1"),
            ("gb18030", "税-2024/7", "˰-2024/7"),
            ("cp1250", "SPÓŁKA-17", "SPӣKA-17"),
            ("cp866", "чек-5", "祪-5"),
            ("cp949", "체-1", "ü-1"),
        ],
    )
    def test_bytes_that_happen_to_be_unicode_are_asked(
        self, world: World, payers: list[str], encoding: str, reference: str, read: str
    ) -> None:
        row = (payers[0], "120.00", "eur", reference)
        charged(world, opened(world, csv_of([row], encoding="utf-8-sig")))
        again = csv_of([row], encoding=encoding)
        assert again.decode() == csv_of([row]).decode().replace(reference, read)
        (asked,) = drafted(world, opened(world, again))
        assert codes([asked])[0][0] == "encoding_unconfirmed"
        assert read in asked.findings[0].message
        (known,) = drafted(world, opened(world, again, encoding=encoding))
        assert (known.reference, codes([known])[0][0]) == (reference, "already_charged")
        (other,) = drafted(world, opened(world, again, encoding="utf-8"))
        assert (other.reference, other.state) == (read, "planned")


class TestNoCharge:
    @pytest.mark.parametrize(
        ("heading", "word", "state"),
        [
            ("type", "Credit note", "blocked"),
            ("type", "credit_note", "blocked"),
            ("type", "Credit-Note", "blocked"),
            ("type", "ACCRECCREDIT", "blocked"),
            ("type", "Facture d’avoir", "blocked"),
            ("Type de pièce", "Avoir", "blocked"),
            ("type", "Note de credit", "blocked"),
            ("type", "Nota de abono", "blocked"),
            ("Document type", "Credit adjustment", "planned"),
            ("note", "CREDIT_NOTE", "blocked"),
            ("Belegart", "Gutschrift", "blocked"),
            ("D/C", "C", "blocked"),
            ("Soll/Haben", "H", "blocked"),
            ("credit", "80.00", "blocked"),
            ("note", "Subtotal", "blocked"),
            ("note", "Total EUR", "blocked"),
            ("note", "Zwischensumme:", "blocked"),
            ("note", "Gesamtergebnis", "blocked"),
            ("note", "Subtotal Ana", "planned"),
            ("note", "Ana Total", "planned"),
            ("note", "Sub-total: Ana", "planned"),
            ("note", "Total for Ana", "planned"),
            ("note", "Ana Ergebnis", "planned"),
            ("status", "Refunded", "planned"),
            ("note", "credit note for INV-7", "planned"),
            ("status", "paid", "planned"),
            ("type", "CN-17", "blocked"),
            ("Document number", "CN-17", "planned"),
            ("Tipo de documento", "Nota de credito", "blocked"),
            ("Typ dokladu", "Dobropis", "blocked"),
            ("type", "Adjustment", "planned"),
        ],
    )
    def test_is_never_green(
        self, world: World, payers: list[str], heading: str, word: str, state: str
    ) -> None:
        file = csv_of(
            [
                (payers[0], "120.00", "eur", "RE-1", "Invoice" if heading == "type" else ""),
                (payers[1], "80.00", "eur", "GU-2", word),
            ],
            header=(*HEADER, heading),
        )
        rows = drafted(world, opened(world, file))
        assert (rows[0].state, codes(rows)[0]) == ("planned", [])
        assert rows[1].state == state
        assert codes(rows)[1]

    def test_a_credit_note_among_invoices_is_not_charged(
        self, world: World, payers: list[str]
    ) -> None:
        file = csv_of(
            [
                (payers[0], "120.00", "eur", "RE-1", "Invoice"),
                (payers[1], "80.00", "eur", "GU-2", "Credit note"),
            ],
            header=(*HEADER, "document_type"),
        )
        charged(world, opened(world, file))
        assert world.moved() == [(12_000, "eur")]

    @pytest.mark.parametrize("word", ["Credit card", "Total hours: 5", "Totally new"])
    def test_words_that_only_sound_like_it(
        self, world: World, payers: list[str], word: str
    ) -> None:
        file = csv_of([(payers[0], "120.00", "eur", "RE-1", word)], header=(*HEADER, "type"))
        (row,) = drafted(world, opened(world, file))
        assert (row.state, codes([row])) == ("planned", [[]])

    def test_a_sum_with_an_address_in_it(self, world: World, payers: list[str]) -> None:
        file = csv_of(
            [
                (payers[0], "120.00", "eur", "RE-1"),
                (payers[1], "80.00", "eur", "RE-2"),
                (payers[2], "200.00", "eur", "RE-3"),
            ]
        )
        rows = drafted(world, opened(world, file))
        assert codes(rows) == [[], [], ["amount_is_a_sum"]]

    def test_a_sum_in_the_middle_without_a_word(self, world: World, payers: list[str]) -> None:
        a, b, c = payers[:3]
        file = csv_of(
            [
                (a, "120.00", "eur", "RE-1"),
                (b, "80.00", "eur", "RE-2"),
                (c, "200.00", "eur", "RE-3"),
                (a, "35.50", "eur", "RE-4"),
                (b, "64.00", "eur", "RE-5"),
            ]
        )
        rows = drafted(world, opened(world, file))
        assert codes(rows) == [[], [], ["amount_is_a_sum"], [], []]
        assert "sum of the 2 rows above it" in rows[2].findings[0].message

    @pytest.mark.parametrize(
        "total",
        [
            ("Total", "200.00", "eur", ""),
            ("", "200.00", "eur", "Summe"),
            ("Gesamt", "200.00", "", ""),
            ("Ana Total", "200.00", "eur", ""),
            ("", "200.00", "eur", ""),
        ],
    )
    def test_a_total_has_one_finding(
        self, world: World, payers: list[str], total: tuple[str, ...]
    ) -> None:
        file = csv_of(
            [
                (payers[0], "120.00", "eur", "RE-1"),
                (payers[1], "80.00", "eur", "RE-2"),
                total,
                (payers[2], "35.50", "eur", "RE-4"),
            ]
        )
        rows = drafted(world, opened(world, file))
        assert codes(rows) == [[], [], ["row_is_total"], []]
        assert rows[2].state == "blocked"

    def test_negative_and_nothing(self, world: World, payers: list[str]) -> None:
        file = sheet_of(
            [(payers[0], -5, "eur", "R-1"), (payers[1], 0, "eur", "R-2")],
            formats={(1, 1): "#,##0.00;[Red]#,##0.00"},
        )
        rows = drafted(world, opened(world, file, "a.xlsx"))
        assert codes(rows) == [["amount_negative"], ["amount_not_positive"]]


class TestCurrency:
    @pytest.mark.parametrize(
        "code", ["[$$-409]#,##0.00", "[$£-809]#,##0.00", '#,##0.00" USD"', "[$CHF] 0.00", '"kr"0']
    )
    def test_a_format_that_names_another(self, world: World, payers: list[str], code: str) -> None:
        file = sheet_of(
            [(payers[0], 120, "eur", "D-1"), (payers[1], 230, "eur", "D-2")],
            formats={(1, 1): code, (2, 1): "0.00"},
        )
        rows = rows_of(world, charged(world, opened(world, file, "a.xlsx")).id)
        assert [row.state for row in rows] == ["blocked", "sent"]
        assert codes(rows) == [["currency_contradicts_format"], []]
        assert world.moved() == [(23_000, "eur")]

    @pytest.mark.parametrize(
        "code", ["[$€-407] #,##0.00", '#,##0.00" EUR"', "#,##0.00 [$€-1]", "[$-409]#,##0.00"]
    )
    def test_a_format_that_names_the_same_or_none(
        self, world: World, payers: list[str], code: str
    ) -> None:
        file = sheet_of([(payers[0], 120, "eur", "D-1")], formats={(1, 1): code})
        (row,) = drafted(world, opened(world, file, "a.xlsx"))
        assert (row.state, row.amount, codes([row])) == ("planned", 12_000, [[]])


class TestNumberStyle:
    GERMAN = ("Kunde", "Betrag", "Währung", "Rechnungsnummer")

    def german(self, payers: list[str], rows: int = 3) -> bytes:
        amounts = ["1.234,50", "80,00", "12,5"]
        return csv_of(
            [(payers[at % 3], amounts[at % 3], "EUR", f"RE-{at}") for at in range(rows)],
            header=self.GERMAN,
            separator=";",
            encoding="utf-8-sig",
        )

    def test_a_comma_is_proposed_and_confirmed_once(self, world: World, payers: list[str]) -> None:
        upload = opened(world, self.german(payers))
        file = upload.parsed()
        assert red(file) == [((2, 3, 4), "decimal_unconfirmed")]
        assert "“1.234,50”" in file.problems[0].message
        assert "--decimal comma" in file.problems[0].message
        assert (file.reading.decimal, file.reading.decimal_proposal) == (None, "comma")
        assert all(row.state == "blocked" for row in drafted(world, upload))
        charged(world, upload, COMMA)
        assert sorted(world.moved()) == [(1_250, "eur"), (8_000, "eur"), (123_450, "eur")]

    def test_sixty_one_rows_are_one_problem(self, world: World, payers: list[str]) -> None:
        (problem,) = opened(world, self.german(payers, 61)).parsed().problems
        assert problem.places == "rows 2–62 (61)"

    def test_one_thousand_or_one(self, world: World, payers: list[str]) -> None:
        file = csv_of([(payers[0], "1.234", "EUR", "R-1"), (payers[1], "2.500", "EUR", "R-2")])
        upload = opened(world, file)
        assert red(upload.parsed()) == [((2, 3), "decimal_unconfirmed")]
        assert upload.parsed().reading.decimal_proposal is None
        assert codes(drafted(world, upload, DOT)) == [["amount_too_many_decimals"]] * 2
        charged(world, upload, COMMA)
        assert sorted(world.moved()) == [(123_400, "eur"), (250_000, "eur")]

    def test_the_odd_rows_of_a_mixed_file(self, world: World, payers: list[str]) -> None:
        file = csv_of(
            [
                (payers[0], "12.50", "eur", "R-1"),
                (payers[1], "1,234.50", "eur", "R-2"),
                (payers[2], "80,00", "eur", "R-3"),
            ]
        )
        rows = drafted(world, opened(world, file))
        assert [row.amount for row in rows] == [1_250, 123_450, None]
        assert codes(rows)[2] == ["amount_invalid"]
        assert "not written with a decimal dot" in rows[2].findings[0].message

    def test_a_letter_that_changes_what_is_seen_is_named(
        self, world: World, payers: list[str]
    ) -> None:
        file = csv_of([(payers[0], "\u202d1,234.50\u202c", "eur", "R-1")])
        (row,) = drafted(world, opened(world, file))
        assert (row.amount, codes([row])) == (None, [["amount_invalid"]])
        assert "U+202D (left-to-right override)" in row.findings[0].message

    @pytest.mark.parametrize(
        ("text", "amount"),
        [
            ("1'234.50", 123_450),
            ("1’234.50", 123_450),
            ("12,34,567.50", 123_456_750),
            ("1\N{THIN SPACE}234.50", 123_450),
            ("1\N{NO-BREAK SPACE}234", 123_400),
            ("１，２３４．５０", 123_450),
            ("1,234.50\u200b", 123_450),
            ("\u200e1\u2060,234.50", 123_450),
            ("€1,234.50", 123_450),
            ("1,234.50 EUR", 123_450),
        ],
    )
    def test_written_in_other_ways(
        self, world: World, payers: list[str], text: str, amount: int
    ) -> None:
        file = csv_of([(payers[0], text, "eur", "R-1")])
        (row,) = drafted(world, opened(world, file))
        assert (row.amount, row.state) == (amount, "planned")
