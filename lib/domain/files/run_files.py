"""A sheet to the rows of a run: every row is kept, each with all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.domain.files import doubtful_texts, no_charges, total_rows, unseen_rows
from lib.domain.files.amounts import NumberStyle
from lib.domain.files.columns import is_ours
from lib.domain.files.number_styles import DecimalSign, style_of
from lib.domain.files.other_amounts import other_amounts
from lib.domain.files.readings import Choices, Hidden, Reading
from lib.domain.files.reference_shapes import ReferenceShapes
from lib.domain.files.row_errors import Problem, RowError, problems
from lib.domain.files.row_orders import RowOrder, RowReader
from lib.domain.files.row_places import Places
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.sheets import CellKind, Note, Sheet, SheetRow
from lib.domain.files.signed_sums import signed_sum, without_credits
from lib.domain.files.sums_of_rows import sum_by_formula, sums_of_others
from lib.domain.files.typed_sums import written
from lib.domain.runs import Severity
from lib.money import Money

_PERHAPS_STRUCK = (
    "row_perhaps_struck_out",
    "A rule of the spreadsheet (conditional formatting) may strike this row out, and Onfile does not know whether it "
    "does. Look at the row there: is it to be charged?",
)


@dataclass(frozen=True, slots=True)
class ParsedFile:
    header: tuple[str, ...]
    """Without what Onfile wrote into a results file."""
    rows: tuple[RowOrder, ...]
    errors: tuple[RowError, ...]
    totals: Mapping[str, int]
    """Minor units by currency, of the rows without an error."""
    reading: Reading
    style: NumberStyle
    hidden_question: str = ""
    """What is hidden in the file, while nobody chose what becomes of it: no row is to be charged."""
    notes: tuple[Note, ...] = ()

    @property
    def valid(self) -> int:
        return sum(1 for row in self.rows if not row.errors)

    @property
    def warnings(self) -> tuple[RowError, ...]:
        return tuple(warning for row in self.rows for warning in row.warnings)

    @property
    def problems(self) -> list[Problem]:
        """Errors and warnings, each cause once."""
        return problems((*self.errors, *self.warnings))


def parse(
    sheet: Sheet,
    columns: Mapping[str, int],
    *,
    default_currency: str | None = None,
    choices: Choices | None = None,
) -> ParsedFile:
    """
    Never raises: what cannot be read is an error of its row, and a row has all of its errors.

    Args:
        columns: which cell holds what, as `guess` returns it.
        default_currency: for a file without a column of currencies. An empty cell in such a column
            is an error: nobody knows why it is empty.
        choices: what a person said where the file can be read in several ways.
    """
    choices = choices or Choices()
    known = {name: index for name, index in columns.items() if 0 <= index < len(sheet.header)}
    rows = sheet.rows
    if choices.hidden is Hidden.LEAVE_OUT:
        rows = tuple(row for row in rows if not unseen_rows.why_unseen(row, known, RUN_COLUMNS))
    style = NumberStyle(choices.decimal, style_of(_written_amounts(rows, known)))
    file = RowReader(sheet, known, default_currency, style)
    orders = _marked(sheet, known, rows, list(map(file.order, rows)), style)

    def amounts(
        one: Sheet,
        theirs: Mapping[str, int],
        some: Sequence[SheetRow],
        sign: DecimalSign | None,
    ) -> Iterator[Money | None]:
        with_sign = style if sign is None else NumberStyle(sign, style.seen)
        reader = RowReader(one, theirs, default_currency, with_sign)
        return (order.money for order in map(reader.order, some))

    unseen = unseen_rows.unseen_of(
        sheet, known, amounts, RUN_COLUMNS, has_style=style.sign is not None
    )
    question = unseen_rows.question(sheet, known, unseen, choices.hidden, RUN_COLUMNS)
    if question:
        orders = [_undecided(order, question) for order in orders]
    kept = [index for index, name in enumerate(sheet.header) if not is_ours(name)]
    totals: dict[str, int] = {}
    for order in orders:
        if order.money is not None and not order.errors:
            totals[order.money.currency] = totals.get(order.money.currency, 0) + order.money.amount
    return ParsedFile(
        header=tuple(sheet.header[index] for index in kept),
        rows=tuple(orders),
        errors=tuple(error for order in orders for error in order.errors),
        totals=totals,
        reading=Reading.of(
            sheet,
            known,
            kept=len(rows),
            decimal=style.sign,
            decimal_proposal=style.seen.proposal if style.sign is None else None,
            hidden=choices.hidden,
            unseen=unseen,
            hidden_choices=unseen_rows.ways(sheet, known, unseen, RUN_COLUMNS),
        ),
        style=style,
        hidden_question=question,
        notes=sheet.notes,
    )


def _written_amounts(
    rows: Sequence[SheetRow], columns: Mapping[str, int]
) -> Iterator[tuple[int, str]]:
    """Of cells of text: a number of the spreadsheet's own has no style."""
    at = columns.get("amount")
    if at is not None:
        for row in rows:
            cell = row.values.get(at)
            if cell is None or cell.kind is CellKind.UNCALCULATED:
                yield row.number, written(row.cells[at])


def _marked(
    sheet: Sheet,
    columns: Mapping[str, int],
    rows: Sequence[SheetRow],
    orders: Sequence[RowOrder],
    style: NumberStyle,
) -> list[RowOrder]:
    """With what says that a row is no charge, or that nobody sees it."""
    marks = no_charges.marks_of(sheet.header, columns, [row.cells for row in rows])
    by_words = [marks.of_row(row.number, row.cells) for row in rows]
    by_row = _sums(columns, rows, orders, by_words, style)
    beside = other_amounts(sheet.header, columns)
    places = Places(sheet, columns)
    shapes = ReferenceShapes(order.reference for order in orders if order.reference)
    marked = []
    for row, order, words in zip(rows, orders, by_words, strict=True):
        errors = [*doubtful_texts.questions(row, columns, RUN_COLUMNS.acted_on), *words]
        question = beside.question(order, row, style) if beside else None
        errors += [question] if question else []
        if order.reference and not any(one.column == "reference" for one in words):
            unlike = shapes.question(row.number, order.reference)
            errors += [unlike] if unlike else []
        placed, by_place = places.of(row, order, words)
        if placed is order:
            own, errors = total_rows.as_total(order, errors, by_row.get(row.number))
            errors += by_place
        else:
            own, errors = placed, by_place
        why = unseen_rows.why_unseen(row, columns, RUN_COLUMNS)
        if why:
            word = why.replace("_", " ")
            message = f"This row is {word} in the spreadsheet."
            errors.append(RowError(row.number, "amount", f"row_{why}", message, Severity.AMBER))
        elif any(columns.get(name) in row.perhaps_struck for name in RUN_COLUMNS.acted_on):
            errors.append(RowError(row.number, "amount", *_PERHAPS_STRUCK, Severity.AMBER))
        marked.append(_with(own, errors) if errors else own)
    return marked


def _sums(
    columns: Mapping[str, int],
    rows: Sequence[SheetRow],
    orders: Sequence[RowOrder],
    by_words: Sequence[Sequence[RowError]],
    style: NumberStyle,
) -> dict[int, RowError]:
    """By row, that its amount is the sum of others; a total may add credits or take them off."""
    at = columns.get("amount")
    if at is None:
        return {}
    sums = [
        (
            order.number,
            order.customer,
            signed_sum(order, row.cells[at], row.values.get(at), style),
        )
        for row, order in zip(rows, orders, strict=True)
    ]
    taken_off = sums_of_others(without_credits(sums, by_words))
    by_formula = [
        sum_by_formula(row.number, row.cells[at], cell.sum_of_rows)
        for row in rows
        if (cell := row.values.get(at)) is not None and cell.sum_of_rows
    ]
    return {error.row: error for error in (*by_formula, *taken_off, *sums_of_others(sums))}


def _with(order: RowOrder, errors: Sequence[RowError]) -> RowOrder:
    red = tuple(error for error in errors if error.severity is Severity.RED)
    amber = tuple(error for error in errors if error.severity is Severity.AMBER)
    return replace(order, errors=(*order.errors, *red), warnings=(*order.warnings, *amber))


def _undecided(order: RowOrder, question: str) -> RowOrder:
    return _with(order, [RowError(order.number, "amount", "hidden_unconfirmed", question)])
