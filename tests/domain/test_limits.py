"""Which limits hold, and what the default is worth in every currency that Stripe charges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from lib.domain.default_limits import DOLLARS, PER_DOLLAR, RATES_OF, default_charge
from lib.domain.limits import Limits, day_limit, default_day_limits, default_limits, in_force
from lib.domain.runs import Run, RunState
from lib.money import CURRENCIES, Money, checked, format_money, minimum_minor


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_every_currency_has_a_sum_that_can_be_charged_and_read(code: str) -> None:
    charge = default_charge(code)
    assert checked(Money(charge, code)).amount == charge
    major = charge // CURRENCIES[code].factor
    assert major * CURRENCIES[code].factor == charge
    assert len(str(major).rstrip("0")) <= 2, "two digits and zeros"
    assert abs(major / float(PER_DOLLAR[code]) / DOLLARS - 1) < 0.06


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_it_is_of_the_size_that_the_table_of_least_charges_knows(code: str) -> None:
    """Two tables of one world: what is worth half a dollar at most there is ten thousand times less here."""
    assert minimum_minor(code) * 2_000 <= default_charge(code)


def test_no_currency_besides() -> None:
    assert set(PER_DOLLAR) == set(CURRENCIES)
    assert date(2026, 1, 1) <= RATES_OF


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("usd", "$5,000.00"),
        ("jpy", "¥820,000"),
        ("kwd", "KWD\N{NO-BREAK SPACE}1,500.000"),
        ("ugx", "UGX\N{NO-BREAK SPACE}19,000,000"),
        ("isk", "ISK\N{NO-BREAK SPACE}630,000"),
    ],
)
def test_in_the_minor_units_of_the_currency(code: str, said: str) -> None:
    assert format_money(default_charge(code), code) == said


def test_what_was_set_holds_also_that_there_be_none() -> None:
    assert in_force({"usd": Limits()}, "usd") == Limits()
    assert in_force({"usd": Limits()}, "eur") == default_limits("eur")
    assert default_limits("usd") == Limits(500_000, 5_000_000, 5_000_000)


def test_a_run_keeps_the_default_of_its_submission() -> None:
    run = Run("run_1", "A", RunState.APPROVED, (), None, None, None, "alice", 0)
    assert day_limit(run, "usd", {}) is None, "approved before there were defaults"
    later = replace(run, day_limits=default_day_limits(["usd", "eur"], {"eur": Limits()}))
    assert day_limit(later, "usd", {}) == 5_000_000
    assert day_limit(later, "eur", {}) is None
    assert day_limit(later, "usd", {"usd": Limits(per_day=7)}) == 7
    assert day_limit(replace(later, approvals_needed=2), "usd", {}) is None
