"""
Phases 2 and 3 of whatever moves money: a single charge, a row of a run, a refund (docs/decisions/004).

The row with its key and parameters is committed by then. Stripe is asked once, outside any transaction,
and its answer is recorded. Nothing here, and nobody who calls this, retries around the request.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.charges import SAME_KEY_SECONDS
from lib.errors import Busy, DatabaseDamaged, GatewayError
from lib.retries import tries
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

Row = TypeVar("Row")
"""What says exactly what is sent, and under which key."""
Result = TypeVar("Result")
"""What one answer says about the row."""
Made = TypeVar("Made")
"""The object at Stripe."""

Work = Callable[[Stores], None]


@dataclass(frozen=True, slots=True)
class SendState:
    """A row as it is right before the request leaves."""

    is_open: bool
    """Nobody has concluded what became of it."""
    is_untouched: bool
    """Only its sender has written to it; whoever takes a row over writes that down first."""
    requested_at: int
    must_not_leave: bool = False
    """A person forbade it since it was written down."""


class _NotSent(Exception):
    def __init__(self, *, was_never_sent: bool) -> None:
        super().__init__("not sent")
        self.was_never_sent = was_never_sent


class SendAndRecord(ABC, Generic[Row, Result, Made]):
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def send(self, row: Row, *, commit: Callable[[Work], object] | None = None) -> Result:
        """
        Both phases; afterwards the row says what became of it.

        Args:
            commit: runs the recording inside a transaction; one of its own when None.

        Raises:
            sqlite3.Error: Stripe was asked, and the answer could not be recorded. The row stays
                open, and is resolved by evidence.
        """
        asked_at_ms = epoch_ms(self._clock())
        result, made = self.ask(row)

        def record(stores: Stores) -> None:
            self.record(stores, row, result, made, asked_at_ms=asked_at_ms)

        # Around phase 3 only: a database that is busy or full must never send a charge again.
        for again in tries(
            on=sqlite3.OperationalError, attempts=5, timeout=30, wait_initial=0.2, wait_max=3.0
        ):
            with again:
                (commit or self._commit)(record)
        return result

    def ask(self, row: Row) -> tuple[Result, Made | None]:
        """
        Phase 2 alone: exactly what the row says, under its key.

        Safe to call again for the same row while its key is young: Stripe then answers what it
        answered before. Later, or once others gave the row up, nothing is sent. Only 429, which
        Stripe gives before executing, is repeated here.
        """
        try:
            for again in tries(on=Busy, attempts=4, timeout=15, wait_initial=0.5, wait_max=4.0):
                with again:
                    made = self._request(row, partial(self._last_look, row))
        except _NotSent as not_sent:
            return self._result_of_none(was_never_sent=not_sent.was_never_sent), None
        except GatewayError as error:
            return self._result_of_error(error), None
        return self._result_of(row, made), made

    def _last_look(self, row: Row) -> None:
        """
        A process may have been stopped since it wrote the row down, or waited long for its turn.

        Raises:
            _NotSent: the key may be too old, others concluded what became of it, a person forbade it, or the
                database is damaged.
            sqlite3.Error: it cannot be read.
        """
        state = self._state(row)
        if not state.is_open:
            raise _NotSent(was_never_sent=False)
        if state.must_not_leave:
            raise _NotSent(was_never_sent=state.is_untouched)
        try:
            self._uow.must_be_sound()
        except DatabaseDamaged as error:
            raise _NotSent(was_never_sent=state.is_untouched) from error
        if epoch(self._clock()) - state.requested_at >= SAME_KEY_SECONDS:
            raise _NotSent(was_never_sent=state.is_untouched)

    def _commit(self, work: Work) -> None:
        with self._uow.write() as stores:
            work(stores)

    @abstractmethod
    def _state(self, row: Row) -> SendState: ...

    @abstractmethod
    def _request(self, row: Row, last_look: Callable[[], None]) -> Made:
        """Ask Stripe, once, with `last_look` right before the request leaves."""

    @abstractmethod
    def _result_of(self, row: Row, made: Made) -> Result:
        """What Stripe made; unknown when it is not what the row says was sent."""

    @abstractmethod
    def _result_of_error(self, error: GatewayError) -> Result:
        """What an error says about the first sending of a row."""

    @abstractmethod
    def _result_of_none(self, *, was_never_sent: bool) -> Result:
        """Nothing was sent now; unless nothing ever was, an earlier request may have arrived."""

    @abstractmethod
    def record(
        self, stores: Stores, row: Row, result: Result, made: Made | None, *, asked_at_ms: int
    ) -> None: ...
