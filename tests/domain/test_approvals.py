"""Which approvals of a run count at a moment."""

from __future__ import annotations

import pytest

from lib.domain.approvals import APPROVAL_DAYS, ApprovalStop, standing
from lib.domain.runs import ApprovalDecision, Run, RunState

DAY = 86_400
NOW = 100 * DAY


def run(needed: int = 1) -> Run:
    return Run(
        "run_1",
        "A",
        RunState.APPROVED,
        (),
        None,
        None,
        None,
        "alice",
        0,
        submitted_by="alice",
        digest="d",
        approvals_needed=needed,
    )


def given(by: str, days_ago: float = 0, *, renewal: bool = False) -> ApprovalDecision:
    at = NOW - round(days_ago * DAY)
    return ApprovalDecision("run_1", "approve", "d", by, at, None, renewal)


@pytest.mark.parametrize(
    ("needed", "approvals", "able", "stop"),
    [
        (1, [given("bob")], {"bob"}, None),
        (1, [given("bob", 13.9)], {"bob"}, None),
        (1, [given("bob", 14)], {"bob"}, ApprovalStop.EXPIRED),
        (1, [given("bob", 20), given("bob", 1, renewal=True)], {"bob"}, None),
        (1, [given("bob")], set(), ApprovalStop.GONE),
        (1, [given("bob"), given("ada", renewal=True)], {"ada"}, None),
        (1, [], {"bob"}, ApprovalStop.MISSING),
        (1, [given("alice")], {"alice"}, ApprovalStop.MISSING),
        (2, [given("bob"), given("ada")], {"bob", "ada"}, None),
        (2, [given("bob"), given("bob", renewal=True)], {"bob"}, ApprovalStop.MISSING),
        (2, [given("bob"), given("ada", 20)], {"bob", "ada"}, ApprovalStop.EXPIRED),
        (2, [given("bob"), given("ada")], {"ada"}, ApprovalStop.GONE),
        (2, [given("bob"), given("alice")], {"alice", "bob"}, ApprovalStop.MISSING),
    ],
)
def test_who_counts(needed, approvals, able, stop) -> None:
    found = standing(run(needed), approvals, able=able, makers={"alice"}, names={}, now=NOW)
    assert (found.stop.code if found.stop else None) == stop


def test_it_holds_until_too_few_are_left() -> None:
    found = standing(
        run(2),
        [given("bob", 3), given("ada", 5), given("carol", 10)],
        able={"bob", "ada", "carol"},
        makers={"alice"},
        names={},
        now=NOW,
    )
    assert found.until == NOW - 5 * DAY + APPROVAL_DAYS * DAY
    assert found.people == {"bob", "ada", "carol"}
