"""Age of the last good backup, and the remarks made on it."""

from __future__ import annotations

from lib.domain.health_facts import BackupFacts, HealthRemark, Light

LATE_SECONDS = 2 * 86_400


def remarks(facts: BackupFacts) -> list[HealthRemark]:
    """None at all while a good one is younger than two days, and the last was made."""
    concerns = []
    if facts.error is not None:
        concerns.append(
            HealthRemark(
                "backup_failed",
                Light.AMBER,
                "The last backup was not made.",
                f"{facts.error} Onfile tries again within a day; an admin can try at once on the page Backups.",
            )
        )
    known = facts.since if facts.good_at is None else facts.good_at
    if known is not None and facts.now - known > LATE_SECONDS:
        concerns.append(
            HealthRemark(
                "backup_late",
                Light.AMBER,
                "There is no backup of this database."
                if facts.good_at is None
                else "The last good backup is older than two days.",
                "Onfile makes one a day while its background work runs; an admin can make one now on "
                "the page Backups.",
            )
        )
    return concerns
