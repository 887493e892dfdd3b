"""
Corrections of a draft's rows: what a person decided beside what the file says.

The file's value stays. A corrected row is judged as if the file had said so, by the rules for every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lib.domain.charges import clean_description, clean_reference
from lib.domain.correction_fields import CELLS, LABELS, Field
from lib.domain.files import typed_sums
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.row_orders import clean_customer, clean_method, clean_suffix
from lib.domain.identity import pasted_id, readable_line, visible
from lib.domain.runs import Finding, RowRequest, Severity
from lib.domain.typed_codes import typed_currency, typed_id
from lib.errors import InvalidInput
from lib.money import checked, format_major, parse_amount

LONGEST_REASON = 300
OUT = "yes"
NOTHING = "-"
"""In a results file: a cell that was corrected to nothing."""
_MAY_BE_EMPTY = (Field.PAYMENT_METHOD, Field.DESCRIPTION, Field.SUFFIX)
_NO_AMOUNT = Finding(
    "amount_missing", Severity.RED, "Say the amount of this row, too.", Field.AMOUNT.value
)
# Of the row and not of one cell: another value in a cell does not make a charge of a total.
_OF_THE_ROW = frozenset({"amount_of_credits", "amount_is_a_sum", "credit_note_mentioned"})
# Of an amount in its currency; in another one the same digits are judged anew.
_OF_SUM = frozenset({"amount_too_many_decimals", "amount_too_small", "amount_too_large"})


@dataclass(frozen=True, slots=True)
class Correction:
    """An entry of the log. The last one of a row and field is in effect, unless it is an undo."""

    row: int
    field: Field
    was: str | None
    """What the file says, amounts in major units; the cell's text where that cannot be read."""
    value: str | None
    """Amounts in major units, without separators."""
    by: str
    at: int
    reason: str
    is_undo: bool = False
    """The file's value again."""
    id: int = 0
    file_version: int = 1
    beside: tuple[str, ...] = ()
    """Of a customer: the others with the address whom Onfile knew then."""

    @property
    def in_words(self) -> str:
        if self.field is Field.LEFT_OUT:
            return f"Left out by {self.by}: {self.reason}"
        says = "nothing" if self.was is None else f"“{self.was}”"
        return f"{LABELS[self.field]}: the file says {says}, corrected to {self.shown} by {self.by}: {self.reason}"

    @property
    def shown(self) -> str:
        return "nothing" if self.value is None else f"“{self.value}”"


@dataclass(frozen=True, slots=True)
class DraftVersion:
    """What a person had in front of them when they decided."""

    file: int
    entry: int
    """The newest of the log, in effect or not; 0 when there was none."""


InEffect = Mapping[Field, Correction]


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A row before it is judged: what its file says, and what people decided."""

    request: RowRequest
    """As it was read from the file."""
    corrections: InEffect
    is_left_out: bool = False
    charge_id: str | None = None

    @property
    def corrected(self) -> RowRequest:
        return corrected(self.request, self.corrections)

    @property
    def has_corrected_cells(self) -> bool:
        return any(field in CELLS for field in self.corrections)

    @property
    def is_decided(self) -> bool:
        return bool(self.corrections) or self.is_left_out


def in_effect(
    log: Iterable[Correction], *, file_version: int
) -> dict[int, dict[Field, Correction]]:
    """By row and field."""
    rows: dict[int, dict[Field, Correction]] = {}
    for entry in log:
        if entry.file_version != file_version:
            continue
        fields = rows.setdefault(entry.row, {})
        fields.pop(entry.field, None)
        if not entry.is_undo:
            fields[entry.field] = entry
    return {row: fields for row, fields in rows.items() if fields}


def clean_reason(text: str) -> str:
    """
    Raises:
        InvalidInput: nothing, or too long: an approver reads it.
    """
    cleaned = readable_line(text, what="reason", field="reason")
    if not cleaned or len(cleaned) > LONGEST_REASON:
        raise InvalidInput(
            f"Say why, in at most {LONGEST_REASON} characters: whoever approves reads it.",
            field="reason",
            code="reason_missing",
        )
    return cleaned


def read(
    field: Field, text: str, *, code: str | None, sign: DecimalSign | None = None
) -> str | None:
    """
    What a person wrote for a cell, as it is kept.

    Args:
        code: the row's currency, for an amount.
        sign: the decimal sign that the person uses, for an amount that can mean two sums.

    Raises:
        InvalidInput: it cannot stand in this cell; with the field's name.
    """
    match field:
        case Field.CUSTOMER:
            return clean_customer(pasted_id(text))
        case Field.AMOUNT:
            if not code:
                raise InvalidInput("Say the currency of this row, too.", field="currency")
            money = checked(typed_sums.typed(text, code, sign))
            return format_major(money.amount, money.currency)
        case Field.CURRENCY:
            return typed_currency(text).code
        case Field.REFERENCE:
            return clean_reference(text)
        case Field.PAYMENT_METHOD:
            return clean_method(typed_id(text, what="saved method", field="payment_method"))
        case Field.DESCRIPTION:
            return clean_description(text)
        case Field.SUFFIX:
            return clean_suffix(visible(text))
        case Field.LEFT_OUT:
            return OUT


def value_of(request: RowRequest, field: Field) -> str | None:
    """Of a row as it was read, in the form in which corrections are kept."""
    match field:
        case Field.CUSTOMER:
            return request.customer or None
        case Field.AMOUNT:
            money = request.money
            return format_major(money.amount, money.currency) if money else request.amount_read
        case Field.CURRENCY:
            return request.money.currency if request.money else request.currency_read
        case Field.REFERENCE:
            return request.reference
        case Field.PAYMENT_METHOD:
            return request.payment_method
        case Field.DESCRIPTION:
            return request.description
        case Field.SUFFIX:
            return request.suffix
        case Field.LEFT_OUT:
            return None


def corrected(request: RowRequest, corrections: InEffect) -> RowRequest:
    """As if the file had said so. What cannot be charged that way is found, as in a file."""
    cells: dict[Field, str | None] = {
        field: entry.value for field, entry in corrections.items() if field in CELLS
    }
    if not cells:
        return request
    kept = tuple(one for one in request.findings if not _is_lifted(one, cells))
    changed = replace(
        request,
        customer=cells.get(Field.CUSTOMER, request.customer) or "",
        chosen_beside=corrections[Field.CUSTOMER].beside if Field.CUSTOMER in cells else None,
        reference=cells.get(Field.REFERENCE, request.reference),
        payment_method=cells.get(Field.PAYMENT_METHOD, request.payment_method),
        description=cells.get(Field.DESCRIPTION, request.description),
        suffix=cells.get(Field.SUFFIX, request.suffix),
        findings=kept,
    )
    return _with_money(changed, cells) if cells.keys() & {Field.AMOUNT, Field.CURRENCY} else changed


def carried(
    request: RowRequest, cells: Iterable[tuple[str, str]], *, reason: str, by: str, at: int
) -> Iterable[Correction]:
    """
    What a results file says was corrected in the run before.

    Raises:
        InvalidInput: what Onfile would not have written there.
    """
    texts = {Field(name): text for name, text in cells}
    code = texts.get(Field.CURRENCY, value_of(request, Field.CURRENCY))
    why = clean_reason(reason[: LONGEST_REASON - 1] or "corrected in an earlier run")
    for field, text in texts.items():
        is_nothing = text == NOTHING and field in _MAY_BE_EMPTY
        value = None if is_nothing else read(field, text, code=code, sign=DecimalSign.DOT)
        was = value_of(request, field)
        if field is Field.LEFT_OUT or value != was or is_about(request, field):
            yield Correction(request.number, field, was, value, by, at, why)


def is_about(request: RowRequest, field: Field) -> bool:
    """Whether something was found that saying this cell would lift."""
    return any(_is_lifted(one, {field: None}) for one in request.findings)


def findings_of(corrections: InEffect) -> tuple[Finding, ...]:
    """For the approver, one each."""
    return tuple(
        Finding("corrected", Severity.AMBER, entry.in_words, field.value)
        for field, entry in corrections.items()
    )


def _with_money(request: RowRequest, cells: Mapping[Field, str | None]) -> RowRequest:
    # The decimals of the file count: its 1000.00 is no sum in yen, and its 1000 is.
    number = cells.get(Field.AMOUNT, request.amount_read or value_of(request, Field.AMOUNT))
    code = cells.get(Field.CURRENCY, value_of(request, Field.CURRENCY))
    money, findings = None, request.findings
    if number is not None and code is not None:
        try:
            money = parse_amount(number, code)
        except InvalidInput as refused:
            findings = (
                *findings,
                Finding(refused.code, Severity.RED, str(refused), Field.AMOUNT.value),
            )
    if money is None and not any(one.severity is Severity.RED for one in findings):
        findings = (*findings, _NO_AMOUNT)
    return replace(request, money=money, amount_read=number, currency_read=code, findings=findings)


def _is_lifted(finding: Finding, cells: Mapping[Field, str | None]) -> bool:
    """A person has said what stands in this cell, so it no longer matters how it was read."""
    if finding.code.startswith("row_") or finding.code in _OF_THE_ROW:
        return False
    if finding.code == "currency_contradicts_format":
        # Found of the amount's cell; only who says the currency settles it.
        return Field.CURRENCY in cells
    if finding.code in _OF_SUM and Field.CURRENCY in cells:
        return True
    return finding.column in cells
