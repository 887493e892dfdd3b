"""A sheet to the rows of a run: every row is kept, each with all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lib.domain.charges import clean_description, clean_reference
from lib.domain.run_columns import (
    COLUMNS,
    RESULT_COLUMNS,
    Column,
    Guess,
    chosen,
    guess,
    is_ours,
    results_header,
    stated_currency,
)
from lib.domain.runs import Finding, RowRequest, Severity
from lib.domain.sheets import Sheet, SheetRow
from lib.errors import InvalidInput
from lib.money import Money, currency, parse_amount

__all__ = [
    "COLUMNS",
    "RESULT_COLUMNS",
    "Column",
    "Guess",
    "ParsedFile",
    "RowError",
    "RowOrder",
    "chosen",
    "clean_suffix",
    "guess",
    "parse",
    "results_header",
]

_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}\Z", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\.[^@\s.]{2,63}\Z")
# Cards that were saved before PaymentMethods existed keep their old kind of id.
_METHOD = re.compile(r"(?:pm|card|src)_[A-Za-z0-9_]{1,250}\Z", re.ASCII)
_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}\Z", re.ASCII | re.IGNORECASE)
# #N/A, #DIV/0!, #REF!, in German #NV and #WERT!; and ##### where a column was too narrow.
_SHEET_ERROR = re.compile(r"#(?:[A-ZÄÖÜ/0]+[!?]|N/A|NV|GETTING_DATA|#+)\Z")
_MAY_BE_DAMAGED = frozenset("+-#0123456789")
_LONGEST_SUFFIX = 22
_NOT_IN_SUFFIX = set("<>\\'\"*")
_REPEATED = "reference_repeated"

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class RowError:
    row: int
    column: str
    """Our name of the column, whatever its heading is."""
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RowOrder:
    number: int
    cells: tuple[str, ...]
    """Under the header that the file keeps."""
    customer: str
    """An id, an e-mail address, or nothing when it is neither."""
    money: Money | None
    reference: str | None
    payment_method: str | None
    description: str | None
    suffix: str | None
    errors: tuple[RowError, ...]

    def request(self) -> RowRequest:
        """
        For the preflight, which finds repeated references itself: by the customer that is meant,
        so that an id and an address of one customer are the same.
        """
        return RowRequest(
            number=self.number,
            cells=self.cells,
            customer=self.customer,
            money=self.money,
            reference=self.reference,
            payment_method=self.payment_method,
            description=self.description,
            suffix=self.suffix,
            findings=tuple(
                Finding(error.code, Severity.RED, error.message, error.column)
                for error in self.errors
                if error.code != _REPEATED
            ),
        )


@dataclass(frozen=True, slots=True)
class ParsedFile:
    header: tuple[str, ...]
    """Without what Onfile wrote into a results file."""
    rows: tuple[RowOrder, ...]
    errors: tuple[RowError, ...]
    totals: Mapping[str, int]
    """Minor units by currency, of the rows without an error."""

    @property
    def valid(self) -> int:
        return sum(1 for row in self.rows if not row.errors)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Where a file says in what currency its amounts are, beside the cells."""

    default: str | None
    heading: str
    stated: str | None


def parse(
    sheet: Sheet, columns: Mapping[str, int], *, default_currency: str | None = None
) -> ParsedFile:
    """
    Never raises: what cannot be read is an error of its row, and a row has all of its errors.

    Args:
        columns: which cell holds what, as `guess` returns it.
        default_currency: for a file without a column of currencies. An empty cell in such a column
            is an error: nobody knows why it is empty.
    """
    kept = [index for index, name in enumerate(sheet.header) if not is_ours(name)]
    first: dict[tuple[str, str], int] = {}
    known = {name: index for name, index in columns.items() if 0 <= index < len(sheet.header)}
    heading = sheet.header[known["amount"]] if "amount" in known else ""
    unit = _Unit(default_currency, heading, stated_currency(heading))
    rows = tuple(_order(row, known, kept, unit, first) for row in sheet.rows)
    totals: dict[str, int] = {}
    for row in rows:
        if row.money is not None and not row.errors:
            totals[row.money.currency] = totals.get(row.money.currency, 0) + row.money.amount
    return ParsedFile(
        header=tuple(sheet.header[index] for index in kept),
        rows=rows,
        errors=tuple(error for row in rows for error in row.errors),
        totals=totals,
    )


def clean_suffix(text: str) -> str | None:
    """
    What the card statement says behind the account's own name.

    Raises:
        InvalidInput: not as Stripe wants it, https://docs.stripe.com/get-started/account/statement-descriptors
    """
    cleaned = text.strip()
    if not cleaned:
        return None
    is_latin = all(" " <= character <= "~" for character in cleaned)
    if (
        len(cleaned) > _LONGEST_SUFFIX
        or not is_latin
        or _NOT_IN_SUFFIX & set(cleaned)
        or not any(map(str.isalpha, cleaned))
    ):
        raise InvalidInput(
            f"“{cleaned[:24]}” cannot stand on a statement. Write up to {_LONGEST_SUFFIX} Latin characters "
            "without accents, at least one letter, and none of < > \\ ' \" *.",
            field="statement_descriptor_suffix",
            code="suffix_invalid",
        )
    return cleaned


class _Reader:
    """Reads one row's cells and collects what is wrong with them."""

    def __init__(self, row: SheetRow, columns: Mapping[str, int]) -> None:
        self.errors: list[RowError] = []
        self._row = row
        self._columns = columns

    def has(self, name: str) -> bool:
        return name in self._columns

    def fail(self, name: str, code: str, message: str) -> None:
        self.errors.append(RowError(self._row.number, name, code, message))

    def text(self, name: str) -> str | None:
        """The trimmed cell; None when the spreadsheet has lost what stood there."""
        index = self._columns.get(name)
        cell = "" if index is None else self._row.cells[index].strip()
        if cell[:1] not in _MAY_BE_DAMAGED:
            return cell
        if _SHORTENED.match(cell):
            self.fail(
                name,
                "damaged_by_spreadsheet",
                f"“{cell}” is what a spreadsheet makes of a long number; its last digits are lost. Format the "
                "column as text, enter the value again and save.",
            )
            return None
        if _SHEET_ERROR.match(cell):
            self.fail(
                name,
                "damaged_by_spreadsheet",
                f"“{cell[:24]}” is a message of the spreadsheet and no value. Correct the formula or the "
                "width of the column, and save.",
            )
            return None
        return cell

    def read(self, name: str, clean: Callable[[str], Read]) -> Read | None:
        cell = self.text(name)
        return None if cell is None else self.attempt(name, lambda: clean(cell))

    def attempt(self, name: str, read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except InvalidInput as refused:
            self.fail(name, refused.code, str(refused))
            return None


def _order(
    row: SheetRow,
    columns: Mapping[str, int],
    kept: list[int],
    unit: _Unit,
    first: dict[tuple[str, str], int],
) -> RowOrder:
    reader = _Reader(row, columns)
    customer = reader.read("customer", _customer) or ""
    money = _money(reader, unit)
    reference = reader.read("reference", clean_reference)
    payment_method = reader.read("payment_method", _method)
    description = reader.read("description", clean_description)
    suffix = reader.read("statement_descriptor_suffix", clean_suffix)
    if customer and reference:
        # An address is the same in capitals; an id is not.
        key = (customer.casefold() if "@" in customer else customer, reference)
        earlier = first.setdefault(key, row.number)
        if earlier != row.number:
            reader.fail(
                "reference",
                _REPEATED,
                f"Row {earlier} charges “{reference[:40]}” of this customer already. Remove one of the two rows.",
            )
    return RowOrder(
        row.number,
        tuple(row.cells[index] for index in kept),
        customer,
        money,
        reference,
        payment_method,
        description,
        suffix,
        tuple(reader.errors),
    )


def _customer(cell: str) -> str:
    if not cell:
        raise InvalidInput(
            "A customer is needed: an id such as cus_…, or an e-mail address.",
            code="customer_missing",
        )
    if _CUSTOMER.match(cell) or (len(cell) <= 320 and cell.isprintable() and _EMAIL.match(cell)):
        return cell
    raise InvalidInput(
        f"“{cell[:40]}” is neither a customer's id (cus_…) nor an e-mail address.",
        code="customer_invalid",
    )


def _method(cell: str) -> str | None:
    if not cell or _METHOD.match(cell):
        return cell or None
    raise InvalidInput(
        f"“{cell[:40]}” is not the id of a saved method (pm_…). Leave it empty to charge the customer's default.",
        code="payment_method_invalid",
    )


def _money(reader: _Reader, unit: _Unit) -> Money | None:
    code = reader.text("currency") if reader.has("currency") else (unit.default or "").strip()
    if code == "":
        reader.fail(
            "currency", "currency_missing", "A currency is needed: a code such as usd, eur or jpy."
        )
    known = reader.attempt("currency", lambda: currency(code)) if code else None
    if known is not None and unit.stated and unit.stated != known.code:
        whose = "this row is in" if reader.has("currency") else "the currency of all rows is"
        reader.fail(
            "currency",
            "currency_contradicts_heading",
            f"The heading “{unit.heading.strip()[:40]}” says {unit.stated.upper()}, but {whose} {known.code.upper()}. "
            "Correct the one that is wrong.",
        )
    amount = reader.text("amount")
    if amount == "":
        reader.fail(
            "amount", "amount_missing", "An amount is needed: digits with a dot, for example 12.30."
        )
    if not amount:
        return None
    if known is None:
        _refuse_what_is_no_amount_anywhere(reader, amount)
        return None
    return reader.attempt("amount", lambda: parse_amount(amount, known.code))


def _refuse_what_is_no_amount_anywhere(reader: _Reader, amount: str) -> None:
    """Without a currency only the writing can be judged, not the decimals or the size."""
    try:
        parse_amount(amount, "kwd")
    except InvalidInput as refused:
        if refused.code == "amount_invalid":
            reader.fail("amount", refused.code, str(refused))
