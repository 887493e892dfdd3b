"""What makes a run stop by itself, answer by answer, and how many charges fly at once."""

from __future__ import annotations

import pytest

from lib.domain.breaker import NOT_WRITTEN, Breaker, RowResult, Throttle
from lib.domain.charges import Outcome

PAID = RowResult(Outcome.SUCCEEDED, http_status=200)
DECLINED = RowResult(Outcome.DECLINED, http_status=402)
BLOCKED = RowResult(Outcome.DECLINED, http_status=402, is_blocked=True)
UNKNOWN = RowResult(Outcome.UNKNOWN)
BUSY = RowResult(Outcome.NOT_EXECUTED, http_status=429)


def after(*answers: RowResult) -> str | None:
    """Why it stops at the last of them; it must not before."""
    breaker = Breaker()
    for answer in answers[:-1]:
        assert breaker.note(answer) is None
    stop = breaker.note(answers[-1])
    return stop.code if stop is not None else None


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([PAID] * 50, None),
        ([UNKNOWN] * 4, None),
        ([UNKNOWN] * 5, "no_answers"),
        ([*[UNKNOWN] * 4, PAID, *[UNKNOWN] * 4], None),
        ([*[UNKNOWN] * 4, DECLINED, *[UNKNOWN] * 4], None),
        ([UNKNOWN, BUSY, UNKNOWN, BUSY, UNKNOWN, BUSY, UNKNOWN, BUSY, UNKNOWN], "no_answers"),
        ([BUSY] * 4, None),
        ([BUSY] * 5, "not_taken"),
        ([*[BUSY] * 4, PAID, *[BUSY] * 4], None),
        ([BLOCKED] * 5, "blocked_by_stripe"),
        ([*[BLOCKED] * 4, UNKNOWN, BLOCKED], "blocked_by_stripe"),
        ([*[BLOCKED] * 4, DECLINED, *[BLOCKED] * 4], None),
        ([DECLINED] * 19, None),
        ([*[PAID] * 8, *[DECLINED] * 12], None),
        ([*[PAID] * 7, *[DECLINED] * 13], "many_declines"),
        ([*[PAID] * 100, *[DECLINED] * 13], "many_declines"),
        ([RowResult(Outcome.NOT_EXECUTED, http_status=401)], "key_refused"),
        ([RowResult(Outcome.NOT_EXECUTED, http_status=403)], "key_refused"),
        ([RowResult(Outcome.UNKNOWN, code="idempotency_error")], "key_reused"),
        ([RowResult(Outcome.UNKNOWN, stop=NOT_WRITTEN)], "not_written"),
    ],
)
def test_stops(answers: list[RowResult], code: str | None) -> None:
    assert after(*answers) == code


def test_fewer_fly_after_a_429_or_an_unknown_and_more_after_each_other_answer() -> None:
    throttle = Throttle(most=8, allowed=4)
    for answer, allowed in (
        (PAID, 5),
        (DECLINED, 6),
        (PAID, 7),
        (PAID, 8),
        (PAID, 8),
        (BUSY, 4),
        (UNKNOWN, 2),
        (BUSY, 1),
        (BUSY, 1),
        (PAID, 2),
    ):
        throttle.note(answer)
        assert throttle.allowed == allowed


def test_never_more_than_asked_for() -> None:
    assert Throttle(most=1).allowed == 1
