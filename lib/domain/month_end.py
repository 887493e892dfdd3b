"""A month's figures as they were at one moment, and what came after it."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lib.domain.books import CHARGE_COLUMNS, BookColumn, Kind, Line
from lib.domain.days import minute_in_words
from lib.errors import InvalidInput
from lib.money import format_money

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])\Z", re.ASCII)

_OF_A_CHARGE = (
    BookColumn("reference", "Reference"),
    BookColumn("customer_name", "Customer"),
    BookColumn("amount", "Amount", Kind.AMOUNT),
    BookColumn("currency", "Currency"),
)
_IDS = (
    BookColumn("customer", "Customer id"),
    BookColumn("charge_id", "Charge id", meaning="In Onfile."),
)
FAILURE_COLUMNS = (
    BookColumn("charged_at", "Last try", Kind.MOMENT),
    BookColumn("age", "Age", meaning="Days from the last try to the end of the month."),
    *_OF_A_CHARGE,
    BookColumn("state", "State"),
    BookColumn("reason", "Why it failed"),
    BookColumn("next_step", "What to do"),
    *_IDS,
)
REFUND_COLUMNS = (
    BookColumn("at", "Date", Kind.MOMENT),
    *_OF_A_CHARGE,
    BookColumn("state", "State"),
    BookColumn("reason", "Why"),
    BookColumn("id", "Refund id", meaning="At Stripe."),
    *_IDS,
)
DISPUTE_COLUMNS = (
    BookColumn("at", "Date", Kind.MOMENT),
    *_OF_A_CHARGE,
    BookColumn("state", "State"),
    BookColumn("reason", "Why"),
    BookColumn("due_by", "Answer by", Kind.MOMENT),
    BookColumn("id", "Dispute id", meaning="At Stripe."),
    *_IDS,
)
PAYOUT_COLUMNS = (
    BookColumn("at", "Arrives", Kind.MOMENT),
    BookColumn("gross", "Charges", Kind.AMOUNT),
    BookColumn("fees", "Fees", Kind.AMOUNT),
    BookColumn("refunds", "Refunds", Kind.AMOUNT),
    BookColumn("disputes", "Disputes", Kind.AMOUNT),
    BookColumn("other", "Other", Kind.AMOUNT, "What the account moved besides."),
    BookColumn("amount", "Payout", Kind.AMOUNT, "What reaches the bank."),
    BookColumn("currency", "Currency"),
    BookColumn(
        "ours", "Of it Onfile's charges", Kind.AMOUNT, "Net of the charges made with Onfile."
    ),
    BookColumn("state", "State"),
    BookColumn("id", "Payout id", meaning="At Stripe."),
)
DIFFERENCE_COLUMNS = (
    BookColumn("what", "What"),
    BookColumn("id", "Id"),
    BookColumn("reference", "Reference"),
    BookColumn("field", "Field"),
    BookColumn("before", "In the closing before"),
    BookColumn("after", "In this one"),
)
TABLES: dict[str, tuple[BookColumn, ...]] = {
    "charges": CHARGE_COLUMNS,
    "failures": FAILURE_COLUMNS,
    "refunds": REFUND_COLUMNS,
    "disputes": DISPUTE_COLUMNS,
    "payouts": PAYOUT_COLUMNS,
}
_KEYS = {"charges": "charge_id", "failures": "charge_id"}

Facts = Mapping[str, Any]
"""JSON: the lines of `TABLES`, `sums`, `settled`, `runs`, `checks`, `fees_unknown`, `month`, `timezone`."""


@dataclass(frozen=True, slots=True)
class Month:
    year: int
    number: int

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def before(self) -> Month:
        return Month(self.year, self.number - 1) if self.number > 1 else Month(self.year - 1, 12)

    @property
    def in_words(self) -> str:
        return f"{calendar.month_name[self.number]} {self.year}"

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class Closing:
    """Figures of a month as they were when somebody closed it; never changed afterwards."""

    month: str
    number: int
    """From 1; a later one of the same month lists what is different."""
    closed_by: str
    closed_at: int
    audit_head: str
    facts: Facts
    differences: Sequence[Line]


def month_of(text: str) -> Month:
    """
    Raises:
        InvalidInput: not a month such as 2026-11.
    """
    match = _MONTH.match(text.strip())
    if match is None:
        raise InvalidInput(
            f"“{text.strip()[:24]}” is not a month. Write the year first: 2026-11.",
            field="month",
            code="month_invalid",
        )
    return Month(int(match[1]), int(match[2]))


def age_in_words(days: int) -> str:
    """The group of an open failure that is so many days old at the end of the month."""
    for most, words in ((7, "0 to 7 days"), (30, "8 to 30 days"), (60, "31 to 60 days")):
        if days <= most:
            return words
    return "older than 60 days"


def differences(before: Facts, after: Facts) -> list[Line]:
    """What a closing has otherwise than the one before it, table by table and field by field."""
    lines: list[Line] = []
    for table, columns in TABLES.items():
        key = _KEYS.get(table, "id")
        was = {line[key]: line for line in before[table]}
        now = {line[key]: line for line in after[table]}
        for id_ in sorted({*was, *now}, key=str):
            lines += _differences_of(table, str(id_), was.get(id_), now.get(id_), columns)
    return lines


def readable(lines: Sequence[Line], facts: Facts) -> list[Line]:
    """Differences as people read them: amounts with their currency, times in the installation's zone."""
    by_id = {
        (table, str(line[_KEYS.get(table, "id")])): line
        for table in TABLES
        for line in facts[table]
    }
    return [_readable(line, by_id, str(facts["timezone"])) for line in lines]


def _readable(difference: Line, by_id: Mapping[tuple[str, str], Line], timezone: str) -> Line:
    table = f"{str(difference['what']).lower()}s"
    columns = {one.heading: one for one in TABLES.get(table, ())}
    column = columns.get(str(difference["field"]))
    if column is None or column.kind not in (Kind.AMOUNT, Kind.MOMENT):
        return difference
    code = by_id.get((table, str(difference["id"])), {}).get(column.currency)

    def shown(text: str) -> str:
        if not text:
            return ""
        if column.kind is Kind.MOMENT:
            return minute_in_words(int(text), timezone)
        return format_money(int(text), str(code).lower()) if code else text

    return {
        **difference,
        "before": shown(str(difference["before"] or "")),
        "after": shown(str(difference["after"] or "")),
    }


def _differences_of(
    table: str, id_: str, was: Line | None, now: Line | None, columns: Sequence[BookColumn]
) -> list[Line]:
    what = table.removesuffix("s").capitalize()
    reference = (now or was or {}).get("reference")
    if was is None or now is None:
        before, after = ("", "added") if was is None else ("there", "gone")
        return [_difference(what, id_, reference, "", before, after)]
    return [
        _difference(
            what,
            id_,
            reference,
            column.heading,
            "" if was.get(column.name) is None else str(was[column.name]),
            "" if now.get(column.name) is None else str(now[column.name]),
        )
        for column in columns
        if was.get(column.name) != now.get(column.name)
    ]


def _difference(
    what: str, id_: str, reference: object, field: str, before: str, after: str
) -> Line:
    return {
        "what": what,
        "id": id_,
        "reference": str(reference) if reference is not None else None,
        "field": field,
        "before": before,
        "after": after,
    }
