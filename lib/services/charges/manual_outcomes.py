"""
Settles by hand what evidence does not: one person proposes with a reason, another agrees.

Never against evidence, and never instead of looking: Stripe is asked in every way before a proposal and
again before it is agreed to, and whatever it says then is what counts.
"""

from __future__ import annotations

import json

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import Attempt, Charge, Evidence, Outcome
from lib.domain.identity import readable
from lib.domain.manual_outcomes import (
    EARLIEST_SECONDS,
    ManualOutcome,
    ManualOutcomeState,
    why_not_the_payment,
)
from lib.domain.resolutions import LookResult
from lib.domain.typed_codes import typed_id
from lib.errors import InvalidInput, Missing, NotFound, RuleViolation, StaleState
from lib.ids import new_id
from lib.services.charges.resolve import ChargeResolver
from lib.services.ledger.attempts import AttemptResult, record_result
from lib.services.staff import dual_approval
from lib.services.staff.users import UserService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_DECIDED = "This was decided already. Reload to see what became of it."


class ManualOutcomeService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        users: UserService,
        resolver: ChargeResolver,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._users = users
        self._resolver = resolver
        self._clock = clock

    def of_charge(self, charge_id: str) -> list[ManualOutcome]:
        """Oldest first."""
        with self._uow.read() as stores:
            return stores.manual_outcomes.of_charge(charge_id)

    def to_decide(self) -> list[ManualOutcome]:
        """What waits for a second person, oldest first."""
        with self._uow.read() as stores:
            return stores.manual_outcomes.to_decide()

    def propose(
        self,
        charge_id: str,
        outcome: Outcome,
        *,
        reason: str,
        by: Actor,
        payment_intent: str | None = None,
    ) -> ManualOutcome:
        """
        Say what became of a charge whose outcome is unknown. Nothing changes before somebody agrees.

        Args:
            outcome: succeeded, with the PaymentIntent that did it, or not executed.

        Raises:
            InvalidInput: no reason, or a PaymentIntent that is not this charge's payment.
            StaleState: not unknown (any more), too early, or one is proposed already.
            GatewayError: Stripe could not be asked, so nothing is known to be missing there.
        """
        by.must(Permission.CHARGE)
        by.must_be_asked()
        needed = "Say how you know, for whoever has to agree."
        reason = readable(reason, what="reason", field="reason", needed=needed)
        with self._uow.read() as stores:
            charge, attempt = _unknown(stores, charge_id)
        self._look(charge_id)
        age = self._resolver.age(attempt)
        if age is None or age < EARLIEST_SECONDS:
            raise StaleState(
                "It is too early to settle this by hand: Onfile still finds most of them out by itself within an hour."
            )
        intent = typed_id(payment_intent or "", what="payment", field="payment") or None
        if outcome is Outcome.SUCCEEDED:
            self._check_payment(charge, attempt, intent)
        elif outcome is not Outcome.NOT_EXECUTED or intent is not None:
            raise InvalidInput("Choose what happened: it was paid, or it did not happen.")
        now = epoch(self._clock())
        proposal = ManualOutcome(
            id=new_id("mo"),
            charge_id=charge_id,
            attempt=attempt.number,
            outcome=outcome,
            payment_intent=intent,
            reason=reason[:500],
            state=ManualOutcomeState.PROPOSED,
            proposed_by=by.username,
            proposed_at=now,
            decided_by=None,
            decided_at=None,
            decision_note=None,
        )
        with self._uow.write() as stores:
            _unknown(stores, charge_id, number=attempt.number)
            if any(other.is_proposed for other in stores.manual_outcomes.of_charge(charge_id)):
                raise StaleState("An outcome is proposed already, and waits for somebody to agree.")
            stores.manual_outcomes.add(proposal)
            _note(stores, proposal, "proposed", by=by.username, at=now)
        return proposal

    def withdraw(self, proposal_id: str, *, by: Actor) -> ManualOutcome:
        """Take a proposal back before it is decided."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            proposal = _proposal(stores, proposal_id)
            if not stores.manual_outcomes.close(
                proposal_id, after=ManualOutcomeState.WITHDRAWN, at=now
            ):
                raise StaleState(_DECIDED)
            _note(stores, proposal, "withdrawn", by=by.username, at=now)
            return _proposal(stores, proposal_id)

    def reject(self, proposal_id: str, *, by: Actor, password: str, note: str) -> ManualOutcome:
        """Raises like `approve`, but asks Stripe nothing; a reason is needed."""
        note = readable(note, what="note", field="note", needed="Say why, for whoever proposed it.")
        by = self._users.asked_again(by, password)
        reason = note[:500]
        return self._decide(proposal_id, ManualOutcomeState.REJECTED, by=by, note=reason)

    def approve(self, proposal_id: str, *, by: Actor, password: str) -> ManualOutcome:
        """
        Agree: the attempt has this outcome from now on.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever proposed it, or by somebody who may not approve (any more).
            StaleState: decided already, or evidence came first.
            InvalidInput: the PaymentIntent is not this charge's payment (any more).
            GatewayError: Stripe could not be asked; nothing was decided.
        """
        by = self._users.asked_again(by, password)
        with self._uow.read() as stores:
            proposal = _proposal(stores, proposal_id)
            is_allowed = _why_not(stores, proposal, by, epoch(self._clock())) is None
        if is_allowed:
            self._look(proposal.charge_id)
            if proposal.outcome is Outcome.SUCCEEDED:
                with self._uow.read() as stores:
                    charge, attempt = _unknown(stores, proposal.charge_id)
                self._check_payment(charge, attempt, proposal.payment_intent)
        return self._decide(proposal_id, ManualOutcomeState.APPROVED, by=by, note=None)

    def _decide(
        self, proposal_id: str, after: ManualOutcomeState, *, by: Actor, note: str | None
    ) -> ManualOutcome:
        now = epoch(self._clock())
        word = "approve" if after is ManualOutcomeState.APPROVED else "reject"
        with self._uow.write() as stores:
            proposal = _proposal(stores, proposal_id)
            refusal = _why_not(stores, proposal, by, now)
            if refusal is not None:
                stores.audit.record(
                    at=now,
                    actor=by.username,
                    action=f"manual_outcome.{word}_refused",
                    subject=proposal.charge_id,
                    detail={"proposal": proposal.id, "reason": str(refusal)},
                )
            else:
                stores.manual_outcomes.close(
                    proposal_id, after=after, by=by.username, at=now, note=note
                )
                _note(stores, proposal, after.value, by=by.username, at=now)
                if after is ManualOutcomeState.APPROVED:
                    _record(stores, proposal, at=now)
            outcome = _proposal(stores, proposal_id)
        if refusal is not None:
            raise refusal
        return outcome

    def _look(self, charge_id: str) -> None:
        """Ask Stripe once more in every way; only "no answer" leaves room for people."""
        look = self._resolver.resolve_abandoned(charge_id)
        now = epoch(self._clock())
        if look is LookResult.FINAL:
            with self._uow.write() as stores:
                for proposal in stores.manual_outcomes.of_charge(charge_id):
                    if proposal.is_proposed:
                        stores.manual_outcomes.close(
                            proposal.id, after=ManualOutcomeState.OVERTAKEN, at=now
                        )
                        _note(stores, proposal, "overtaken", by="system", at=now)
            raise StaleState("Onfile found out by itself just now. Reload to see the outcome.")
        with self._uow.read() as stores:
            _, attempt = _unknown(stores, charge_id)
        trace = json.loads(attempt.last_look or "{}")
        is_traceless = trace.get("events") == trace.get("payments") == "none"
        if look is not LookResult.NOT_ASKED and "payment_intent" in trace:
            status = str(trace["status"]).replace("_", " ")
            raise StaleState(
                f"Stripe holds the payment of this try: {trace['payment_intent']}, {status}. Cancel it here, or "
                "complete it in the Stripe Dashboard; Onfile then sees by itself how it ended."
            )
        if look is LookResult.NOT_ASKED or not is_traceless:
            raise StaleState(
                "Stripe cannot be asked at the moment, so nobody can say that nothing is there. Try again later."
            )

    def _check_payment(self, charge: Charge, attempt: Attempt, intent_id: str | None) -> None:
        if intent_id is None:
            raise InvalidInput(
                "Write the payment's id at Stripe: it begins with pi_.", field="payment_intent"
            )
        asked_at_ms = epoch_ms(self._clock())
        try:
            intent = self._gateway.retrieve_payment_intent(intent_id)
        except Missing as error:
            raise InvalidInput("Stripe has no such payment.", field="payment_intent") from error
        with self._uow.write() as stores:
            stores.payments.save_payment_intents([intent], synced_at_ms=asked_at_ms)
            holder = stores.charges.by_payment_intent(intent_id)
        problem = why_not_the_payment(intent, charge, attempt, holder)
        if problem is not None:
            raise InvalidInput(problem, field="payment_intent")


def _unknown(
    stores: Stores, charge_id: str, *, number: int | None = None
) -> tuple[Charge, Attempt]:
    charge = stores.charges.find(charge_id)
    if charge is None:
        raise NotFound("There is no such charge.")
    attempts = stores.charges.attempts(charge_id)
    if (
        not attempts
        or attempts[-1].outcome is not Outcome.UNKNOWN
        or number not in (None, attempts[-1].number)
    ):
        raise StaleState("The outcome of this charge is not unknown. Reload to see it.")
    return charge, attempts[-1]


def _proposal(stores: Stores, proposal_id: str) -> ManualOutcome:
    proposal = stores.manual_outcomes.find(proposal_id)
    if proposal is None:
        raise NotFound("There is no such proposal.")
    return proposal


def _why_not(stores: Stores, proposal: ManualOutcome, by: Actor, now: int) -> RuleViolation | None:
    refusal = dual_approval.why_not(stores, by, makers={proposal.proposed_by}, now=now)
    if refusal is None and not proposal.is_proposed:
        return StaleState(_DECIDED)
    return refusal


def _record(stores: Stores, proposal: ManualOutcome, *, at: int) -> None:
    _, attempt = _unknown(stores, proposal.charge_id, number=proposal.attempt)
    result = AttemptResult(proposal.outcome, payment_intent=proposal.payment_intent)
    if not record_result(stores, attempt, result, evidence=Evidence.TWO_PEOPLE.value, at=at):
        raise StaleState("This charge changed a moment ago. Reload to see its state.")


def _note(stores: Stores, proposal: ManualOutcome, event: str, *, by: str, at: int) -> None:
    """On the charge's timeline and in the audit log."""
    detail: dict[str, object] = {
        "proposal": proposal.id,
        "outcome": proposal.outcome.value,
        "reason": proposal.reason,
        "payment_intent": proposal.payment_intent,
    }
    stores.charges.note(
        proposal.charge_id,
        attempt=proposal.attempt,
        at=at,
        actor=by,
        kind=f"manual_outcome_{event}",
        detail=detail,
    )
    stores.audit.record(
        at=at,
        actor=by,
        action=f"manual_outcome.{event}",
        subject=proposal.charge_id,
        detail=detail,
    )
