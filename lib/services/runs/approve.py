"""
Maker and checker: one person submits a run, another decides on exactly that.

Every decision is read, checked and written inside one `BEGIN IMMEDIATE`, with its audit entry. What is
refused is recorded, too. The schema refuses the same things once more.
"""

from __future__ import annotations

from collections.abc import Mapping

from lib.clock import Clock, epoch
from lib.domain import control_totals
from lib.domain.actors import Actor, Permission
from lib.domain.approvals import Standing, is_renewable
from lib.domain.identity import readable
from lib.domain.limits import default_day_limits, over_limits
from lib.domain.run_digest import digest_of
from lib.domain.runs import ApprovalDecision, RowState, Run, RunState, totals_of
from lib.errors import InvalidInput, NotFound, RuleViolation, StaleState
from lib.services.runs import waits
from lib.services.runs.opened import stopped_rows
from lib.services.staff import dual_approval
from lib.services.staff.users import UserService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# More rows than a run can have; what the database holds ends much later.
_LARGEST_CANARY = 1_000_000


class RunApprovals:
    def __init__(self, uow: UnitOfWork, users: UserService, *, clock: Clock) -> None:
        self._uow = uow
        self._users = users
        self._clock = clock

    def submit(
        self,
        run_id: str,
        *,
        by: Actor,
        control: control_totals.ControlTotals | None = None,
        canary: int = 0,
        charge_new_cards: bool = False,
        wait_for_cards: bool = False,
    ) -> Run:
        """
        Close the rows and ask for approval; a second approver is needed above a limit.

        Args:
            control: what the maker expects of all rows, also of those that cannot be sent.
            canary: after so many rows the run pauses to be looked at; 0 for never.
            charge_new_cards: whether a failed row may be charged once more with a new card.
            wait_for_cards: whether rows that lack nothing but a card are part of it (see `waits`).

        Raises:
            InvalidInput: nothing that could be sent, the rows are not what the maker expects, or
                no such canary.
            StaleState: it is no draft.
        """
        by.must(Permission.CHARGE)
        if not 0 <= canary <= _LARGEST_CANARY:
            raise InvalidInput(
                f"Stop after 1 to {_LARGEST_CANARY:,} rows, or 0 for no stop.", field="canary"
            )
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.DRAFT)
            if wait_for_cards:
                waits.let_wait(stores, run_id)
            rows = stores.run_rows.of(run_id, states=(RowState.PLANNED,))
            if not rows:
                raise InvalidInput("No row of this run can be charged.", code="run_empty")
            if control is not None:
                control_totals.check(control, stores.run_rows.file_totals(run_id))
            limits, totals = stores.limits.all(), totals_of(rows)
            over = over_limits(
                rows, limits, stores.limits.charged_since(stores.limits.today_began(now))
            )
            digest = digest_of(
                rows,
                canary=canary,
                charge_new_cards=charge_new_cards,
                corrections=stores.corrections.of(run_id),
            )
            stores.run_rows.submit(run_id)
            submitted = stores.runs.submit(
                run_id,
                digest=digest,
                approvals_needed=2 if over else 1,
                canary=canary,
                charge_new_cards=charge_new_cards,
                wait_for_cards=wait_for_cards,
                control=control,
                day_limits=default_day_limits(totals, limits),
                by=by.username,
                at=now,
            )
            if not submitted:
                raise StaleState("This run changed a moment ago. Reload to see its state.")
            detail = {
                "digest": digest,
                "rows": len(rows),
                "totals": totals,
                "over_limits": list(over),
                "canary": canary,
                "charge_new_cards": charge_new_cards,
                "wait_for_cards": sum(row.waits_for_card for row in rows),
                "control": None if control is None else control.as_json(),
            }
            _audit(stores, now, by, "run.submit", run_id, detail)
            return find_run(stores, run_id)

    def withdraw(self, run_id: str, *, by: Actor) -> Run:
        """Back to draft, to change it; approvals that were given count no more."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.AWAITING_APPROVAL, RunState.APPROVED, RunState.REJECTED)
            if not stores.runs.back_to_draft(run_id, before=run.state):
                raise StaleState("This run changed a moment ago. Reload to see its state.")
            waits.let_none_wait(stores, run_id)
            _audit(stores, now, by, "run.withdraw", run_id, {"from": run.state.value})
            return find_run(stores, run_id)

    def standing(self, run_id: str) -> Standing:
        """
        Whether the approvals of a run count now.

        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            return dual_approval.standing(stores, run, now=epoch(self._clock()))

    def stopped(self, run_id: str) -> list[str]:
        """What keeps rows back until an approver opens it: a line for each row."""
        with self._uow.read() as stores:
            return stopped_rows(stores, run_id)

    def approve(
        self, run_id: str, *, digest: str, by: Actor, password: str, note: str | None = None
    ) -> Run:
        """
        Agree to exactly the rows with this digest; again where that was long ago, or by somebody who has gone.

        Args:
            note: why what is stopped may be charged all the same; it opens the stopped rows.

        Raises:
            InvalidInput: rows are stopped, and there is no note.
            NotSignedIn: the password is wrong.
            NotPermitted: by the maker, or by somebody who may not approve (any more).
            StaleState: it does not wait for approval, the approvals it has still hold, or it is not what was looked at.
        """
        note = readable(note or "", what="note", field="note") or None
        if note is None and (stopped := self.stopped(run_id)):
            many = f"{len(stopped):,} rows are stopped, such as"
            rows = many if stopped[1:] else "1 row is stopped:"
            raise InvalidInput(
                f"{rows} {stopped[0]} Say why what is stopped may be charged all the same, or send the run back.",
                field="note",
                code="note_missing",
            )
        return self._decide(run_id, "approve", digest=digest, by=by, password=password, reason=note)

    def reject(self, run_id: str, *, digest: str, by: Actor, password: str, reason: str) -> Run:
        """Raises like `approve`; a reason is needed."""
        reason = readable(
            reason,
            what="reason",
            field="reason",
            needed="Say why, so that the maker knows what to change.",
        )
        return self._decide(
            run_id, "reject", digest=digest, by=by, password=password, reason=reason
        )

    def _decide(
        self,
        run_id: str,
        decision_name: str,
        *,
        digest: str,
        by: Actor,
        password: str,
        reason: str | None = None,
    ) -> Run:
        # Takes a while on purpose, so not while the database is locked.
        by = self._users.asked_again(by, password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            run = find_run(stores, run_id)
            refusal = _why_not(stores, run, digest, by, decision_name, now)
            if refusal is not None:
                _audit(
                    stores,
                    now,
                    by,
                    f"run.{decision_name}_refused",
                    run_id,
                    {"reason": str(refusal)},
                )
            else:
                self._write_decision(
                    stores,
                    run,
                    ApprovalDecision(run_id, decision_name, digest, by.username, now, reason),
                )
                detail: dict[str, object] = {"digest": digest}
                detail |= {"reason": reason} if reason else {}
                detail |= {"again": True} if run.state is not RunState.AWAITING_APPROVAL else {}
                _audit(stores, now, by, f"run.{decision_name}", run_id, detail)
            decided = find_run(stores, run_id)
        if refusal is not None:
            raise refusal
        return decided

    def _write_decision(self, stores: Stores, run: Run, decision: ApprovalDecision) -> None:
        if run.state is not RunState.AWAITING_APPROVAL:
            stores.run_decisions.renew(decision, run=run)
            if dual_approval.standing(stores, run, now=decision.at).stop is None:
                stores.runs.rest(run.id, None)
            return
        stores.run_decisions.decide(decision, run=run)
        if decision.decision == "reject":
            after = RunState.REJECTED
        elif len(stores.run_decisions.approvals(run)) >= run.approvals_needed:
            after = RunState.APPROVED
        else:
            return
        if not stores.runs.move(run.id, before=run.state, after=after, at=decision.at):
            raise StaleState("This run changed a moment ago. Reload to see its state.")


def find_run(stores: Stores, run_id: str) -> Run:
    """
    Raises:
        NotFound: no such run.
    """
    run = stores.runs.find(run_id)
    if run is None:
        raise NotFound("There is no such run.")
    return run


def digest_now(stores: Stores, run: Run) -> str:
    """Of a submitted run as it is in the database now."""
    rows = (row for row in stores.run_rows.of(run.id) if row.is_submitted)
    return digest_of(
        rows,
        canary=run.canary,
        charge_new_cards=run.charge_new_cards,
        corrections=stores.corrections.of(run.id),
    )


def require_state(run: Run, *states: RunState) -> None:
    """
    Raises:
        StaleState: the run is in none of these states.
    """
    if run.state not in states:
        raise StaleState(
            f"This run is {run.state.value.replace('_', ' ')}. Reload to see what can be done."
        )


def _why_not(
    stores: Stores, run: Run, digest: str, by: Actor, decision_name: str, now: int
) -> RuleViolation | None:
    makers = dual_approval.makers_of(stores, run)
    refusal = dual_approval.why_not(stores, by, makers=makers, now=now)
    if refusal is not None:
        return refusal
    is_renewal = decision_name == "approve" and is_renewable(run)
    if run.state is not RunState.AWAITING_APPROVAL and not is_renewal:
        return StaleState("This run does not wait for approval (any more).")
    if digest != run.digest or digest_now(stores, run) != run.digest:
        return StaleState(
            "This run is not what you looked at any more. Look at it again before you decide."
        )
    standing = dual_approval.standing(stores, run, now=now)
    if is_renewal and standing.stop is None:
        return StaleState("This run is approved, and its approval still holds.")
    given = {decision.by for decision in stores.run_decisions.approvals(run)}
    if by.username in (standing.people if is_renewal else given):
        return StaleState("You approved this run already. It waits for a second person.")
    why_not = dual_approval.why_not_second
    return None if decision_name == "reject" else why_not(stores, by, run, standing, now=now)


def _audit(
    stores: Stores, at: int, by: Actor, action: str, run_id: str, detail: Mapping[str, object]
) -> None:
    stores.audit.record(at=at, actor=by.username, action=action, subject=run_id, detail=detail)
