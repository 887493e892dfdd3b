"""Batches of links: who is asked for a card together, and what becomes of each before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lib.domain.identity import readable_line
from lib.domain.runs import Finding
from lib.errors import InvalidInput

_LONGEST_NAME = 120


class BatchState(StrEnum):
    DRAFT = "draft"
    MAKING = "making"
    MADE = "made"
    DISCARDED = "discarded"


BATCH_STEPS: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.DRAFT: frozenset({BatchState.MAKING, BatchState.DISCARDED}),
    BatchState.MAKING: frozenset({BatchState.MADE}),
    BatchState.MADE: frozenset(),
    BatchState.DISCARDED: frozenset(),
}


class BatchSource(StrEnum):
    FILE = "file"
    PASTED = "pasted"
    CUSTOMERS = "customers"
    """Chosen in a list or by a filter."""
    RUN = "run"
    """Failed rows of a charge run."""


class LinkRowState(StrEnum):
    """What is expected of a row, and once it is decided what became of it."""

    NEW = "new"
    NEW_CUSTOMER = "new_customer"
    """Nobody has this address: a customer is made when the link is first opened."""
    EXISTING = "existing"
    HAS_CARD = "has_card"
    ENDED = "ended"
    """The last link that asked the same was revoked by a person, or expired."""
    FAILED = "failed"
    CREATED = "created"


EXPECTED_STATES = frozenset(LinkRowState) - {LinkRowState.CREATED}
"""
What an undecided row may say, and go on to any other. A decided one stays as it is, and only a decided
one is created.
"""
TO_MAKE = frozenset({LinkRowState.NEW, LinkRowState.NEW_CUSTOMER})
"""Of an undecided row: a link is going to be made."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A row as its maker wrote it, with what could not be read of it."""

    number: int
    cells: tuple[str, ...]
    customer: str = ""
    """A customer's id, or an address; nothing where `email` says who."""
    email: str = ""
    name: str | None = None
    currency: str | None = None
    reference: str | None = None
    locale: str | None = None
    charge_id: str | None = None
    """The failed charge that the link is to recover."""
    expiring_method: str | None = None
    """The saved method that is to be replaced."""
    findings: tuple[Finding, ...] = ()
    customer_is_chosen: bool = False
    """By a person: among customers that look the same it is the very one."""

    @property
    def who(self) -> str:
        return self.customer or self.email


@dataclass(frozen=True, slots=True)
class LinkRow:
    batch_id: str
    number: int
    """As the spreadsheet counts: the header is row 1."""
    request: LinkRequest
    state: LinkRowState
    findings: tuple[Finding, ...]
    customer: str | None
    link_id: str | None
    decided_at: int | None = None
    same_as: int | None = None
    """While it is judged: the row of the file that asks the same and gets the link."""


@dataclass(frozen=True, slots=True)
class LinkBatch:
    id: str
    state: BatchState
    source: BatchSource
    name: str
    header: tuple[str, ...]
    created_by: str
    created_at: int
    file_name: str | None = None
    file_digest: str | None = None
    """SHA-256 of the file's bytes."""
    reading: Mapping[str, Any] | None = None
    despite_card: bool = False
    renew: bool = False
    started_at: int | None = None
    finished_at: int | None = None


@dataclass(frozen=True, slots=True)
class BatchCounts:
    rows: int
    decided: int
    by_state: Mapping[LinkRowState, int]

    def of(self, *states: LinkRowState) -> int:
        return sum(self.by_state.get(state, 0) for state in states)


def will_be_made(state: LinkRowState, *, despite_card: bool, renew: bool) -> bool:
    """Whether a link is made for a row of this state, with what a person chose for the batch."""
    return (
        state in TO_MAKE
        or (state is LinkRowState.HAS_CARD and despite_card)
        or (state is LinkRowState.ENDED and renew)
    )


def clean_name(name: str) -> str:
    """
    Raises:
        InvalidInput: empty, too long, or with letters that cannot be shown.
    """
    cleaned = readable_line(name, what="name of the batch", field="name")
    if not cleaned or len(cleaned) > _LONGEST_NAME:
        raise InvalidInput(
            f"A batch of links needs a name of at most {_LONGEST_NAME} characters.", field="name"
        )
    return cleaned


def first_message(findings: Iterable[Finding]) -> Finding | None:
    """The gravest of what was found, for a line that has room for one."""
    ordered = sorted(findings, key=lambda finding: finding.severity.value != "red")
    return ordered[0] if ordered else None
