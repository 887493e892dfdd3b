"""The rows of a run's file: who is charged how much for what, each with all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lib.domain.charges import clean_description, clean_reference
from lib.domain.files.amounts import NumberStyle, money_of, number_of
from lib.domain.files.columns import is_ours
from lib.domain.files.row_cells import RowCells
from lib.domain.files.row_errors import RowError
from lib.domain.files.run_columns import correction_columns, other_unit, stated_currencies
from lib.domain.files.sheets import Sheet, SheetRow
from lib.domain.identity import customer_key, refuse_unreadable, unreadable
from lib.domain.runs import Finding, RowRequest, Severity
from lib.domain.statement_descriptors import LONGEST_SUFFIX
from lib.domain.typed_codes import typed_currency
from lib.errors import InvalidInput
from lib.money import Money

_LONGEST_CUSTOMER = 320
# Cards that were saved before PaymentMethods existed keep their old kind of id.
_METHOD = re.compile(r"(?:pm|card|src)_[A-Za-z0-9_]{1,250}\Z", re.ASCII)
_NOT_IN_SUFFIX = set("<>\\'\"*")
_REPEATED = "reference_repeated"
# What can be said of an amount whose currency is not known.
_OF_ANY_CURRENCY = frozenset(
    {
        "amount_invalid",
        "amount_negative",
        "amount_format_unknown",
        "amount_rounded",
        "amount_shown_otherwise",
        "amount_with_words",
        "decimal_unconfirmed",
        "decimal_other_style",
    }
)


@dataclass(frozen=True, slots=True)
class RowOrder:
    number: int
    cells: tuple[str, ...]
    """Under the header that the file keeps."""
    customer: str
    """An id or an e-mail address; nothing when it can be neither."""
    money: Money | None
    reference: str | None
    payment_method: str | None
    description: str | None
    suffix: str | None
    errors: tuple[RowError, ...]
    warnings: tuple[RowError, ...] = ()
    """What a person should look at; the row can be charged."""
    amount_read: str | None = None
    """In major units, with the decimals that a person sees; None where it could not be read."""
    currency_read: str | None = None
    """Where the currency could be read and the amount could not."""
    earlier_corrections: tuple[tuple[str, str], ...] = ()
    """Of a results file: our column and what it was corrected to in that run."""
    earlier_reason: str = ""
    """Who corrected it there, and why."""

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
            amount_read=self.amount_read,
            currency_read=self.currency_read,
            findings=tuple(
                Finding(error.code, error.severity, error.message, error.column)
                for error in (*self.errors, *self.warnings)
                if error.code != _REPEATED
            ),
        )


class RowReader:
    """Reads the rows of one file one after the other."""

    def __init__(
        self,
        sheet: Sheet,
        columns: Mapping[str, int],
        default_currency: str | None,
        style: NumberStyle,
    ) -> None:
        self._columns = columns
        self._style = style
        self._default = (default_currency or "").strip()
        self._heading = sheet.header[columns["amount"]] if "amount" in columns else ""
        self._stated = stated_currencies(self._heading)
        self._unit = other_unit(self._heading)
        self._kept = [index for index, name in enumerate(sheet.header) if not is_ours(name)]
        self._letters_doubt = sheet.origin.letters_doubt
        self._is_of_text = sheet.origin.kind != "workbook"
        self._corrections = correction_columns(sheet.header)
        self._first: dict[tuple[str, str], int] = {}

    def order(self, row: SheetRow) -> RowOrder:
        cells = RowCells(
            row,
            self._columns,
            self._style,
            letters_doubt=self._letters_doubt,
            is_of_text=self._is_of_text,
        )
        customer = cells.read("customer", clean_customer) or ""
        money, amount_read, currency_read = self._money(cells)
        reference = cells.read("reference", clean_reference)
        payment_method = cells.read("payment_method", clean_method)
        description = cells.read("description", clean_description)
        suffix = cells.read("statement_descriptor_suffix", clean_suffix)
        if customer and reference:
            key = (customer_key(customer), reference)
            earlier = self._first.setdefault(key, row.number)
            if earlier != row.number:
                cells.fail(
                    "reference",
                    _REPEATED,
                    f"Row {earlier} charges “{reference[:40]}” of this customer already. Remove one of the two rows.",
                )
        return RowOrder(
            row.number,
            tuple(row.cells[index] for index in self._kept),
            customer,
            money,
            reference,
            payment_method,
            description,
            suffix,
            tuple(cells.errors),
            tuple(cells.warnings),
            amount_read,
            currency_read,
            tuple(
                (name, text)
                for name, at in self._corrections.items()
                if name != "corrections" and (text := row.cells[at].strip())
            ),
            row.cells[self._corrections["corrections"]].strip()
            if "corrections" in self._corrections
            else "",
        )

    def _money(self, cells: RowCells) -> tuple[Money | None, str | None, str | None]:
        """The amount; and what could be read of amount or currency where the other is missing."""
        has_currency = cells.has("currency")
        code = cells.text("currency") if has_currency else self._default
        if code == "":
            cells.fail(
                "currency",
                "currency_missing",
                "The row names no currency. Write a code such as usd, eur or jpy.",
            )
        known = cells.attempt("currency", lambda: typed_currency(code)) if code else None
        if known is not None and self._stated and known.code not in self._stated:
            one = len(self._stated) == 1
            says = next(iter(self._stated)).upper() if one else "another currency"
            whose = "this row is in" if has_currency else "the currency of all rows is"
            cells.fail(
                "currency",
                "currency_contradicts_heading",
                f"The heading “{self._heading.strip()[:40]}” says {says}, but {whose} {known.code.upper()}. "
                "Correct the one that is wrong.",
            )
        if self._unit:
            cells.fail(
                "amount",
                "amount_in_other_unit",
                f"The heading “{self._heading.strip()[:40]}” says that the amounts are {self._unit}, and Onfile reads whole "
                "units: 12.30 is 12.30. Write the amounts so, under a heading that says nothing else.",
            )
        amount, cell = cells.text("amount"), cells.value("amount")
        if amount == "":
            cells.fail(
                "amount",
                "amount_missing",
                "An amount is needed: digits with a dot, for example 12.30.",
            )
        if not amount:
            return None, None, known.code if known else None

        def fail(problem: str, message: str, severity: Severity) -> None:
            if known is not None or problem in _OF_ANY_CURRENCY:
                cells.fail("amount", problem, message, severity)

        number = number_of(amount, cell, known.code if known else None, self._style, fail)
        money = money_of(number, known.code, fail) if number is not None and known else None
        is_unread = known is not None and money is None
        return (
            money,
            None if number is None else f"{number:f}",
            known.code if known and is_unread else None,
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
        len(cleaned) > LONGEST_SUFFIX
        or not is_latin
        or _NOT_IN_SUFFIX & set(cleaned)
        or not any(map(str.isalpha, cleaned))
    ):
        letter = unreadable(cleaned)
        holds = f" It holds {letter}, which cannot be shown." if letter else ""
        raise InvalidInput(
            f"“{cleaned[:24]}” cannot stand on a statement.{holds} Write up to {LONGEST_SUFFIX} Latin characters "
            "without accents, at least one letter, and none of < > \\ ' \" *.",
            field="statement_descriptor_suffix",
            code="suffix_invalid",
        )
    return cleaned


def clean_customer(cell: str) -> str:
    """
    An id or an e-mail address, whichever it is.

    Raises:
        InvalidInput: nothing, or more than either can be.
    """
    if not cell:
        raise InvalidInput(
            "A customer is needed: an id such as cus_…, or an e-mail address.",
            code="customer_missing",
        )
    refuse_unreadable(cell, what="customer", code="customer_invalid")
    if len(cell) > _LONGEST_CUSTOMER:
        raise InvalidInput(
            f"“{cell[:40]}…” is neither a customer's id nor an e-mail address.",
            code="customer_invalid",
        )
    # Which customer it names is for whoever knows them: accounts make ids of any form.
    return cell


def clean_method(cell: str) -> str | None:
    """
    Raises:
        InvalidInput: it has not the form of a saved method's id.
    """
    if not cell or _METHOD.match(cell):
        return cell or None
    raise InvalidInput(
        f"“{cell[:40]}” is not the id of a saved method (pm_…). Leave it empty to charge the customer's default.",
        code="payment_method_invalid",
    )
