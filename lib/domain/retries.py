"""Rules for trying a failed charge again on a method; if it may not be, why and until when."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.domain.charges import MOST_ATTEMPTS, Attempt, Outcome
from lib.domain.declines import Failure, Reason, explain
from lib.domain.mirror import PaymentMethod
from lib.domain.payment_methods import MethodChoice, choose
from lib.money import Money

_FAILED = (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER)


@dataclass(frozen=True, slots=True)
class RetryRefusal:
    message: str
    code: str
    reason: Reason
    """Why the last try on this method failed; of too many tries, the last of all."""
    not_before: int | None = None
    """Unix seconds; None when waiting does not help."""


def method_of(attempt: Attempt) -> str:
    """The PaymentMethod that was sent."""
    return str(json.loads(attempt.params)["payment_method"])


def was_tried(attempts: Sequence[Attempt], method_id: str) -> bool:
    """Whether a bank has seen this method for these attempts' debt."""
    return any(method_of(attempt) == method_id for attempt in _seen_by_a_bank(attempts))


def why_not_again(
    attempts: Sequence[Attempt], method_id: str, now: int, *, money: Money
) -> RetryRefusal | None:
    """
    None when the method may be charged for this debt now; another method may, unless too many.

    `attempts` are all tries to collect the debt, of whatever sum, oldest first, and also those of
    charges that were given up since: giving up must not wash a card clean. Only the waiting time is the
    sum's own: after "not enough money" a smaller one may be charged at once.
    """
    attempts = _seen_by_a_bank(attempts)
    same_method = [attempt for attempt in attempts if method_of(attempt) == method_id]
    if len(attempts) >= MOST_ATTEMPTS:
        return RetryRefusal(
            f"This was tried {len(attempts)} times. Card networks punish more; ask for another way to pay.",
            "too_many_attempts",
            _failure(attempts[-1], now).reason,
        )
    failed = [attempt for attempt in same_method if attempt.outcome in _FAILED]
    if not failed or failed[-1] is not same_method[-1]:
        return None
    failure = _failure(failed[-1], now)
    if not failure.retry_allowed:
        return RetryRefusal(
            f"{failure.explanation.staff} {failure.explanation.next_step}",
            "retry_not_allowed",
            failure.reason,
        )
    same_sum = [attempt for attempt in failed if _money_of(attempt) == money]
    if not same_sum:
        return None
    failure = _failure(same_sum[-1], now)
    if failure.retry_not_before is not None and failure.retry_not_before > now:
        when = datetime.fromtimestamp(failure.retry_not_before, UTC)
        return RetryRefusal(
            f"{failure.explanation.staff} Not before {when:%d %b %Y %H:%M} UTC with the same card; another card may be charged now.",
            "retry_too_early",
            failure.reason,
            failure.retry_not_before,
        )
    return None


def choose_method(
    methods: Sequence[PaymentMethod],
    default: str | None,
    *,
    tried: Sequence[Attempt],
    money: Money | None,
    now: int,
    never_again: Set[str] = frozenset(),
) -> MethodChoice | None:
    """
    `payment_methods.choose` for a debt that was `tried` before; without `money` nothing is refused yet.

    `never_again` are the fingerprints of cards that a bank has stopped for every debt.
    """
    stopped = {one.id for one in methods if one.fingerprint in never_again}
    return choose(
        methods,
        default,
        datetime.fromtimestamp(now, UTC).date(),
        was_tried=lambda method: was_tried(tried, method),
        is_refused=lambda method: (
            method in stopped
            or (money is not None and why_not_again(tried, method, now, money=money) is not None)
        ),
    )


def _seen_by_a_bank(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Without what Stripe never executed: no bank and no card network saw it."""
    return [attempt for attempt in attempts if attempt.outcome is not Outcome.NOT_EXECUTED]


def _failure(attempt: Attempt, now: int) -> Failure:
    return explain(attempt.decline, http_status=attempt.http_status, at=attempt.outcome_at or now)


def _money_of(attempt: Attempt) -> Money:
    params = json.loads(attempt.params)
    return Money(int(params["amount"]), str(params["currency"]))
