"""Start, pause, resume and cancel: what people may tell a run, and the executor then sees."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.breaker import RunStop
from lib.domain.charges import ChargeState
from lib.domain.runs import OVER_STATES, RowState, Run, RunState
from lib.errors import ApprovalRests, StaleState
from lib.services.ledger.attempts import give_up
from lib.services.runs.announced import must_not_break_word
from lib.services.runs.approve import find_run, require_state
from lib.services.staff import dual_approval
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


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
        """
        Let the worker execute an approved run; a running one stays as it is.

        Raises:
            ApprovalRests: somebody has to approve it again first.
            StaleState: its payers were told of a later day, or are about to be told.
        """
        return self._go_on(run_id, (RunState.APPROVED,), "run.start", by)

    def pause(self, run_id: str, *, by: Actor) -> Run:
        """Nothing new is sent; what is in flight ends."""
        by.must(Permission.CHARGE)
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.RUNNING)
            return self._move(stores, run, RunState.PAUSED, "run.pause", by)

    def resume(self, run_id: str, *, by: Actor) -> Run:
        """Go on after a pause, the canary or the breaker; the breaker counts anew. Raises like `start`."""
        return self._go_on(run_id, (RunState.PAUSED, RunState.STOPPED), "run.resume", by)

    def ask_again(self, run_id: str, *, by: Actor) -> None:
        """
        Let approvers find a run that rests until it is approved again.

        Raises:
            StaleState: its approvals hold.
        """
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.APPROVED, RunState.PAUSED, RunState.STOPPED)
            stop = dual_approval.standing(stores, run, now=now).stop
            if stop is None:
                raise StaleState("This run is approved, and its approval still holds.")
            _rest(stores, run, stop, by=by, at=now)

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
            for waiting in stores.waiting_charges.of_run(run_id):
                give_up(
                    stores,
                    waiting.charge_id,
                    before=ChargeState.PLANNED,
                    by=by.username,
                    at=now,
                )
            return self._move(stores, run, RunState.CANCELLED, "run.cancel", by)

    def _go_on(self, run_id: str, states: tuple[RunState, ...], action: str, by: Actor) -> Run:
        by.must(Permission.CHARGE)
        by.must_be_asked()
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            if run.state is RunState.RUNNING and action == "run.start":
                return run
            require_state(run, *states)
            if run.state is RunState.APPROVED:
                must_not_break_word(stores, run, now=now)
            if run.stop_code == "canary":
                # Who asks for the rest has looked.
                stores.runs.pass_canary(run_id)
            stop = dual_approval.standing(stores, run, now=now).stop
            if stop is None:
                stores.runs.reset_breaker(run_id)
                return self._move(stores, run, RunState.RUNNING, action, by)
            _rest(stores, run, stop, by=by, at=now)
        raise ApprovalRests(stop.message, code=stop.code)

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


def _rest(stores: Stores, run: Run, stop: RunStop, *, by: Actor, at: int) -> None:
    """Kept with the run, so that approvers find it among what waits for them."""
    stores.runs.rest(run.id, stop)
    stores.audit.record(
        at=at,
        actor=by.username,
        action="run.rests",
        subject=run.id,
        detail={"reason": stop.code},
    )
