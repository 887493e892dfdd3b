"""The light of the mirror: can it be trusted now, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain import backups
from lib.domain.days import day_in_words
from lib.domain.health_facts import HealthFacts, HealthRemark, Light
from lib.domain.progress import NAMES

# A sync that is this many intervals late has stopped.
_LATE_INTERVALS = 3
_LATE_LEAST_SECONDS = 30 * 60
_STOPPED_SECONDS = 24 * 3600
_LATE_SECONDS = 3 * 86_400
_WORKER_LATE_SECONDS = 120


def judge(facts: HealthFacts) -> list[HealthRemark]:
    """Every reason for concern, the gravest first; none at all is the green light."""
    remarks = [
        *_reading(facts),
        *_syncing(facts),
        *_verification(facts),
        *_webhooks(facts),
        *_others(facts),
    ]
    return sorted(remarks, key=lambda remark: remark.light is not Light.RED)


def light_of(remarks: Sequence[HealthRemark]) -> Light:
    if any(remark.light is Light.RED for remark in remarks):
        return Light.RED
    return Light.AMBER if remarks else Light.GREEN


def _reading(facts: HealthFacts) -> list[HealthRemark]:
    if facts.complete_at is None or facts.reading_since is not None:
        if facts.reading_state in ("queued", "running"):
            return [
                HealthRemark(
                    "reading",
                    Light.AMBER,
                    "Everything at Stripe is being read just now.",
                    "Until that is done, something may be missing here. You can go on working.",
                )
            ]
        return [
            HealthRemark(
                "incomplete",
                Light.RED,
                "Not everything at Stripe was read yet.",
                "Read everything; what was read already is kept."
                if facts.reading_state in ("failed", "cancelled")
                else "Onfile begins by itself in a moment, or press “Read everything”.",
            )
        ]
    return []


def _syncing(facts: HealthFacts) -> list[HealthRemark]:
    remarks = []
    if facts.worker_at is None or facts.now - facts.worker_at > _WORKER_LATE_SECONDS:
        remarks.append(
            HealthRemark(
                "worker",
                Light.RED,
                "Onfile's background work does not run.",
                "Restart Onfile. Nothing is lost: it goes on where it was.",
            )
        )
    if facts.sync_error:
        remarks.append(
            HealthRemark(
                "sync_failed",
                Light.AMBER,
                f"The last look at Stripe did not end well: {facts.sync_error}",
                "Onfile tries again by itself. If it names a permission, give it to the key.",
            )
        )
    if facts.synced_at is None and facts.complete_at is not None:
        remarks.append(
            HealthRemark(
                "sync_stopped",
                Light.RED,
                "Nobody knows when Stripe was read last.",
                "Check this machine's clock, then press “Sync now”.",
            )
        )
    elif facts.synced_at is not None and facts.complete_at is not None:
        late = facts.now - facts.synced_at
        if late > _STOPPED_SECONDS:
            remarks.append(
                HealthRemark(
                    "sync_stopped",
                    Light.RED,
                    "Nothing was read from Stripe for over a day.",
                    "Press “Sync now”. If that fails, the message says why.",
                )
            )
        elif late > max(_LATE_INTERVALS * facts.sync_every, _LATE_LEAST_SECONDS):
            remarks.append(
                HealthRemark(
                    "sync_late",
                    Light.AMBER,
                    "The last look at Stripe is older than it should be.",
                    "Press “Sync now”.",
                )
            )
    return remarks


def _verification(facts: HealthFacts) -> list[HealthRemark]:
    return [*_differences(facts), *_failed_verification(facts), *_verification_age(facts)]


def _differences(facts: HealthFacts) -> list[HealthRemark]:
    remarks = []
    wrong = [verification for verification in facts.verifications if verification.mismatches]
    if wrong:
        total = sum(verification.mismatches for verification in wrong)
        left = sum(
            max(verification.mismatches - verification.repaired, 0) for verification in wrong
        )
        remarks.append(
            HealthRemark(
                "differs",
                Light.RED,
                f"The last comparison with Stripe found {_many(total, 'difference')}"
                + (", and repaired all of them." if not left else f"; {left} of them still there."),
                "Compare everything, to be sure that nothing else is missing.",
            )
        )
    doubtful = {
        type_: at for type_, at in facts.in_doubt.items() if type_ not in {p.type for p in wrong}
    }
    if doubtful:
        names = ", ".join(NAMES.get(type_, type_).lower() for type_ in doubtful)
        on = day_in_words(max(doubtful.values()), facts.timezone)
        remarks.append(
            HealthRemark(
                "in_doubt",
                Light.AMBER,
                f"Differences were found on {on} and repaired; not everything was "
                f"compared since: {names}.",
                "Compare everything, to be sure that nothing else is missing.",
            )
        )
    return remarks


def _failed_verification(facts: HealthFacts) -> list[HealthRemark]:
    remarks = []
    unverified = [verification for verification in facts.verifications if verification.error]
    if unverified:
        remarks.append(
            HealthRemark(
                "unverified",
                Light.AMBER,
                unverified[0].error or "",
                "Then compare with Stripe again.",
            )
        )
    causes = " ".join(
        filter(None, [facts.sync_error, *(verification.error for verification in unverified)])
    )
    untold = [
        one for one in (facts.verification_error or "").split(". ") if one.rstrip(".") not in causes
    ]
    if untold:
        remarks.append(
            HealthRemark(
                "verification_failed",
                Light.AMBER,
                f"The last comparison with Stripe did not end well: {'. '.join(untold)}",
                "Press “Verify with Stripe”. If it names a permission, give it to the key.",
            )
        )
    return remarks


def _verification_age(facts: HealthFacts) -> list[HealthRemark]:
    if facts.complete_at is None:
        return []
    verified = {verification.type for verification in facts.verifications}
    if unverified := [name for type_, name in NAMES.items() if type_ not in verified]:
        return [
            HealthRemark(
                "never_verified",
                Light.AMBER,
                f"Parts of what Onfile has were not compared with Stripe yet: {', '.join(unverified)}."
                if facts.verifications
                else "What Onfile has was not compared with Stripe yet.",
                "Onfile does it once a day by itself, or press “Verify with Stripe”.",
            )
        ]
    if facts.verified_at is not None and facts.now - facts.verified_at > _LATE_SECONDS:
        return [
            HealthRemark(
                "verification_late",
                Light.AMBER,
                "What Onfile has was not compared with Stripe for days.",
                "Press “Verify with Stripe”.",
            )
        ]
    return []


def _webhooks(facts: HealthFacts) -> list[HealthRemark]:
    remarks = _quiet(facts)
    if facts.given_up:
        remarks.append(
            HealthRemark(
                "given_up",
                Light.RED,
                f"{facts.given_up} messages of Stripe could not be processed.",
                "See why on the page Webhooks, and replay them.",
            )
        )
    return remarks


def _quiet(facts: HealthFacts) -> list[HealthRemark]:
    came_since = facts.webhook_at is not None and facts.webhook_at >= (facts.last_missed or 0)
    if not facts.has_webhooks or not facts.webhooks_missed or came_since:
        return []
    return [
        HealthRemark(
            "webhooks_quiet",
            Light.AMBER,
            f"{_many(facts.webhooks_missed, 'change')} of the last day was read by Onfile itself only: Stripe's "
            "webhooks do not arrive.",
            "Nothing is missing, only later. Check the webhook's address, secret and events in the "
            "Stripe Dashboard.",
        )
    ]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _others(facts: HealthFacts) -> list[HealthRemark]:
    remarks = backups.remarks(facts.backups)
    if facts.damage is not None:
        remarks.append(
            HealthRemark(
                "damaged",
                Light.RED,
                "The database file is damaged.",
                "Nothing is charged or refunded. Stop Onfile, and put the newest backup back. "
                f"(Found: {facts.damage.rstrip('.')}.)",
            )
        )
    if facts.incidents:
        verb = "waits" if facts.incidents == 1 else "wait"
        remarks.append(
            HealthRemark(
                "incidents",
                Light.RED,
                f"{_many(facts.incidents, 'incident')} {verb} to be settled.",
                "See on the page Incidents what happened, and what may be done about it.",
            )
        )
    if facts.reads.is_nearly_used:
        remarks.append(
            HealthRemark(
                "reads",
                Light.AMBER,
                f"{facts.reads.used:,} of the {facts.reads.allowed:,} reads that Stripe allows in "
                "30 days are used.",
                "Onfile looks less often and pauses comparisons until there is room again.",
            )
        )
    return remarks
