"""The journal of charges: which of them belong to a period, and the columns an accountant gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from lib.domain.charges import ChargeState
from lib.domain.days import period_of
from lib.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which charges; a charge belongs to the day of its last try, or on which it was made if never tried."""

    first: date | None = None
    """In the installation's time zone, as `last`; both days included."""
    last: date | None = None
    state: ChargeState | None = None
    customer: str | None = None
    reference: str | None = None
    """In any writing that a person would take for the same."""

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise InvalidInput(
                f"The period ends on {self.last}, before it begins on {self.first}. Give the earlier day first.",
                field="to",
                code="period",
            )

    def moments(self, timezone: str) -> tuple[int, int]:
        """From this moment on, and before that one; Unix seconds."""
        return period_of(self.first, self.last, timezone)

    def as_json(self) -> dict[str, str]:
        """Only what narrows it down."""
        values = {
            "from": self.first and self.first.isoformat(),
            "to": self.last and self.last.isoformat(),
            "state": self.state and self.state.value,
            "customer": self.customer,
            "reference": self.reference,
        }
        return {name: value for name, value in values.items() if value}


def day_of(text: str, *, field: str) -> date:
    """
    Raises:
        InvalidInput: not a day such as 2026-11-30.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"“{text.strip()[:24]}” is not a day. Write the year first: 2026-11-30.",
            field=field,
            code="date_invalid",
        ) from None


class Kind(Enum):
    """What a column holds, and so how a spreadsheet gets it."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    """Minor units of the currency that stands in another column of the row."""
    MOMENT = "moment"
    """Unix seconds; shown in the installation's time zone, which the heading names."""


Cell = str | int | None
Line = Mapping[str, Cell]
"""A row by the names of its columns; JSON keeps it as it is."""


@dataclass(frozen=True, slots=True)
class BookColumn:
    name: str
    heading: str
    kind: Kind = Kind.TEXT
    meaning: str = ""
    currency: str = "currency"
    """Of an amount: the column that has its currency."""

    def title(self, timezone: str) -> str:
        return f"{self.heading} ({timezone})" if self.kind is Kind.MOMENT else self.heading


CHARGE_COLUMNS = (
    BookColumn("charged_at", "Date", Kind.MOMENT, "When the last try was sent to Stripe, or made."),
    BookColumn("reference", "Reference", meaning="What is owed, such as an invoice number."),
    BookColumn("customer_name", "Customer"),
    BookColumn("customer_email", "E-mail"),
    BookColumn("amount", "Amount", Kind.AMOUNT, "What was to be charged."),
    BookColumn("currency", "Currency"),
    BookColumn("state", "State", meaning="How the charge stood when this file was written."),
    BookColumn(
        "refunded", "Refunded", Kind.AMOUNT, "What was given back since, in the same currency."
    ),
    BookColumn("disputed", "Disputed", meaning="“yes” where the customer's bank disputes it."),
    BookColumn(
        "fee",
        "Fee",
        Kind.AMOUNT,
        "What Stripe kept, in the currency of settlement; empty until known.",
        "settled_in",
    ),
    BookColumn("net", "Net", Kind.AMOUNT, "What is left of it after the fee.", "settled_in"),
    BookColumn("settled_in", "Settled in", meaning="The currency of fee and net."),
    BookColumn(
        "available_on", "Available on", Kind.MOMENT, "When Stripe lets the money go to the bank."
    ),
    BookColumn("payout", "Payout id", meaning="The payout at Stripe that holds it."),
    BookColumn("payment_method", "Paid with"),
    BookColumn("reason", "Why it failed"),
    BookColumn("next_step", "What to do"),
    BookColumn("description", "Description"),
    BookColumn("tries", "Tries", Kind.COUNT),
    BookColumn("run", "Run"),
    BookColumn("charged_by", "Charged by"),
    BookColumn("customer", "Customer id", meaning="At Stripe."),
    BookColumn("payment_intent", "Payment id", meaning="The PaymentIntent at Stripe."),
    BookColumn("charge_id", "Charge id", meaning="In Onfile."),
)
SUM_COLUMNS = (
    BookColumn("currency", "Currency"),
    BookColumn("state", "State"),
    BookColumn("count", "Charges", Kind.COUNT),
    BookColumn("amount", "Amount", Kind.AMOUNT),
)


def in_words(state: str) -> str:
    """A state as a heading or cell has it: `needs_customer` is “Needs customer”."""
    return state.replace("_", " ").capitalize()


def line_of(
    row: Mapping[str, Any], columns: Sequence[BookColumn], *, words: Callable[[str], str] = in_words
) -> Line:
    """
    A row of a report, with its currency in capitals.

    Args:
        words: for its state.
    """
    line: dict[str, Cell] = {}
    for column in columns:
        cell = row[column.name]
        if column.name == "state":
            cell = words(cell)
        elif column.name == "currency":
            cell = (cell or "").upper()
        line[column.name] = cell if cell is None or isinstance(cell, str) else int(cell)
    return line


def state_of(words: str) -> str:
    """A state as scripts know it, from `in_words`."""
    return words.lower().replace(" ", "_")


def local(moment: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(moment, ZoneInfo(timezone))
