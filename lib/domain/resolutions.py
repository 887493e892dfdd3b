"""Looks at what was sent to Stripe and not answered: charges and refunds alike."""

from __future__ import annotations

from enum import StrEnum

from lib.domain.charges import IN_FLIGHT_SECONDS
from lib.errors import StaleState

# Answers of Stripe's servers differ by less.
CLOCK_MARGIN_SECONDS = 60

Seen = dict[str, object]
"""
What one look asked and found: `at`; `stripe_time` (Stripe's clock then); `same_key` (the HTTP status of the answer, or "no answer"; absent once
the key is too old); `not_sent` (why it was not asked with its key); `events` ("none", "not asked") and `payments` or `refunds` ("none"); `payment_intent` and
its `status` where there is one; `error` when Stripe could not be asked.
"""


class LookResult(StrEnum):
    """What became of a look."""

    FINAL = "final"
    NO_ANSWER = "no_answer"
    """Stripe was asked in every way there is, and nobody knows yet."""
    NOT_ASKED = "not_asked"
    """Stripe could not be asked, which says nothing about what was sent."""


def check_answered(requested_at: int, now: int) -> None:
    """
    Of what has no outcome yet: a request under a date in the future was sent by a clock that was wrong.

    Raises:
        StaleState: its sender may still wait for the answer, so a look would find nothing.
    """
    if 0 <= now - requested_at < IN_FLIGHT_SECONDS:
        raise StaleState(
            "The request is on its way, and Stripe may take a minute to answer it. Nothing was asked; "
            "look again in a minute."
        )


def age_of(
    sent_after: int | None, requested_at: int, outcome_at: int | None, stripe_now: int | None
) -> int | None:
    """
    Seconds since it was sent, by what Stripe's answers said of its time before and now: a clock of this machine
    may jump. None where Stripe does not say its time: then nothing follows from any age.

    Nor does it from a time ahead of Stripe's: somebody else's, between us and Stripe, and the look notes Stripe's own.
    Of what was sent before Onfile kept Stripe's time, by our clock of then, which seems ahead where it was
    known as unknown earlier than it was sent.
    """
    if stripe_now is None:
        return None
    if sent_after is None:
        sent_after = min(requested_at, outcome_at or requested_at)
    age = stripe_now - sent_after
    return age if age >= -CLOCK_MARGIN_SECONDS else None
