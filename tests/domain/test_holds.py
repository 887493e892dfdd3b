"""What the metadata of a customer say of the do-not-charge switch: when in doubt it is on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.holds import (
    AT_STRIPE,
    MOST_REASON,
    Hold,
    HoldMark,
    HoldStep,
    clean_reason,
    mark_of,
    step_of,
    written,
)
from lib.errors import InvalidInput

ME = "cus_me"
ON = Hold("hld_0one", ME, "Sued us", "alice", 1_000_000)
LIFTED = replace(ON, lifted_by="bob", lifted_at=1_000_500, lift_reason="Settled")
CONFIRMED = replace(LIFTED, lift_confirmed_at_ms=1_000_600_000)
OTHER = replace(ON, id="hld_0two", is_from_stripe=True)


def marked(hold: Hold) -> HoldMark:
    mark = mark_of(ME, written(hold), at=7)
    assert mark is not None
    return mark


class TestTheMark:
    def test_reads_back_as_it_was_written(self) -> None:
        assert written(ON) == "on hld_0one 1970-01-12T13:46:40Z alice: Sued us"
        assert marked(ON) == HoldMark("hld_0one", True, 1_000_000, "alice", "Sued us")
        assert marked(LIFTED) == HoldMark("hld_0one", False, 1_000_500, "bob", "Settled")

    def test_fits_into_a_value_at_stripe(self) -> None:
        longest = replace(ON, reason="x" * MOST_REASON, set_by="y" * 40, id="hld_" + "z" * 16)
        assert len(written(longest)) <= 500

    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_nothing_says_nothing(self, value: str | None) -> None:
        assert mark_of(ME, value, at=7) is None

    @pytest.mark.parametrize(
        "value",
        [
            "yes",
            "false",
            "lifted",
            "lifted hld_0one yesterday bob: Settled",
            f"lifted hld_0one 2026-11-30T10:00:00Z {AT_STRIPE}: Settled",
        ],
    )
    def test_whatever_is_no_mark_of_ours_is_on(self, value: str) -> None:
        mark = mark_of(ME, value, at=7)
        assert mark is not None
        assert mark.is_on
        assert mark.by == AT_STRIPE
        assert mark == mark_of(ME, value, at=7)
        assert mark.id != (mark_of("cus_other", value, at=7) or mark).id or "hld_0one" in value

    def test_a_day_that_does_not_exist_is_the_day_it_was_read(self) -> None:
        mark = mark_of(ME, "on hld_0one 2026-02-31T10:00:00Z alice: Sued", at=7)
        assert mark == HoldMark("hld_0one", True, 7, "alice", "Sued")


@pytest.mark.parametrize(
    ("mark", "holds", "asked_at_ms", "step"),
    [
        (None, [], 5, HoldStep.NOTHING),
        (ON, [], 5, HoldStep.ADD),
        (ON, [OTHER], 5, HoldStep.ADD),
        (ON, [ON], 5, HoldStep.NOTHING),
        # Our own answer is on its way, or was not there when Stripe was asked.
        (ON, [LIFTED], 2_000_000_000, HoldStep.NOTHING),
        (ON, [CONFIRMED], 1_000_599_999, HoldStep.NOTHING),
        (ON, [CONFIRMED], 1_000_600_000, HoldStep.NOTHING),
        (ON, [CONFIRMED], 1_000_600_001, HoldStep.SWITCH_ON_AGAIN),
        # Confirmed later than now, by a clock that was set back since.
        (ON, [CONFIRMED], 5, HoldStep.SWITCH_ON_AGAIN),
        # An answer that was long on its way, of before the lift.
        (ON, [CONFIRMED], 1_000_000_000, HoldStep.NOTHING),
        (LIFTED, [], 5, HoldStep.REMEMBER),
        (LIFTED, [OTHER], 5, HoldStep.REMEMBER),
        (LIFTED, [CONFIRMED], 5, HoldStep.NOTHING),
        (LIFTED, [ON], 5, HoldStep.NOTHING),
        (LIFTED, [replace(ON, is_from_stripe=True)], 5, HoldStep.LIFT),
        (LIFTED, [replace(ON, is_from_stripe=True, set_by="bob")], 5, HoldStep.NOTHING),
        (None, [ON], 5, HoldStep.WRITE),
        (None, [OTHER], 5, HoldStep.NOTHING),
        (None, [LIFTED], 5, HoldStep.NOTHING),
    ],
)
def test_what_news_do(
    mark: Hold | None, holds: list[Hold], asked_at_ms: int, step: HoldStep
) -> None:
    read = marked(mark) if mark is not None else None
    now_ms = asked_at_ms + 900_000_000
    assert step_of(read, holds, asked_at_ms=asked_at_ms, now_ms=now_ms) is step


class TestAReason:
    def test_is_one_line(self) -> None:
        assert clean_reason("  Sued \n us ") == "Sued us"

    @pytest.mark.parametrize("text", ["", " \n ", "x" * (MOST_REASON + 1), "a\x00b"])
    def test_that_nobody_can_read_later_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            clean_reason(text)
