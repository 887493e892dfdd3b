"""
Settles by hand what became of a refund that evidence does not: one person proposes with a reason, another agrees.

As for charges (lib/services/charges/manual_outcomes.py): never against evidence, and never instead of looking.
"""

from __future__ import annotations

import json

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.identity import readable
from lib.domain.manual_outcomes import EARLIEST_SECONDS, ManualOutcomeState
from lib.domain.mirror import Refund
from lib.domain.refunds import (
    BY_TWO_PEOPLE,
    RefundOrder,
    RefundOutcome,
    RefundState,
    why_not_the_refund,
)
from lib.domain.resolutions import LookResult
from lib.domain.typed_codes import typed_id
from lib.errors import InvalidInput, Missing, NotFound, RuleViolation, StaleState
from lib.ids import new_id
from lib.services.continuity.completeness import Completeness
from lib.services.ledger.refunds import (
    RefundResult,
    find_order,
    note_refund,
    note_refusal,
    record_refund,
    result_of,
)
from lib.services.mirror.apply import record_payments
from lib.services.refunds.resolve import RefundResolver
from lib.services.staff import dual_approval
from lib.services.staff.users import UserService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_DECIDED = "This was decided already. Reload to see what became of it."
_FOUND_OUT = "Onfile found out by itself just now. Reload to see the outcome."
_LONGEST = 500


class RefundsByHand:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        users: UserService,
        resolver: RefundResolver,
        completeness: Completeness,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._users = users
        self._resolver = resolver
        self._completeness = completeness
        self._clock = clock

    def proposed_for(self, order_id: str) -> RefundOutcome | None:
        with self._uow.read() as stores:
            return stores.refund_outcomes.proposed_for(order_id)

    def to_decide(self) -> list[RefundOutcome]:
        """What waits for a second person, oldest first."""
        with self._uow.read() as stores:
            return stores.refund_outcomes.to_decide()

    def order_of(self, proposal: RefundOutcome) -> RefundOrder:
        with self._uow.read() as stores:
            return find_order(stores, proposal.order_id)

    def propose(
        self,
        order_id: str,
        outcome: RefundState,
        *,
        reason: str,
        by: Actor,
        refund: str | None = None,
    ) -> RefundOutcome:
        """
        Say what became of a refund whose outcome is unknown. Nothing changes before somebody agrees.

        Args:
            outcome: succeeded, with the refund at Stripe that did it, or not executed.

        Raises:
            InvalidInput: no reason, or a refund at Stripe that is not this one.
            StaleState: not unknown (any more), too early, or one is proposed already; or Stripe gave back
                more than the refunds that it lists, so that nobody can say that nothing was.
            LedgerBehind: this file is older than what was done.
            GatewayError: Stripe could not be asked.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        needed = "Say how you know, for whoever has to agree."
        reason = readable(reason, what="reason", field="reason", needed=needed)
        named = typed_id(refund or "", what="refund", field="refund") or None
        if outcome is not RefundState.SUCCEEDED and (
            outcome is not RefundState.NOT_EXECUTED or named is not None
        ):
            raise InvalidInput("Choose what happened: it was given back, or it did not happen.")
        order = self._look(order_id)
        self._check(order, outcome, named)
        now = epoch(self._clock())
        proposal = RefundOutcome(
            id=new_id("rfo"),
            order_id=order_id,
            outcome=outcome,
            refund=named,
            reason=reason[:_LONGEST],
            state=ManualOutcomeState.PROPOSED,
            proposed_by=by.username,
            proposed_at=now,
        )
        with self._uow.write() as stores:
            order = _unknown(stores, order_id)
            if stores.refund_outcomes.proposed_for(order_id) is not None:
                raise StaleState("An outcome is proposed already, and waits for somebody to agree.")
            stores.refund_outcomes.add(proposal)
            _note(stores, order, proposal, "proposed", by=by.username, at=now)
        return proposal

    def withdraw(self, proposal_id: str, *, by: Actor) -> RefundOutcome:
        """Take a proposal back before it is decided."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            proposal = _proposal(stores, proposal_id)
            after = ManualOutcomeState.WITHDRAWN
            if not stores.refund_outcomes.close(proposal_id, after=after, at=now):
                raise StaleState(_DECIDED)
            order = find_order(stores, proposal.order_id)
            _note(stores, order, proposal, "withdrawn", by=by.username, at=now)
            return _proposal(stores, proposal_id)

    def reject(self, proposal_id: str, *, by: Actor, password: str, note: str) -> RefundOutcome:
        """Raises like `approve`, but asks Stripe nothing; a reason is needed."""
        note = readable(note, what="note", field="note", needed="Say why, for whoever proposed it.")
        by = self._users.asked_again(by, password)
        return self._decide(
            proposal_id, ManualOutcomeState.REJECTED, by=by, note=note[:_LONGEST], made=None
        )

    def approve(self, proposal_id: str, *, by: Actor, password: str) -> RefundOutcome:
        """
        Agree: the refund has this outcome from now on.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever proposed it, or by somebody who may not approve (any more).
            StaleState: decided already, or evidence came first.
            InvalidInput, LedgerBehind, GatewayError: as `propose`; nothing was decided.
        """
        by = self._users.asked_again(by, password)
        made: Refund | None = None
        with self._uow.read() as stores:
            proposal = _proposal(stores, proposal_id)
            now = epoch(self._clock())
            is_allowed = _why_not(stores, proposal, by, now=now) is None
        if is_allowed:
            order = self._look(proposal.order_id)
            made = self._check(order, proposal.outcome, proposal.refund)
        return self._decide(proposal_id, ManualOutcomeState.APPROVED, by=by, note=None, made=made)

    def _decide(
        self,
        proposal_id: str,
        after: ManualOutcomeState,
        *,
        by: Actor,
        note: str | None,
        made: Refund | None,
    ) -> RefundOutcome:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            proposal = _proposal(stores, proposal_id)
            refusal = _why_not(stores, proposal, by, now=now)
            order = find_order(stores, proposal.order_id)
            if refusal is not None:
                word = "approve" if after is ManualOutcomeState.APPROVED else "reject"
                what = f"outcome_{word}"
                note_refusal(stores, order, what, str(refusal), by=by.username, at=now)
            else:
                stores.refund_outcomes.close(
                    proposal_id, after=after, by=by.username, at=now, note=note
                )
                _note(stores, order, proposal, after.value, by=by.username, at=now)
                if after is ManualOutcomeState.APPROVED:
                    _record(stores, proposal, made, at=now)
            decided = _proposal(stores, proposal_id)
        if refusal is not None:
            raise refusal
        return decided

    def _look(self, order_id: str) -> RefundOrder:
        """Ask Stripe once more in every way; only "no answer" leaves room for people."""
        with self._uow.read() as stores:
            order = _unknown(stores, order_id)
        self._completeness.verify()
        look = self._resolver.resolve_or_postpone(order)
        if look is LookResult.FINAL:
            raise StaleState(_FOUND_OUT)
        with self._uow.read() as stores:
            order = _unknown(stores, order_id)
        seen = json.loads(order.last_look or "{}")
        if look is LookResult.NOT_ASKED or seen.get("refunds") != "none":
            raise StaleState(
                "Stripe cannot be asked at the moment, so nobody can say that nothing is there. Try again later."
            )
        return order

    def _check(self, order: RefundOrder, outcome: RefundState, named: str | None) -> Refund | None:
        """The refund at Stripe that is meant, if one is; raises where Stripe says otherwise."""
        age = self._resolver.age(order)
        if age is None or age < EARLIEST_SECONDS:
            raise StaleState(
                "It is too early to settle this by hand: Onfile still finds most of them out by itself within an hour."
            )
        if outcome is RefundState.NOT_EXECUTED:
            seen = json.loads(order.last_look or "{}")
            if "given_back" not in seen or seen["given_back"] > seen["listed"]:
                raise StaleState(
                    "Stripe says of the payment that more was given back than the refunds that it lists: this one may be it. Find it in the Stripe Dashboard, and propose that it was given back."
                )
            return None
        if named is None:
            raise InvalidInput(
                "Write the refund's id at Stripe: it begins with re_.", field="refund"
            )
        asked_at_ms = epoch_ms(self._clock())
        try:
            made = self._gateway.retrieve_refund(named)
        except Missing as error:
            raise InvalidInput("Stripe has no such refund.", field="refund") from error
        with self._uow.write() as stores:
            record_payments(stores, "refunds", [made], synced_at_ms=asked_at_ms)
            holder = stores.refunds.by_refund(named)
            is_settled = find_order(stores, order.id).state is not RefundState.UNKNOWN
        if is_settled:
            raise StaleState(_FOUND_OUT)  # it carries our mark
        problem = why_not_the_refund(made, order, holder)
        if problem is not None:
            raise InvalidInput(problem, field="refund")
        return made


def _unknown(stores: Stores, order_id: str) -> RefundOrder:
    order = find_order(stores, order_id)
    if order.state is not RefundState.UNKNOWN:
        raise StaleState("The outcome of this refund is not unknown. Reload to see it.")
    return order


def _proposal(stores: Stores, proposal_id: str) -> RefundOutcome:
    proposal = stores.refund_outcomes.find(proposal_id)
    if proposal is None:
        raise NotFound("There is no such proposal.")
    return proposal


def _why_not(
    stores: Stores, proposal: RefundOutcome, by: Actor, *, now: int
) -> RuleViolation | None:
    refusal = dual_approval.why_not(stores, by, makers={proposal.proposed_by}, now=now)
    if refusal is not None:
        return refusal
    return None if proposal.is_proposed else StaleState(_DECIDED)


def _record(stores: Stores, proposal: RefundOutcome, made: Refund | None, *, at: int) -> None:
    order = _unknown(stores, proposal.order_id)
    result = RefundResult(RefundState.NOT_EXECUTED) if made is None else result_of(made)
    if not record_refund(stores, order, result, at=at, evidence=BY_TWO_PEOPLE):
        raise StaleState("This refund changed a moment ago. Reload to see its state.")


def _note(
    stores: Stores, order: RefundOrder, proposal: RefundOutcome, event: str, *, by: str, at: int
) -> None:
    """On the charge's timeline and in the audit log; the note is the proposal's reason."""
    note_refund(
        stores,
        order,
        f"refund_outcome_{event}",
        by=by,
        at=at,
        proposal=proposal.id,
        outcome=proposal.outcome.value,
        stripe_refund=proposal.refund,
        note=proposal.reason,
    )
