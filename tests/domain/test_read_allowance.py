"""Stripe's read allowance, and how often Onfile looks within it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lib.domain.read_allowance import (
    PERIOD_SECONDS,
    ReadBudget,
    budget,
    resume_after,
    sync_interval,
)


def test_five_hundred_reads_a_payment_and_ten_thousand_at_least() -> None:
    assert budget(used=0, payments=0).allowed == 10_000
    assert budget(used=0, payments=20).allowed == 10_000
    assert budget(used=0, payments=21).allowed == 10_500


def test_every_five_minutes_where_the_allowance_lets_it_and_hourly_with_webhooks() -> None:
    rich = ReadBudget(0, 10_000_000)
    assert sync_interval(rich, has_webhooks=False) == 300
    assert sync_interval(rich, has_webhooks=True) == 3600


def test_polling_alone_is_as_often_as_the_readme_says() -> None:
    minutes = [
        sync_interval(budget(used=0, payments=payments), has_webhooks=False) / 60
        for payments in (0, 20, 104, 100_000)
    ]
    assert [round(number) for number in minutes] == [26, 26, 5, 5]


def test_nine_tenths_used_slows_it_to_an_hour() -> None:
    assert sync_interval(ReadBudget(8_999, 10_000), has_webhooks=False) < 3600
    assert sync_interval(ReadBudget(9_000, 10_000), has_webhooks=False) == 3600


@given(st.integers(0, 10**7), st.integers(0, 10**5), st.booleans())
def test_syncs_never_use_more_than_half(used: int, payments: int, has_webhooks: bool) -> None:
    found = budget(used=used, payments=payments)
    syncs = PERIOD_SECONDS / sync_interval(found, has_webhooks=has_webhooks)
    assert 3 * syncs <= found.allowed * 0.501


def test_what_fails_again_and_again_is_tried_less_and_less() -> None:
    hours = [resume_after(failures, ReadBudget(0, 10_000)) / 3600 for failures in range(7)]
    assert hours == [1 / 6, 1 / 6, 1, 6, 24, 24, 24]


def test_and_at_most_hourly_when_the_reads_are_nearly_used() -> None:
    nearly = ReadBudget(9_000, 10_000)
    assert [resume_after(failures, nearly) / 3600 for failures in range(5)] == [1, 1, 1, 6, 24]
