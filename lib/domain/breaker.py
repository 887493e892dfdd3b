"""The breaker that stops a run, and the throttle: how many of its charges may be in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from lib.domain.charges import Outcome

# Of this many answers in a row, more than this share declined: the file, the account or the day is
# wrong, and going on would only collect declines that the card networks count against us.
WINDOW = 20
MOST_DECLINED = 0.6
# As many requests in a row without an answer: nobody knows what is happening at Stripe.
MOST_UNKNOWN = 5
# As many in a row that Stripe did not even take.
MOST_NOT_TAKEN = 5
# Stripe's own fraud rules stopped several in a row.
MOST_BLOCKED = 5
# The newest answers that decide, however the others lie between those of the window.
LAST_ANSWERS = WINDOW * (MOST_UNKNOWN + MOST_NOT_TAKEN)
MOST_IN_FLIGHT = 32
_FIRST_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class RunStop:
    code: str
    message: str


NOT_WRITTEN = RunStop(
    "not_written",
    "The database could not be written: it is locked by another program, or the disk is full. What was sent is being found out; resume when it can be written again.",
)


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row that was sent, as the breaker counts it."""

    outcome: Outcome
    http_status: int | None = None
    code: str | None = None
    is_blocked: bool = False
    """Declined by Stripe's own rules, not by the bank."""
    stop: RunStop | None = None
    """Why nothing else may be sent, whatever came before."""


@dataclass(slots=True)
class Breaker:
    """
    Says after each answer whether to go on. Begins anew when a person resumes the run, and only then:
    another executor first notes what the one before it was answered.
    """

    _answers: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _unknown: int = 0
    _not_taken: int = 0
    _blocked: int = 0

    def note_all(self, answers: Iterable[RowResult]) -> RunStop | None:
        """Note each of them, in order; why the run should have stopped, if at any of them."""
        stops = [self.note(answer) for answer in answers]
        return next((stop for stop in stops if stop is not None), None)

    def note(self, answer: RowResult) -> RunStop | None:
        if answer.code == "idempotency_error":
            return RunStop(
                "key_reused",
                "Stripe did not execute a charge, as it knows another try of the same debt: an earlier one of this database, or one of another that "
                "charges this account. Look at the charge that is unknown, and whether another Onfile is at work; then resume.",
            )
        if answer.outcome is Outcome.NOT_EXECUTED and answer.http_status in (401, 403):
            return RunStop(
                "key_refused",
                "Stripe refuses our key, or it lacks a permission. Ask an admin to check it under Settings, then resume.",
            )
        if answer.stop is not None:
            return answer.stop
        if answer.outcome not in (Outcome.UNKNOWN, Outcome.NOT_EXECUTED):
            # Only a word from Stripe about a charge ends a row of them.
            self._unknown = self._not_taken = 0
            self._blocked = self._blocked + 1 if answer.is_blocked else 0
        self._unknown += answer.outcome is Outcome.UNKNOWN
        if self._unknown >= MOST_UNKNOWN:
            return RunStop(
                "no_answers",
                f"{self._unknown} charges in a row got no answer from Stripe. Onfile is finding out what became of them; resume when Stripe answers again.",
            )
        self._not_taken += answer.outcome is Outcome.NOT_EXECUTED
        if self._not_taken >= MOST_NOT_TAKEN:
            return RunStop(
                "not_taken",
                f"Stripe did not take {self._not_taken} charges in a row; it is too busy, or cannot be reached. Nothing of them was charged. Resume later.",
            )
        if self._blocked >= MOST_BLOCKED:
            return RunStop(
                "blocked_by_stripe",
                f"Stripe's own rules blocked {self._blocked} charges in a row. Look at the rules in the Stripe Dashboard, then resume.",
            )
        if answer.outcome in (Outcome.UNKNOWN, Outcome.NOT_EXECUTED):
            return None
        self._answers.append(answer.outcome in (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER))
        declined = sum(self._answers)
        if len(self._answers) == WINDOW and declined > MOST_DECLINED * WINDOW:
            return RunStop(
                "many_declines",
                f"{declined} of the last {WINDOW} charges were declined. Look at the failures below; resume if they are what you expect.",
            )
        return None


@dataclass(slots=True)
class Throttle:
    """
    Charges in flight: one more with every good answer, half after one that Stripe was too busy for.

    Also limits how many outcomes can be unknown at once when the network goes away.
    """

    most: int = MOST_IN_FLIGHT
    allowed: int = _FIRST_IN_FLIGHT

    def __post_init__(self) -> None:
        self.allowed = min(self.allowed, self.most)

    def note(self, answer: RowResult) -> None:
        if answer.http_status == 429 or answer.outcome is Outcome.UNKNOWN:
            self.allowed = max(1, self.allowed // 2)
        else:
            self.allowed = min(self.most, self.allowed + 1)
