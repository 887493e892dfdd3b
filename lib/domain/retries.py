"""Rules for trying a failed charge again on a method; if it may not be, why and until when."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date

from lib.domain.charges import MOST_ATTEMPTS, Attempt, Outcome
from lib.domain.days import day_in_words, minute_in_words
from lib.domain.declines import Failure, Reason, explain
from lib.domain.mirror import PaymentMethod
from lib.domain.payment_methods import (
    MethodChoice,
    cannot_take,
    choose,
    label,
    why_not_usable,
)
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

    def in_words(self, timezone: str) -> str:
        """The message, and from when on the same method may be charged."""
        if self.not_before is None:
            return self.message
        when = minute_in_words(self.not_before, timezone)
        return f"{self.message} The same card may be charged again from {when}."


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
        return RetryRefusal(
            f"{failure.explanation.staff} Another card may be charged now.",
            "retry_too_early",
            failure.reason,
            failure.retry_not_before,
        )
    return None


def earlier_tries(
    attempts: Sequence[Attempt], methods: Sequence[PaymentMethod], now: int, *, timezone: str
) -> str:
    """What was tried for a debt, for whoever decides about another try: how often, the last time, why not."""
    seen = _seen_by_a_bank(attempts)
    times = {1: "once", 2: "twice"}.get(len(seen), f"{len(seen):,} times")
    failed = [attempt for attempt in seen if attempt.outcome in _FAILED]
    if not failed:
        return f"Tried {times} without success"
    last = failed[-1]
    labels = {method.id: label(method) for method in methods}
    when = day_in_words(last.outcome_at or last.requested_at, timezone)
    return (
        f"Tried {times} without success, last {_money_of(last)} on {when} on "
        f"{labels.get(method_of(last), 'a method that is gone')}: {_failure(last, now).explanation.staff.rstrip('.')}"
    )


def choose_method(
    methods: Sequence[PaymentMethod],
    default: str | None,
    *,
    tried: Sequence[Attempt],
    money: Money | None,
    now: int,
    today: date,
    never_again: Set[str] = frozenset(),
) -> MethodChoice | None:
    """
    `payment_methods.choose` for a debt that was `tried` before; without `money` nothing is refused yet.

    `never_again` are the fingerprints of cards that a bank has stopped for every debt.
    """
    stopped = {one.id for one in methods if one.fingerprint in never_again}
    chargeable = [one for one in methods if why_not_usable(one, today) is None]
    able = [one for one in chargeable if money is None or cannot_take(one, money) is None]
    choice = choose(
        able or methods,
        default,
        today,
        was_tried=lambda method: was_tried(tried, method),
        is_refused=lambda method: (
            method in stopped
            or (money is not None and why_not_again(tried, method, now, money=money) is not None)
        ),
    )
    unable = next((one for one in chargeable if one.id == default and one not in able), None)
    if choice is None or unable is None or unable is choice.method:
        return choice
    note = (
        f"The default, {label(unable)}, does not take {money}: {label(choice.method)} is charged."
    )
    return replace(choice, note=note)


def open_methods(
    methods: Sequence[PaymentMethod],
    *,
    tried: Sequence[Attempt],
    money: Money | None,
    now: int,
    today: date,
    never_again: Set[str],
) -> list[PaymentMethod]:
    """Those that `choose_method` would choose between: not tried for the debt, where there are any."""
    chargeable = [
        one
        for one in methods
        if why_not_usable(one, today) is None
        and one.fingerprint not in never_again
        and not (money and cannot_take(one, money))
        and (money is None or why_not_again(tried, one.id, now, money=money) is None)
    ]
    return [one for one in chargeable if not was_tried(tried, one.id)] or chargeable


def _seen_by_a_bank(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Without what Stripe never executed: no bank and no card network saw it."""
    return [attempt for attempt in attempts if attempt.outcome is not Outcome.NOT_EXECUTED]


def _failure(attempt: Attempt, now: int) -> Failure:
    return explain(attempt.decline, http_status=attempt.http_status, at=attempt.outcome_at or now)


def _money_of(attempt: Attempt) -> Money:
    params = json.loads(attempt.params)
    return Money(int(params["amount"]), str(params["currency"]))
