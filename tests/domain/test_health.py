"""The light: green only when nothing is left to doubt, and the gravest reason first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.health import judge, light_of
from lib.domain.health_facts import BackupFacts, HealthFacts, Light
from lib.domain.progress import NAMES
from lib.domain.read_allowance import ReadBudget
from lib.domain.verification import VerificationResult

NOW = 1_800_000_000
DAY = 86_400


def verifications(*special: VerificationResult) -> list[VerificationResult]:
    """The last verification of every type; those not named found nothing."""
    return [
        *special,
        *(VerificationResult(name, NOW) for name in NAMES if name not in {p.type for p in special}),
    ]


GOOD = HealthFacts(
    now=NOW,
    worker_at=NOW - 5,
    complete_at=NOW - DAY,
    reading_since=None,
    reading_state="done",
    synced_at=NOW - 60,
    sync_every=300,
    sync_error=None,
    verification_error=None,
    verifications=verifications(
        VerificationResult("customers", NOW - 3600, windows=2, windows_of=2)
    ),
    last_found={"refunds": NOW - 9 * DAY},
    covered_since={"refunds": NOW - 8 * DAY},
    has_webhooks=True,
    webhook_at=NOW - 60,
    webhooks_missed=0,
    last_missed=None,
    given_up=0,
    incidents=0,
    damage=None,
    backups=BackupFacts(NOW, good_at=NOW - DAY, since=NOW - 9 * DAY, error=None),
    reads=ReadBudget(100, 10_000),
    to_index=0,
)


def test_all_well_is_green() -> None:
    assert judge(GOOD) == []
    assert light_of([]) is Light.GREEN


@pytest.mark.parametrize(
    ("change", "code", "light"),
    [
        ({"worker_at": None}, "worker", Light.RED),
        ({"damage": "page 7"}, "damaged", Light.RED),
        (
            {"backups": BackupFacts(NOW, good_at=NOW - 2 * DAY - 1, since=0, error=None)},
            "backup_late",
            Light.AMBER,
        ),
        (
            {"backups": BackupFacts(NOW, good_at=None, since=NOW - 2 * DAY - 1, error=None)},
            "backup_late",
            Light.AMBER,
        ),
        (
            {"backups": BackupFacts(NOW, good_at=NOW, since=0, error="There is too little room.")},
            "backup_failed",
            Light.AMBER,
        ),
        ({"worker_at": NOW - 121}, "worker", Light.RED),
        ({"complete_at": None, "reading_state": None}, "incomplete", Light.RED),
        ({"complete_at": None, "reading_state": "running"}, "reading", Light.AMBER),
        ({"reading_since": NOW - 60, "reading_state": "failed"}, "incomplete", Light.RED),
        ({"sync_error": "The key may not read refunds."}, "sync_failed", Light.AMBER),
        ({"synced_at": NOW - 1801}, "sync_late", Light.AMBER),
        ({"synced_at": NOW - DAY - 1}, "sync_stopped", Light.RED),
        (
            {"verifications": verifications(VerificationResult("refunds", NOW, missing=1))},
            "differs",
            Light.RED,
        ),
        (
            {
                "verifications": verifications(
                    VerificationResult("refunds", NOW, error="Refunds could not be compared.")
                )
            },
            "unverified",
            Light.AMBER,
        ),
        ({"last_found": {"refunds": NOW - 8 * DAY}}, "in_doubt", Light.AMBER),
        ({"covered_since": {}}, "in_doubt", Light.AMBER),
        ({"verification_error": "Stripe did not answer."}, "verification_failed", Light.AMBER),
        ({"verifications": []}, "never_verified", Light.AMBER),
        (
            {"verifications": [p for p in verifications() if p.type != "refunds"]},
            "never_verified",
            Light.AMBER,
        ),
        (
            {"verifications": verifications(VerificationResult("refunds", NOW - 3 * DAY - 1))},
            "verification_late",
            Light.AMBER,
        ),
        ({"synced_at": None}, "sync_stopped", Light.RED),
        ({"given_up": 1}, "given_up", Light.RED),
        ({"webhooks_missed": 1, "last_missed": NOW - 59}, "webhooks_quiet", Light.AMBER),
        (
            {"webhooks_missed": 1, "last_missed": NOW - 1000, "webhook_at": None},
            "webhooks_quiet",
            Light.AMBER,
        ),
        ({"incidents": 1}, "incidents", Light.RED),
        ({"reads": ReadBudget(9_000, 10_000)}, "reads", Light.AMBER),
    ],
)
def test_each_fact_alone_turns_it(change: dict, code: str, light: Light) -> None:
    (remark,) = judge(replace(GOOD, **change))
    assert (remark.code, remark.light) == (code, light)
    assert remark.says.endswith(".")
    assert remark.next_step


def test_the_gravest_comes_first_and_decides() -> None:
    remarks = judge(
        replace(GOOD, webhooks_missed=3, last_missed=NOW, sync_error="slow", given_up=2)
    )
    assert [r.light for r in remarks] == [Light.RED, Light.AMBER, Light.AMBER]
    assert light_of(remarks) is Light.RED


def test_one_is_spoken_of_as_one() -> None:
    (remark,) = judge(replace(GOOD, webhooks_missed=1, last_missed=NOW))
    assert remark.says.startswith("1 change of")
    (remark,) = judge(replace(GOOD, webhooks_missed=1200, last_missed=NOW))
    assert remark.says.startswith("1,200 changes of")


def test_webhooks_that_came_since_a_missed_one_do_arrive() -> None:
    assert judge(replace(GOOD, webhooks_missed=1, last_missed=NOW - 1000)) == []


def test_a_part_that_was_not_compared_makes_the_whole_old() -> None:
    old = verifications(VerificationResult("refunds", NOW - 4 * DAY))
    assert replace(GOOD, verifications=old).verified_at == NOW - 4 * DAY
    assert replace(GOOD, verifications=[VerificationResult("customers", NOW)]).verified_at is None


def test_a_difference_of_the_last_comparison_is_told_once() -> None:
    wrong = verifications(VerificationResult("refunds", NOW, missing=2, repaired=2))
    (remark,) = judge(replace(GOOD, verifications=wrong, last_found={"refunds": NOW}))
    assert remark.code == "differs"


def test_what_was_found_long_ago_is_named_with_its_day() -> None:
    (remark,) = judge(replace(GOOD, last_found={"refunds": NOW - 2 * DAY}))
    assert "on 13 Jan 2027" in remark.says
    assert remark.says.endswith("refunds.")


def test_a_failure_that_is_told_already_is_not_told_again() -> None:
    lacking = "The key may not read refunds: give it the permission rak_refund_read."
    bad = verifications(VerificationResult("refunds", NOW, error=lacking))
    (remark,) = judge(replace(GOOD, verifications=bad, verification_error=lacking))
    assert remark.code == "unverified"
    (remark,) = judge(replace(GOOD, sync_error=lacking, verification_error=lacking))
    assert remark.code == "sync_failed"


@pytest.mark.parametrize(
    "backups",
    [
        BackupFacts(NOW, good_at=NOW - 2 * DAY, since=0, error=None),
        BackupFacts(NOW, good_at=None, since=NOW - 2 * DAY, error=None),
        BackupFacts(NOW, good_at=None, since=None, error=None),
    ],
    ids=["two days to the second", "a new one has two days", "an empty one has nothing to lose"],
)
def test_a_backup_is_not_missed_too_early(backups: BackupFacts) -> None:
    assert judge(replace(GOOD, backups=backups)) == []
