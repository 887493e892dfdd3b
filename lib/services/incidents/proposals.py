"""
Settles an incident by two people: one proposes with a reason, another agrees.

Where there is only one approver, and it is they who proposed, the owner of this machine is the other one, by
the command line.
"""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import HOST, Actor, Permission
from lib.domain.incidents import (
    PROPOSABLE,
    Incident,
    IncidentProposal,
    ProposalState,
    Resolution,
)
from lib.errors import InvalidInput, NotPermitted, StaleState
from lib.ids import new_id
from lib.services.incidents.payments import (
    IncidentPayments,
    adopt_payment,
    checked_reason,
    open_one,
)
from lib.services.incidents.view import incident_of, why_not_adopt
from lib.services.ledger.incidents import close, note_incident
from lib.services.staff import dual_approval
from lib.services.staff.users import UserService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_DECIDED = "This was decided already. Reload to see what became of it."


class IncidentProposals:
    def __init__(
        self,
        uow: UnitOfWork,
        users: UserService,
        payments: IncidentPayments,
        *,
        clock: Clock,
        livemode: bool,
    ) -> None:
        self._uow = uow
        self._users = users
        self._payments = payments
        self._clock = clock
        self._livemode = livemode

    def to_decide(self) -> list[IncidentProposal]:
        """What waits for a second person, oldest first."""
        with self._uow.read() as stores:
            return stores.incidents.proposals_to_decide()

    def propose(
        self, incident_id: str, resolution: Resolution, *, reason: str, by: Actor
    ) -> IncidentProposal:
        """
        Nothing changes before somebody else agrees.

        Args:
            resolution: adopted (the payment stands), or accepted (it stays as it is).

        Raises:
            NotPermitted: neither an operator nor an approver.
            InvalidInput: no reason, or none of these two.
            StaleState: settled already, one is proposed already, or the ledger cannot take the payment.
            GatewayError: adopted, and Stripe could not be asked how the payment stands.
        """
        by.must(Permission.SETTLE)
        by.must_be_asked()
        if resolution not in PROPOSABLE:
            raise InvalidInput(
                "Two people agree that the payment stands, or that it stays as it is."
            )
        note = checked_reason(reason)
        with self._uow.read() as stores:
            incident = open_one(stores, incident_id)
        if resolution is Resolution.ADOPTED:
            self._payments.look(incident)
        now = epoch(self._clock())
        proposal = IncidentProposal(
            new_id("prp"), incident_id, resolution, note, ProposalState.PROPOSED, by.username, now
        )
        with self._uow.write() as stores:
            incident = open_one(stores, incident_id)
            if stores.incidents.proposal(incident_id) is not None:
                raise StaleState(
                    "How to settle it is proposed already, and waits for somebody to agree."
                )
            if resolution is Resolution.ADOPTED:
                payment = stores.payments.evidence(incident.payment_intent or "")
                problem = why_not_adopt(stores, incident, payment)
                if problem is not None:
                    raise StaleState(problem)
            stores.incidents.propose(proposal)
            _note(stores, incident, proposal, "proposed", by=by.username, at=now)
        return proposal

    def withdraw(self, incident_id: str, *, by: Actor) -> None:
        """Take a proposal back before it is decided."""
        by.must(Permission.SETTLE)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            incident, proposal = _proposed(stores, incident_id)
            if by.username != proposal.proposed_by:
                raise NotPermitted("Only whoever proposed it takes it back. Reject it instead.")
            stores.incidents.close_proposal(proposal.id, after=ProposalState.WITHDRAWN, at=now)
            _note(stores, incident, proposal, "withdrawn", by=by.username, at=now)

    def reject(self, incident_id: str, *, by: Actor, password: str, note: str) -> None:
        """Raises like `approve`; a reason is needed."""
        why = checked_reason(note)
        by = self._users.asked_again(by, password)
        self._decide(incident_id, ProposalState.REJECTED, by=by, note=why)

    def approve(self, incident_id: str, *, by: Actor, password: str) -> Incident:
        """
        Agree: the incident is settled as it was proposed.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever proposed it, or by somebody who may not approve (any more).
            StaleState: decided or settled already, or the ledger cannot take the payment (any more).
            GatewayError: Stripe could not be asked how the payment stands; nothing was decided.
        """
        by = self._users.asked_again(by, password)
        return self._agree(incident_id, by=by)

    def approve_on_this_host(self, incident_id: str) -> Incident:
        """
        The same by whoever owns the machine, without a sign-in: where the one who proposed it is the only
        approver there is.

        Raises:
            NotPermitted: somebody else could agree.
            StaleState, GatewayError: as `approve`.
        """
        return self._agree(incident_id, by=HOST)

    def _agree(self, incident_id: str, *, by: Actor) -> Incident:
        with self._uow.read() as stores:
            incident, proposal = _proposed(stores, incident_id)
            is_allowed = _why_not(stores, proposal, by, epoch(self._clock())) is None
        if is_allowed and proposal.resolution is Resolution.ADOPTED:
            self._payments.look(incident)
        return self._decide(incident_id, ProposalState.APPROVED, by=by, note=None)

    def _decide(
        self, incident_id: str, after: ProposalState, *, by: Actor, note: str | None
    ) -> Incident:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            incident, proposal = _proposed(stores, incident_id)
            refusal = _why_not(stores, proposal, by, now)
            if refusal is not None:
                word = "approve" if after is ProposalState.APPROVED else "reject"
                note_incident(
                    stores,
                    incident,
                    f"{word}_refused",
                    by=by.username,
                    at=now,
                    proposal=proposal.id,
                    reason=str(refusal),
                )
            else:
                stores.incidents.close_proposal(
                    proposal.id, after=after, by=by.username, at=now, note=note
                )
                _note(stores, incident, proposal, after.value, by=by.username, at=now, note=note)
                if after is ProposalState.APPROVED:
                    self._settle(stores, incident, proposal, by=by, at=now)
            settled = incident_of(stores, incident_id)
        if refusal is not None:
            raise refusal
        return settled

    def _settle(
        self,
        stores: Stores,
        incident: Incident,
        proposal: IncidentProposal,
        *,
        by: Actor,
        at: int,
    ) -> None:
        if proposal.resolution is Resolution.ADOPTED:
            adopt_payment(stores, incident, by=by.username, at=at, livemode=self._livemode)
        close(stores, incident, proposal.resolution, by=by.username, note=proposal.reason, at=at)


def _proposed(stores: Stores, incident_id: str) -> tuple[Incident, IncidentProposal]:
    incident = open_one(stores, incident_id)
    proposal = stores.incidents.proposal(incident_id)
    if proposal is None:
        raise StaleState(_DECIDED)
    return incident, proposal


def _why_not(
    stores: Stores, proposal: IncidentProposal, by: Actor, now: int
) -> NotPermitted | None:
    if by is HOST:
        return dual_approval.why_not_the_host(stores, maker=proposal.proposed_by)
    return dual_approval.why_not(stores, by, makers={proposal.proposed_by}, now=now)


def _note(
    stores: Stores,
    incident: Incident,
    proposal: IncidentProposal,
    event: str,
    *,
    by: str,
    at: int,
    note: str | None = None,
) -> None:
    note_incident(
        stores,
        incident,
        event,
        by=by,
        at=at,
        proposal=proposal.id,
        resolution=proposal.resolution.value,
        reason=proposal.reason,
        note=note,
    )
