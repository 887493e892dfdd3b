"""Text to cells: which character separates them, and rows as the spreadsheet counts them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

from lib.domain.files.sheets import LONGEST_CELL, MOST_COLUMNS, Note
from lib.errors import InvalidInput

_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 200
_LONGEST_LINE = LONGEST_CELL * MOST_COLUMNS
# One cell that is too long is its row's error, so it has to be read.
csv.field_size_limit(_LONGEST_LINE)
# Excel writes and swallows such a first line.
_SEPARATOR_LINE = re.compile(r"sep=([,;|\t:^~])(?:\r\n|\r|\n)", re.IGNORECASE)
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def records(text: str) -> tuple[Iterator[list[str]], str, tuple[Note, ...]]:
    """
    Every record in its order, empty ones too, the separator, and notes.

    A quoted line break stays in its cell, so a record is one row of the spreadsheet. The iterator
    raises InvalidInput where the quotation marks do not fit.
    """
    named = _SEPARATOR_LINE.match(text)
    if named:
        return _parsed(text[named.end() :], named[1]), named[1], ()
    separator = _separator(text)
    words = f"The columns are separated by {_WORDS[separator]}."
    notes = () if separator in ",\t" else (Note("separator", words),)
    return _parsed(text, separator), separator, notes


def _separator(text: str) -> str:
    """
    The one that makes the most columns of the heading and no row wider than it. Between several,
    csv.Sniffer decides.
    """
    samples = {}
    for separator in _SEPARATORS:
        try:
            sample = [row for row in islice(_parsed(text, separator), _SAMPLE_ROWS) if any(row)]
        except InvalidInput:
            continue
        widths = [len(row) for row in sample]
        if widths and max(widths) > 1:
            samples[separator] = widths
    fitting = {one: widths for one, widths in samples.items() if max(widths) == _first_full(widths)}
    if not (fitting or samples):
        return ","
    headings = {one: _first_full(widths) for one, widths in (fitting or samples).items()}
    choices = [one for one, width in headings.items() if width == max(headings.values())]
    if len(choices) == 1:
        return choices[0]
    try:
        return csv.Sniffer().sniff(_head(text), delimiters="".join(choices)).delimiter
    except csv.Error:
        return choices[0]


def _first_full(widths: list[int]) -> int:
    """The width of the heading, whatever title stands above it: the first that is at least half of the most."""
    return next(width for width in widths if width * 2 >= max(widths))


def _head(text: str) -> str:
    return "".join(islice(io.StringIO(text, newline=""), _SAMPLE_ROWS))[:20_000]


def _parsed(text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise _unreadable(number, str(problem)) from None


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if len(line) > _LONGEST_LINE:
            raise InvalidInput(
                f"A line of the file has more than {_LONGEST_LINE:,} characters, so it is no table that "
                "Onfile can read. Check that the right file was chosen.",
                code="file_too_large",
            )
        yield line


def _unreadable(number: int, problem: str) -> InvalidInput:
    if "field larger" in problem:
        what = f"a cell with more than {_LONGEST_LINE:,} characters, or a quotation mark that is never closed"
    elif "unexpected end" in problem:
        what = "a quotation mark that is opened and never closed"
    else:
        what = "text behind a closing quotation mark"
    return InvalidInput(
        f"Row {number} cannot be read: it holds {what}, so it is not clear where a cell ends. "
        'Write quotation marks inside a cell twice (""), or save the table as an Excel workbook (.xlsx).',
        field=f"row {number}",
        code="quotes_damaged",
    )
