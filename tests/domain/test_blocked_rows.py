"""What a blocked row says in the results: true advice, whatever blocked it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.domain import blocked_rows
from lib.domain.blocked_rows import block_of
from lib.domain.declines import Reason
from lib.domain.runs import Finding, Severity

_LIB = Path(blocked_rows.__file__).parents[1]


def red(code: str, reason: str | None = None) -> Finding:
    return Finding(code, Severity.RED, "…", reason=reason)


@pytest.mark.parametrize(
    ("code", "reason", "allowed"),
    [
        ("amount_invalid", Reason.OUR_DATA, True),
        ("customer_not_checked", Reason.TRY_LATER, True),
        ("no_payment_method", Reason.CARD_DETAILS, True),
        ("already_charged", Reason.POSSIBLE_DUPLICATE, False),
        ("in_another_run", Reason.POSSIBLE_DUPLICATE, False),
        ("charge_cancelled", Reason.OUR_DATA, True),
        ("outcome_unknown", Reason.OUTCOME_UNKNOWN, False),
    ],
)
def test_each_kind(code: str, reason: Reason, allowed: bool) -> None:
    block = block_of(red(code))
    assert (block.reason, block.retry_allowed) == (reason, allowed)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [("retry_too_early", True), ("retry_not_allowed", False), ("too_many_attempts", False)],
)
def test_an_earlier_try_gives_its_reason(code: str, allowed: bool) -> None:
    block = block_of(red(code, Reason.NEEDS_AUTHENTICATION))
    assert (block.reason, block.retry_allowed) == (Reason.NEEDS_AUTHENTICATION, allowed)


def test_every_code_with_advice_of_its_own_is_one_that_rows_get() -> None:
    known = {*blocked_rows.BY_CODE, *blocked_rows.BY_AN_EARLIER_TRY}
    others = "".join(
        path.read_text() for path in _LIB.rglob("*.py") if path.name != "blocked_rows.py"
    )
    assert known <= set(re.findall(r'"([a-z]+(?:_[a-z]+)+)"', others))
