"""The run object: one run as pages, the command line and JSON show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from lib.domain.approvals import Standing
from lib.domain.runs import (
    ApprovalDecision,
    CollectedElsewhere,
    RowState,
    Run,
    RunOutcome,
    outcome_of,
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows with what they come to, in minor units by currency."""

    rows: int = 0
    totals: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {"rows": self.rows, "totals": dict(self.totals)}


@dataclass(frozen=True, slots=True)
class RunView:
    run: Run
    decisions: tuple[ApprovalDecision, ...]
    counts: Mapping[str, int]
    """Rows by state; of those that were sent, by the state of their own try in this run."""
    totals: Mapping[str, Mapping[str, int]]
    """Minor units by currency and state."""
    standing: Standing | None = None
    """Whether its approvals count now; None where it was never approved, or nothing can be charged by it any more."""
    elsewhere: tuple[CollectedElsewhere, ...] = ()
    """Part of what failed here; in no state of these totals a success."""
    failed_still: int = 0
    """Rows that failed and were not collected elsewhere since, nor are being tried again."""

    waiting: int = 0
    """Charges, planned, that wait for a card."""
    without_card: int = 0
    """Rows of a draft that lack a card, and could wait for one where nothing else is wrong with them."""
    stopped: Counted = Counted()
    """Of the planned rows, those that an approver has to open with a reason; none once the run is approved."""

    @property
    def chargeable(self) -> Counted:
        """The planned rows without those that are stopped."""
        planned, stopped = RowState.PLANNED.value, self.stopped.totals
        sums = {
            code: amount
            for code, states in self.totals.items()
            if (amount := states.get(planned, 0) - stopped.get(code, 0))
        }
        return Counted(self.counts.get(planned, 0) - self.stopped.rows, sums)

    @property
    def outcome(self) -> RunOutcome | None:
        return outcome_of(self.run.state, self.counts, waiting=self.waiting)

    def as_json(self) -> dict[str, object]:
        """The run object of the contract."""
        run = self.run
        return {
            "run_id": run.id,
            "name": run.name,
            "status": run.state.value,
            "outcome": self.outcome.value if self.outcome else None,
            "digest": run.digest,
            "approvals_needed": run.approvals_needed,
            "control": None if run.control is None else run.control.as_json(),
            "reading": run.reading,
            "decisions": [
                {
                    "decision": d.decision,
                    # The name until 0.1.0.
                    "verdict": d.decision,
                    "by": d.by,
                    "at": d.at,
                    "reason": d.reason,
                    "is_renewal": d.is_renewal,
                    "is_current": d.digest == run.digest,
                }
                for d in self.decisions
            ],
            "approval": self.standing.as_json() if self.standing else None,
            "counts": dict(self.counts),
            "totals": {code: dict(states) for code, states in self.totals.items()},
            "chargeable": self.chargeable.as_json(),
            "stopped_rows": self.stopped.as_json(),
            "waiting_for_card": self.waiting,
            "collected_elsewhere": [asdict(one) for one in self.elsewhere],
            "stopped": {"code": run.stop_code, "message": run.stop_message}
            if run.stop_code
            else None,
        }
