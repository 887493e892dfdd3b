"""Facts about the mirror's health, and the remarks made on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.domain.progress import NAMES
from lib.domain.read_allowance import ReadBudget
from lib.domain.verification import VerificationResult


class Light(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class HealthRemark:
    """One reason why the light is not green: what it is, what it means, what to do."""

    code: str
    light: Light
    says: str
    next_step: str


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """Copies of this database. Times in Unix seconds; None for never, or by a clock that was wrong."""

    now: int
    good_at: int | None
    """When the last good backup was taken."""
    since: int | None
    """When the first entry of the audit log was made: from then on there is something to lose."""
    error: str | None
    """Why the last one was not made, for people; None when it was."""


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """Times in seconds; None for never, or by a clock that was wrong."""

    now: int
    worker_at: int | None
    complete_at: int | None
    """When the last complete reading began."""
    reading_since: int | None
    """When the complete reading began that is not finished."""
    reading_state: str | None
    """Its last job: queued, running, failed, cancelled."""
    synced_at: int | None
    sync_every: int
    sync_error: str | None
    """Why the last sync did not end well; None when it did."""
    verification_error: str | None
    """The same of the last comparison."""
    verifications: Sequence[VerificationResult]
    last_found: Mapping[str, int]
    """When each type's last comparison was that found a difference."""
    covered_since: Mapping[str, int]
    """From when on each type was compared whole at least once."""
    has_webhooks: bool
    webhook_at: int | None
    webhooks_missed: int
    """Events of the last day that only polling brought, though they should have come by webhook."""
    last_missed: int | None
    given_up: int
    """Deliveries that could not be processed and are not tried again."""
    damage: str | None
    """Why the database file itself is broken; None while nobody found anything."""
    backups: BackupFacts
    incidents: int
    """Those that nobody has settled."""
    reads: ReadBudget
    to_index: int
    timezone: str = "UTC"

    @property
    def verified_at(self) -> int | None:
        """When the oldest of the types' last verifications was made; None while one was never compared."""
        if not {verification.type for verification in self.verifications} >= NAMES.keys():
            return None
        return min(verification.verified_at for verification in self.verifications)

    @property
    def in_doubt(self) -> dict[str, int]:
        """Types in which differences were found, and when, that were not compared whole since."""
        return {
            type_: moment
            for type_, moment in self.last_found.items()
            if moment >= self.covered_since.get(type_, 0)
        }
