"""
Stripe's read allowance: on average 500 reads a transaction over 30 days, and at least 10 000 a month
(https://docs.stripe.com/rate-limits). How often Onfile looks is fitted into it.
"""

from __future__ import annotations

from dataclasses import dataclass

PERIOD_SECONDS = 30 * 86_400
_LEAST = 10_000
_A_TRANSACTION = 500
_EVERY_SECONDS = 5 * 60
_EVERY_SECONDS_WITH_WEBHOOKS = 60 * 60
# What syncs may use of it; the rest is for people, webhooks and verification.
_FOR_SYNCS = 0.5
# A sync in which little happened.
_READS_A_SYNC = 3
# Above this part verification rests and syncs go down to one an hour.
NEARLY_USED = 0.9
_SLOWEST_SECONDS = 3600
# What failed goes on by itself, the later the more often it failed in a row: a permission that is
# missing for a month must not cost the month's reads.
_TRY_AGAIN_SECONDS = (10 * 60, 3600, 6 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class ReadBudget:
    """Reads of the last 30 days, and how many Stripe allows for as many payments as there were."""

    used: int
    allowed: int

    @property
    def part(self) -> float:
        return self.used / self.allowed

    @property
    def is_nearly_used(self) -> bool:
        return self.part >= NEARLY_USED


def budget(*, used: int, payments: int) -> ReadBudget:
    return ReadBudget(used, max(_LEAST, _A_TRANSACTION * payments))


def sync_interval(budget: ReadBudget, *, has_webhooks: bool) -> int:
    """
    Seconds between two syncs, longer where the allowance demands it.

    With webhooks syncs only close gaps; without them they are how news arrives at all.
    """
    base = _EVERY_SECONDS_WITH_WEBHOOKS if has_webhooks else _EVERY_SECONDS
    if budget.is_nearly_used:
        return max(base, _SLOWEST_SECONDS)
    affordable = PERIOD_SECONDS * _READS_A_SYNC / (budget.allowed * _FOR_SYNCS)
    return max(base, round(affordable))


def resume_after(failures: int, budget: ReadBudget) -> int:
    """Seconds from a backfill that failed, as the last of so many in a row, to the next one."""
    wait = _TRY_AGAIN_SECONDS[min(max(failures, 1), len(_TRY_AGAIN_SECONDS)) - 1]
    return max(wait, _SLOWEST_SECONDS) if budget.is_nearly_used else wait
