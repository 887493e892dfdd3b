"""What runs, in words and as a bar: what people read while they wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.progress import COUNTED, NAMES, counts, describe, duration, fraction, step

KINDS = ("sync", "backfill", "verify")
numbers = st.integers(0, 10**9)
reports = st.fixed_dictionaries(
    {"doing": st.sampled_from([*COUNTED, "", "something new"])},
    optional={
        "done": numbers,
        "rate": numbers,
        "remaining": st.none() | numbers,
        "seconds_left": st.none() | numbers,
        "windows": numbers,
        "windows_of": numbers,
        **dict.fromkeys(COUNTED, numbers),
    },
)


@pytest.mark.parametrize(
    ("kind", "progress", "words"),
    [
        ("backfill", {}, "Starting"),
        (
            "backfill",
            {
                "doing": "customers",
                "done": 12_300,
                "rate": 2_290,
                "remaining": 412_000,
                "seconds_left": 180,
            },
            "Reading customers · 12,300 so far · 2,290 a second · about 3 min left in this step",
        ),
        (
            "backfill",
            {"doing": "checkout_sessions", "done": 100, "remaining": None},
            "Reading setup sessions · 100 so far · how many there are is not known yet",
        ),
        (
            "backfill",
            {"doing": "charges", "done": 7, "rate": 3, "remaining": 0},
            "Reading charges at Stripe · 7 so far · 3 a second · nearly done with this step",
        ),
        (
            "backfill",
            {"doing": "payment_methods", "done": 64, "remaining": 1_200},
            "Reading saved methods · 64 customers so far · about 1,200 to go",
        ),
        ("sync", {"doing": "events", "events": 3}, "Reading what changed · 3 so far"),
        ("sync", {"doing": "setup_intents"}, "Reading SetupIntents · 0 so far"),
        ("sync", {"doing": "new_things"}, "Reading new things · 0 so far"),
        ("verify", {"doing": "events"}, "First reading what changed"),
        (
            "verify",
            {"doing": "refunds", "windows": 1_000, "windows_of": 2_500},
            "Comparing refunds · 1,000 of 2,500 parts",
        ),
    ],
)
def test_in_words(kind: str, progress: dict[str, Any], words: str) -> None:
    assert describe(kind, progress) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under a minute"),
        (59, "under a minute"),
        (60, "about 1 min"),
        (150, "about 2 min"),
        (89 * 60, "about 89 min"),
        (90 * 60, "about 2 h"),
        (10 * 3600, "about 10 h"),
    ],
)
def test_how_long(seconds: int, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("kind", "progress", "part"),
    [
        ("sync", {}, 0.05),
        ("sync", {"doing": "events"}, 0.3),
        ("sync", {"doing": "customers"}, 0.5),
        ("sync", {"doing": "checkout_sessions"}, 0.8),
        ("backfill", {}, 0.02),
        ("backfill", {"doing": "customers", "done": 0, "remaining": None}, 0),
        ("backfill", {"doing": "customers", "done": 50, "remaining": 50}, 0.5 / 8),
        ("backfill", {"doing": "setup_intents", "done": 1, "remaining": 0}, 3 / 8),
        ("backfill", {"doing": "payment_methods", "done": 9, "remaining": 0}, 1),
        ("verify", {"doing": "customers", "windows": 1, "windows_of": 4}, 0.25 / 8),
        ("verify", {"doing": "payment_methods", "windows": 3, "windows_of": 3}, 1),
        ("verify", {"doing": "events"}, 0.02),
    ],
)
def test_how_far(kind: str, progress: dict[str, Any], part: float) -> None:
    assert fraction(kind, progress) == pytest.approx(part)


@given(st.sampled_from(KINDS), reports)
def test_whatever_is_reported_can_be_shown(kind: str, progress: dict[str, Any]) -> None:
    assert 0 <= fraction(kind, progress) <= 1
    assert describe(kind, progress)
    assert step("backfill", progress) == "" or progress["doing"] in NAMES


def test_steps_are_counted_in_the_order_of_reading() -> None:
    assert step("backfill", {"doing": "customers"}) == "Step 1 of 8"
    assert step("verify", {"doing": "payment_methods"}) == "Step 8 of 8"
    assert step("sync", {"doing": "events"}) == step("sync", {}) == ""
    assert step("rebuild", {"doing": "taking_over"}) == "Step 7 of 7"


def test_a_rebuild_says_what_it_does_and_took_over() -> None:
    adopted = {"charges": 1, "attempts": 2, "refunds": 0, "links": 3}
    assert describe("rebuild", {"doing": "marks", "payment_intents": 1_200}) == (
        "Searching for our payments · 1,200 read so far"
    )
    assert describe("rebuild", {"doing": "taking_over", "adopted": adopted}) == (
        "Taking over · 1 charge, 2 tries, 3 setup links"
    )
    assert describe("rebuild", {"doing": "taking_over"}) == "Taking over · nothing"
    assert describe("rebuild", {"doing": "refunds", "refunds": 5}).startswith("Reading refunds · 5")
    assert fraction("rebuild", {"doing": "taking_over"}) == pytest.approx(6 / 7)


def test_the_bar_never_goes_back_from_one_step_to_the_next() -> None:
    bars = [
        fraction("backfill", {"doing": type_, "done": done, "remaining": 10 - done})
        for type_ in NAMES
        for done in range(11)
    ]
    assert bars == sorted(bars)


def test_what_was_read_by_plain_names() -> None:
    found = counts({"customers": 2, "events": 5, "charges": 0, "refunds": None, "requests": 9})
    assert found == [("Customers", 2), ("Events", 5)]
