"""A sheet to the rows of a batch of links: who is asked for a card, and for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lib.domain.charges import clean_reference
from lib.domain.files import doubtful_texts, unseen_rows
from lib.domain.files.amounts import NumberStyle
from lib.domain.files.columns import ColumnTable, FileColumn, is_ours
from lib.domain.files.number_styles import style_of
from lib.domain.files.readings import Choices, Hidden, Reading
from lib.domain.files.row_cells import RowCells
from lib.domain.files.run_columns import COLUMNS as RUN_FILE_COLUMNS
from lib.domain.files.sheets import Note, Sheet, SheetRow
from lib.domain.identity import refuse_unreadable
from lib.domain.link_batches import LinkRequest
from lib.domain.links import LOCALES
from lib.domain.runs import Finding, Severity
from lib.domain.shown_text import readable_name
from lib.domain.typed_codes import typed_currency
from lib.errors import InvalidInput

_LONGEST_NAME = 200
_LONGEST_WHO = 320
# Where another text is another person or another debt, and letters are written to Stripe.
_KEYS = {
    "customer": "customer",
    "email": "address",
    "name": "name",
    "reference": "reference",
}
_OF_RUNS = {column.name: column for column in RUN_FILE_COLUMNS}
_ADDRESS_WORDS = frozenset({"mail", "courriel", "メール"})

COLUMNS = (
    FileColumn(
        "email",
        "E-mail",
        False,
        (
            "mail",
            *(
                word
                for word in _OF_RUNS["customer"].synonyms
                if any(part in word.lower() for part in _ADDRESS_WORDS)
            ),
            "correo electrónico",
            "indirizzo e-mail",
            "e-mailadres",
        ),
    ),
    FileColumn(
        "customer",
        "Customer",
        False,
        tuple(
            word
            for word in _OF_RUNS["customer"].synonyms
            if not any(part in word.lower() for part in _ADDRESS_WORDS)
        ),
    ),
    FileColumn(
        "name",
        "Name",
        False,
        (
            "customer name",
            "full name",
            "company",
            "company name",
            "Kundenname",
            "Firma",
            "nom",
            "nom du client",
            "société",
            "nombre",
            "nome",
            "naam",
            "氏名",
            "名前",
            "顧客名",
            "会社名",
        ),
    ),
    _OF_RUNS["reference"],
    _OF_RUNS["currency"],
    FileColumn(
        "locale",
        "Language",
        False,
        ("lang", "language code", "Sprache", "langue", "idioma", "lingua", "taal", "言語"),
    ),
)
LINK_COLUMNS = ColumnTable(
    [replace(column, required=False) for column in COLUMNS],
    acted_on=["email", "customer", "reference"],
    is_table=[frozenset({"email"}), frozenset({"customer"})],
)
RESULT_COLUMNS = ("onfile_state", "onfile_link", "onfile_link_id", "onfile_reason")


@dataclass(frozen=True, slots=True)
class ParsedLinks:
    header: tuple[str, ...]
    """Without what Onfile wrote into a results file."""
    rows: tuple[LinkRequest, ...]
    reading: Reading
    hidden_question: str = ""
    """What is hidden in the file, while nobody chose what becomes of it."""
    notes: tuple[Note, ...] = ()


def names_somebody(columns: Mapping[str, int]) -> bool:
    return "email" in columns or "customer" in columns


def parse(
    sheet: Sheet, columns: Mapping[str, int], *, choices: Choices | None = None
) -> ParsedLinks:
    """
    Never raises: what cannot be read is a finding of its row.

    Args:
        columns: which cell holds what, as `LINK_COLUMNS.guess` returns it.
        choices: what a person said where the file can be read in several ways.
    """
    choices = choices or Choices()
    known = {name: index for name, index in columns.items() if 0 <= index < len(sheet.header)}
    rows = sheet.rows
    if choices.hidden is Hidden.LEAVE_OUT:
        rows = tuple(r for r in rows if not unseen_rows.why_unseen(r, known, LINK_COLUMNS))
    style = NumberStyle(choices.decimal, style_of(()))
    unseen = unseen_rows.unseen_of(sheet, known, lambda *_: (), LINK_COLUMNS)
    question = unseen_rows.question(sheet, known, unseen, choices.hidden, LINK_COLUMNS)
    kept = [index for index, name in enumerate(sheet.header) if not is_ours(name)]
    return ParsedLinks(
        header=tuple(sheet.header[index] for index in kept),
        rows=tuple(_request(sheet, row, known, kept, style) for row in rows),
        reading=Reading.of(
            sheet,
            known,
            kept=len(rows),
            decimal=style.sign,
            hidden=choices.hidden,
            unseen=unseen,
            hidden_choices=unseen_rows.ways(sheet, known, unseen, LINK_COLUMNS),
        ),
        hidden_question=question,
        notes=sheet.notes,
    )


def _request(
    sheet: Sheet,
    row: SheetRow,
    columns: Mapping[str, int],
    kept: Sequence[int],
    style: NumberStyle,
) -> LinkRequest:
    cells = RowCells(
        row,
        columns,
        style,
        letters_doubt=sheet.origin.letters_doubt,
        is_of_text=sheet.origin.kind != "workbook",
        keys=_KEYS,
    )
    customer = cells.read("customer", lambda cell: _who(cell, "customer")) or ""
    email = cells.read("email", lambda cell: _who(cell, "email")) or ""
    if not (customer or email or cells.errors):
        cells.fail(
            "email" if "email" in columns else "customer",
            "customer_missing",
            "Nobody is named in this row. Write an e-mail address, or a customer's id such as cus_….",
        )
    return LinkRequest(
        number=row.number,
        cells=tuple(row.cells[index] for index in kept),
        customer=customer,
        email=email,
        name=cells.read("name", _name) or None,
        currency=cells.read("currency", lambda cell: typed_currency(cell).code if cell else None),
        reference=cells.read("reference", lambda cell: clean_reference(cell) if cell else None),
        locale=cells.read("locale", _locale),
        findings=tuple(
            Finding(error.code, error.severity, error.message, error.column)
            for error in (
                *cells.errors,
                *cells.warnings,
                *doubtful_texts.questions(row, columns, LINK_COLUMNS.acted_on),
            )
        ),
    )


def of_file(finding: str) -> Finding:
    """What a person has to decide of the whole file, as it is found in each row."""
    return Finding("hidden_unconfirmed", Severity.RED, finding, "email")


def _who(cell: str, field: str) -> str:
    what, code = _KEYS[field], f"{field}_invalid"
    refuse_unreadable(cell, what=what, code=code)
    if len(cell) > _LONGEST_WHO:
        raise InvalidInput(f"The {what} has more than {_LONGEST_WHO} characters.", code=code)
    return cell


def _name(cell: str) -> str:
    cleaned = readable_name(cell)
    if len(cleaned) > _LONGEST_NAME:
        raise InvalidInput(f"A name has at most {_LONGEST_NAME} characters.", code="name_invalid")
    return cleaned


def _locale(cell: str) -> str | None:
    """A code, also with a country behind it: de, de-AT, pt_BR."""
    if not cell:
        return None
    code = cell.replace("_", "-").split("-")[0].lower()
    if code not in LOCALES:
        raise InvalidInput(
            f"“{cell[:20]}” is no language that the page at Stripe is made in. Write one of: {', '.join(LOCALES)}; "
            "or leave it empty.",
            code="locale_unknown",
        )
    return code
