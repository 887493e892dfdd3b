"""Whether a failed charge may be tried again on a method, and if not, why and until when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.domain.charges import MOST_ATTEMPTS, Attempt, Outcome
from lib.domain.declines import explain


@dataclass(frozen=True, slots=True)
class NotAgain:
    message: str
    code: str
    not_before: int | None = None
    """Unix seconds; None when waiting does not help."""


def method_of(attempt: Attempt) -> str:
    """The PaymentMethod that was sent."""
    return str(json.loads(attempt.params)["payment_method"])


def why_not_again(attempts: Sequence[Attempt], method_id: str, now: int) -> NotAgain | None:
    """None when the method may be charged for this now; another method may, unless too many."""
    # What Stripe never executed, no bank and no card network saw.
    attempts = [attempt for attempt in attempts if attempt.outcome is not Outcome.NOT_EXECUTED]
    if len(attempts) >= MOST_ATTEMPTS:
        return NotAgain(
            f"This was tried {len(attempts)} times. Card networks punish more; ask for another way to pay.",
            "too_many_attempts",
        )
    same_method = [attempt for attempt in attempts if method_of(attempt) == method_id]
    if not same_method:
        return None
    last = same_method[-1]
    if last.outcome not in (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER):
        return None
    failure = explain(last.decline, http_status=last.http_status, at=last.outcome_at or now)
    if not failure.retry_allowed:
        return NotAgain(
            f"{failure.explanation.staff} {failure.explanation.next_step}", "retry_not_allowed"
        )
    if failure.retry_not_before is not None and failure.retry_not_before > now:
        when = datetime.fromtimestamp(failure.retry_not_before, UTC)
        return NotAgain(
            f"{failure.explanation.staff} Not before {when:%d %b %Y %H:%M} UTC with the same card; another card may be charged now.",
            "retry_too_early",
            failure.retry_not_before,
        )
    return None
