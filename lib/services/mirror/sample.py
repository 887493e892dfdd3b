"""
Samples of a type that a verification compares: windows of `created`, each cut downward from a moment so that
at most 80 of ours lie in it. Together they may cover all of time, so whatever is missing lies in one.

Where much is missing there are few of ours, so that counting ours would step over it. Samples
are therefore drawn by time: where nothing is, as much as where most is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from lib.domain.verification import WINDOW_OBJECTS, VerificationResult, VerificationRound
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# Moments in time that are looked at: where nothing is for longest, and any.
_MOMENTS = 3
_DRAWS = 10
# With so few, each is looked at.
_FEW_WINDOWS = 6
_GAPS_SECONDS = 90 * 86_400
_RANDOM_CUSTOMERS = 5
_CUSTOMERS_IN_TURN = 5


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """From `created_from` on and before `created_before`."""

    created_from: int
    created_before: int
    is_in_turn: bool = False
    """Next of those that cover everything in the course of time."""


class Samples:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        # Which windows are looked at must not be foreseeable by a pattern in the data.
        self.random: random.Random = random.SystemRandom()

    def parts(
        self, verification: VerificationResult, end: int, *, full: bool
    ) -> Iterator[SampleWindow]:
        """What to compare, read as the comparison goes on; `verification` learns how much there is."""
        with self._uow.read() as stores:
            count = stores.comparing.count(verification.type, before=end)
            verification.windows_of = max(1, -(-count // WINDOW_OBJECTS))
            verification.is_full = full or verification.windows_of <= _FEW_WINDOWS
            some = [] if verification.is_full else self._some(stores, verification.type, end)
        return self._all(verification.type, end) if verification.is_full else iter(some)

    def _all(self, type_: str, end: int) -> Iterator[SampleWindow]:
        """Newest first."""
        before = end
        while before > 0:
            with self._uow.read() as stores:
                first = stores.comparing.window_below(type_, before, WINDOW_OBJECTS)
            yield SampleWindow(first, before)
            before = first

    def _some(self, stores: Stores, type_: str, end: int) -> list[SampleWindow]:
        oldest, newest = stores.comparing.bounds(type_, before=end)
        begin = _begin(stores.sync.rounds().get(type_), end)
        parts = [SampleWindow(self._below(stores, type_, begin), begin, is_in_turn=True)]
        if begin == end:
            # That was the newest, which is looked at anyway.
            first = parts[0].created_from
            parts.append(SampleWindow(self._below(stores, type_, first), first, is_in_turn=True))
        parts.append(SampleWindow(self._below(stores, type_, end), end))
        # Reaches back to whatever was made before anything that is here.
        parts.append(SampleWindow(0, oldest + 1))
        gaps = (
            stores.comparing.end_of_widest_gap(type_, since=since, before=end)
            for since in (max(oldest, end - _GAPS_SECONDS), oldest)
        )
        moments = list(dict.fromkeys(gap for gap in gaps if gap is not None))
        while len(moments) < _MOMENTS:
            moments.append(self._moment(oldest, newest, parts))
        for moment in moments:
            parts.append(SampleWindow(self._below(stores, type_, moment + 1), moment + 1))
        return _without_overlap(parts)

    def _moment(self, oldest: int, newest: int, parts: list[SampleWindow]) -> int:
        """Any, each as likely as another; rather not one that is looked at already."""
        for _ in range(_DRAWS):
            moment = self.random.randint(oldest, newest)
            if not any(part.created_from <= moment < part.created_before for part in parts):
                break
        return moment

    def _below(self, stores: Stores, type_: str, before: int) -> int:
        return stores.comparing.window_below(type_, before, WINDOW_OBJECTS)

    def compared(
        self, verification: VerificationResult, part: SampleWindow, reached: int, end: int
    ) -> None:
        """A part was compared from `reached` on, which is later than asked for where much lies there."""
        if reached > part.created_from:
            verification.is_full = False
        if not part.is_in_turn:
            return
        with self._uow.write() as stores:
            round_ = stores.sync.rounds().get(verification.type) or VerificationRound(
                verification.type, verification.verified_at
            )
            if _begin(round_, end) != part.created_before:
                return
            if part.created_before == end:
                round_.began_at = verification.verified_at
            left = stores.comparing.count(verification.type, before=reached) if reached else 0
            _step(
                round_, str(reached) if reached else None, verification, -(-left // WINDOW_OBJECTS)
            )
            stores.sync.save_round(round_)

    def customers(self, verification: VerificationResult, *, full: bool) -> Iterator[str]:
        """Whose saved methods to compare: Stripe lists them per customer only."""
        with self._uow.read() as stores:
            verification.windows_of = stores.mirror.count_living_customers()
            verification.is_full = (
                full or verification.windows_of <= _RANDOM_CUSTOMERS + _CUSTOMERS_IN_TURN
            )
            round_ = stores.sync.rounds().get(verification.type) or VerificationRound(
                verification.type, verification.verified_at
            )
            if not verification.is_full:
                some = stores.mirror.some_living_customers(_RANDOM_CUSTOMERS)
                in_turn = stores.mirror.living_customers(
                    after=round_.position or "", limit=_CUSTOMERS_IN_TURN
                )
                last = in_turn[-1] if len(in_turn) == _CUSTOMERS_IN_TURN else None
                left = stores.mirror.count_living_customers(after=last) if last else 0
        if verification.is_full:
            yield from self._every_customer()
            return
        yield from dict.fromkeys([*in_turn, *some])
        if round_.position is None:
            round_.began_at = verification.verified_at
        _step(round_, last, verification, -(-left // _CUSTOMERS_IN_TURN))
        with self._uow.write() as stores:
            stores.sync.save_round(round_)

    def _every_customer(self) -> Iterator[str]:
        after = ""
        while True:
            with self._uow.read() as stores:
                batch = stores.mirror.living_customers(after=after, limit=500)
            if not batch:
                return
            yield from batch
            after = batch[-1]

    def ended(self, verification: VerificationResult) -> None:
        """Once everything was compared at one go, the turns begin anew."""
        if not verification.is_full or verification.error:
            verification.is_full = False
            return
        with self._uow.write() as stores:
            stores.sync.save_round(
                VerificationRound(
                    verification.type,
                    verification.verified_at,
                    stepped_at=verification.verified_at,
                    covered_since=verification.verified_at,
                )
            )


def _begin(round_: VerificationRound | None, end: int) -> int:
    if round_ is None or round_.position is None:
        return end
    # One in the future was written by a clock that was wrong.
    return min(int(round_.position), end)


def _step(
    round_: VerificationRound,
    position: str | None,
    verification: VerificationResult,
    windows_left: int,
) -> None:
    round_.position = position
    round_.windows_left = windows_left
    round_.stepped_at = verification.verified_at
    if position is None:
        round_.covered_since = round_.began_at


def _without_overlap(parts: list[SampleWindow]) -> list[SampleWindow]:
    """Nothing twice: what comes first in the list keeps all of it."""
    kept: list[SampleWindow] = []
    for part in parts:
        first, before = part.created_from, part.created_before
        for other in kept:
            if other.created_from <= first < other.created_before:
                first = other.created_before
            if other.created_from < before <= other.created_before:
                before = other.created_from
        if first < before:
            kept.append(SampleWindow(first, before, part.is_in_turn))
    return kept
