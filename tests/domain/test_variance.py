"""What differs from earlier runs, and what to expect: by example and by properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.variance import FEWEST_CHARGES, Past, Tally, expected_yield, variance

A, B, C, D = (("cus_a", "eur"), ("cus_b", "eur"), ("cus_c", "eur"), ("cus_d", "eur"))


class TestVariance:
    def test_nothing_before(self) -> None:
        assert variance({A: 100}, []) is None

    def test_new_missing_and_changed(self) -> None:
        difference = variance({A: 312, B: 100, D: 5}, [{A: 100, B: 100, C: 7}])
        assert difference is not None
        assert (difference.new, difference.missing) == (("cus_d",), ("cus_c",))
        (change,) = difference.changes
        assert (change.customer, change.percent) == ("cus_a", 212)
        (total,) = difference.totals
        assert (total.before, total.after) == (207, 417)

    def test_usual_is_who_was_in_two_of_three(self) -> None:
        difference = variance({A: 1}, [{A: 1, C: 1}, {A: 1, B: 1}, {A: 1, B: 1}])
        assert difference is not None
        assert difference.missing == ("cus_b",)

    def test_new_is_who_was_in_none(self) -> None:
        difference = variance({A: 1, B: 1}, [{A: 1}, {B: 1}])
        assert difference is not None
        assert difference.new == ()

    def test_two_currencies_are_two_sums_of_one_payer(self) -> None:
        difference = variance({A: 100, ("cus_a", "usd"): 50}, [{A: 100}])
        assert difference is not None
        assert (difference.new, difference.changes) == ((), ())
        assert [(t.currency, t.before, t.after) for t in difference.totals] == [
            ("eur", 100, 100),
            ("usd", 0, 50),
        ]

    @pytest.mark.parametrize(
        ("before", "now", "percent"),
        [(100, 150, 50), (100, 49, -51), (3, 5, 67), (100, 0, -100), (1000, 1004, 0)],
    )
    def test_percent_is_rounded_to_whole_ones(self, before, now, percent) -> None:
        difference = variance({A: now}, [{A: before}])
        assert difference is not None
        assert difference.totals[0].percent == percent
        assert bool(difference.changes) == (abs(percent) >= 50)

    @given(
        st.dictionaries(st.sampled_from([A, B, C, D]), st.integers(1, 10**9)),
        st.lists(
            st.dictionaries(st.sampled_from([A, B, C, D]), st.integers(1, 10**9)),
            min_size=1,
            max_size=3,
        ),
    )
    def test_nobody_is_both_new_and_missing(self, now, earlier) -> None:
        difference = variance(now, earlier)
        assert difference is not None
        assert not {*difference.new} & {*difference.missing}
        assert {*difference.new} <= {customer for customer, _ in now}
        assert not {*difference.missing} & {customer for customer, _ in now}


class TestYield:
    def test_by_what_such_customers_did(self) -> None:
        forecast = expected_yield(
            {(Past.PAID, "eur"): (9, 9_000), (Past.NONE, "eur"): (1, 1_000)},
            {Past.PAID: Tally(95, 100), Past.NONE: Tally(20, 40)},
        )
        assert forecast is not None
        assert forecast.expected == {"eur": 8_550 + 500}
        assert (forecast.percent, forecast.charges) == (91, 140)

    def test_a_past_with_little_history_has_everybodys_share(self) -> None:
        forecast = expected_yield(
            {(Past.FAILED, "eur"): (1, 1_000)},
            {Past.PAID: Tally(50, 100), Past.FAILED: Tally(1, 1)},
        )
        assert forecast is not None
        assert forecast.expected == {"eur": 1_000 * 51 // 101}

    @pytest.mark.parametrize("charges", [0, FEWEST_CHARGES - 1])
    def test_without_history_nothing_is_claimed(self, charges) -> None:
        history = {Past.PAID: Tally(charges, charges)} if charges else {}
        assert expected_yield({(Past.PAID, "eur"): (1, 1)}, history) is None

    @given(
        st.dictionaries(
            st.tuples(st.sampled_from(Past), st.sampled_from(["eur", "jpy"])),
            st.tuples(st.integers(1, 50_000), st.integers(1, 10**12)),
            min_size=1,
        ),
        st.dictionaries(
            st.sampled_from(Past),
            st.integers(30, 20_000).flatmap(
                lambda of: st.integers(0, of).map(lambda paid: Tally(paid, of))
            ),
            min_size=1,
        ),
    )
    def test_never_more_than_everything(self, planned, history) -> None:
        forecast = expected_yield(planned, history)
        assert forecast is not None
        assert 0 <= forecast.percent <= 100
        for currency, amount in forecast.expected.items():
            assert (
                0 <= amount <= sum(a for (_, code), (_, a) in planned.items() if code == currency)
            )
