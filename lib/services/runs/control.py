"""Start, pause, resume and cancel: what people may tell a run, and the executor then sees."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import ChargeState
from lib.domain.runs import OVER_STATES, RowState, Run, RunState
from lib.errors import StaleState
from lib.services.ledger.attempts import give_up
from lib.services.runs.approve import find_run, require_state
from lib.services.staff import dual_approval
from lib.store.unit_of_work import Stores, UnitOfWork


class RunControl:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def find(self, run_id: str) -> Run:
        """
        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            return find_run(stores, run_id)

    def start(self, run_id: str, *, by: Actor) -> Run:
        """Let the worker execute an approved run; a running one stays as it is."""
        by.must(Permission.CHARGE)
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            if run.state is RunState.RUNNING:
                return run
            require_state(run, RunState.APPROVED)
            gone = _gone(stores, run)
            if gone:
                raise StaleState(
                    f"{' and '.join(gone)} approved this run and may not approve any more. Take it back to draft and submit it again."
                )
            return self._move(stores, run, RunState.RUNNING, "run.start", by)

    def pause(self, run_id: str, *, by: Actor) -> Run:
        """Nothing new is sent; what is in flight ends."""
        by.must(Permission.CHARGE)
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.RUNNING)
            return self._move(stores, run, RunState.PAUSED, "run.pause", by)

    def resume(self, run_id: str, *, by: Actor) -> Run:
        """Go on after a pause, the canary or the breaker; the breaker counts anew."""
        by.must(Permission.CHARGE)
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.PAUSED, RunState.STOPPED)
            if run.stop_code == "canary":
                stores.runs.pass_canary(run_id)
            return self._move(stores, run, RunState.RUNNING, "run.resume", by)

    def cancel(self, run_id: str, *, by: Actor) -> Run:
        """Give up what was not sent; what was sent stays, and is settled."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, *(set(RunState) - OVER_STATES))
            stores.run_rows.plan_again(run_id)
            for row in stores.run_rows.of(run_id, states=(RowState.PLANNED,)):
                give_up(stores, row.charge_id, before=ChargeState.PLANNED, by=by.username, at=now)
            stores.run_rows.cancel_planned(run_id)
            return self._move(stores, run, RunState.CANCELLED, "run.cancel", by)

    def _move(self, stores: Stores, run: Run, after: RunState, action: str, by: Actor) -> Run:
        now = epoch(self._clock())
        if not stores.runs.move(run.id, before=run.state, after=after, at=now):
            raise StaleState("This run changed a moment ago. Reload to see its state.")
        stores.audit.record(
            at=now,
            actor=by.username,
            action=action,
            subject=run.id,
            detail={"from": run.state.value},
        )
        return find_run(stores, run.id)


def _gone(stores: Stores, run: Run) -> list[str]:
    """Who approved it and is disabled by now, or lost the role: their word no longer stands."""
    people = {decision.by for decision in stores.runs.approvals(run)}
    return sorted(name for name in people if not dual_approval.may_decide(stores, name))
