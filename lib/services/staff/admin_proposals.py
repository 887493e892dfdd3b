"""Proposals of one admin, to which another agrees or does not."""

from __future__ import annotations

from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission, Role
from lib.domain.admin_changes import (
    EXPECT_SSO,
    INVITE,
    LINK_SSO,
    PROPOSAL_DAYS,
    RESET_SECOND_FACTOR,
    SET_LIMITS,
    SET_ROLES,
    UNLINK_SSO,
    AdminProposal,
    AdminProposalState,
)
from lib.errors import NotFound, NotPermitted, StaleState
from lib.services.staff import accounts, dual_approval, limits, second_admin, second_factors
from lib.services.staff.invitations import InvitationService
from lib.services.staff.single_sign_on import SingleSignOn
from lib.services.staff.users import UserService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Agreed:
    proposal: AdminProposal
    invitation: str | None
    """The address to hand to the person, shown this once."""


class AdminProposals:
    def __init__(
        self,
        uow: UnitOfWork,
        users: UserService,
        invitations: InvitationService,
        single_sign_on: SingleSignOn,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._users = users
        self._invitations = invitations
        self._single_sign_on = single_sign_on
        self._clock = clock

    def to_decide(self, *, by: Actor) -> list[AdminProposal]:
        """Oldest first; nothing for whoever is no admin."""
        if not by.may(Permission.MANAGE_USERS):
            return []
        with self._uow.read() as stores:
            return stores.admin_proposals.to_decide()

    def roles_waiting(self, username: str) -> AdminProposal | None:
        """Roles of this person that another admin has to agree to."""
        with self._uow.read() as stores:
            return stores.admin_proposals.waiting_for(SET_ROLES, username)

    def in_words(self, proposal: AdminProposal) -> str:
        with self._uow.read() as stores:
            user = stores.users.find(proposal.change.subject)
        return proposal.change.in_words(user.name if user else proposal.change.subject)

    def agree(self, proposal_id: str, *, by: Actor, password: str) -> Agreed:
        """
        Make the change that another admin asked for.

        Raises:
            NotSignedIn: the password is wrong.
            NotPermitted: by whoever asked for it, by somebody who is not surely another person, or
                whoever asked is no admin any more.
            StaleState: decided already, or asked for too long ago.
            NotFound, RuleViolation: it cannot be made any more; it still waits.
        """
        by = self._users.asked_again(by, password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            proposal = self._open(stores, proposal_id, by=by)
            asked_by = _may_agree(stores, proposal, by, now=now)
            stores.admin_proposals.close(
                proposal.id, after=AdminProposalState.APPROVED, by=by.username, at=now
            )
            second_admin.note(stores, proposal, "approved", by=by, at=now)
            address = self._make(stores, proposal, by=by, asked_by=asked_by, at=now)
        return Agreed(proposal, address)

    def reject(self, proposal_id: str, *, by: Actor, password: str) -> AdminProposal:
        """Raises as `agree`, except that nobody may be too close to say no."""
        by = self._users.asked_again(by, password)
        if self._find(proposal_id).proposed_by == by.username:
            raise NotPermitted("You asked for this yourself: take it back instead.")
        return self._close(proposal_id, AdminProposalState.REJECTED, by=by, decided_by=by.username)

    def withdraw(self, proposal_id: str, *, by: Actor) -> AdminProposal:
        """
        Raises:
            NotPermitted: somebody else asked for it.
            StaleState: decided already.
        """
        if self._find(proposal_id).proposed_by != by.username:
            raise NotPermitted("Somebody else asked for this. You may reject it.")
        return self._close(proposal_id, AdminProposalState.WITHDRAWN, by=by, decided_by=None)

    def _close(
        self, proposal_id: str, after: AdminProposalState, *, by: Actor, decided_by: str | None
    ) -> AdminProposal:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            proposal = self._open(stores, proposal_id, by=by)
            stores.admin_proposals.close(proposal_id, after=after, by=decided_by, at=now)
            second_admin.note(stores, proposal, after.value, by=by, at=now)
        return proposal

    def _find(self, proposal_id: str) -> AdminProposal:
        with self._uow.read() as stores:
            return _known(stores, proposal_id)

    def _open(self, stores: Stores, proposal_id: str, *, by: Actor) -> AdminProposal:
        """Roles are those of this moment, not of the sign-in."""
        user = stores.users.find(by.username)
        if user is None or not _is_admin(stores, by.username):
            raise NotPermitted("This needs the role admin.")
        proposal = _known(stores, proposal_id)
        if proposal.state is not AdminProposalState.PROPOSED:
            raise StaleState("This was decided already. Reload to see what became of it.")
        return proposal

    def _make(
        self, stores: Stores, proposal: AdminProposal, *, by: Actor, asked_by: Actor, at: int
    ) -> str | None:
        change = proposal.change
        if change.action == INVITE:
            return self._invitations.make(stores, change, by=by, at=at, asked_by=asked_by)
        if change.action == SET_LIMITS:
            limits.make_change(stores, change, by=by, at=at, asked_by=asked_by)
        elif change.action in (LINK_SSO, UNLINK_SSO, EXPECT_SSO):
            self._single_sign_on.make_change(stores, change, by=by, at=at, asked_by=asked_by)
        elif change.action == RESET_SECOND_FACTOR:
            second_factors.make_reset(stores, change, by=by, at=at, asked_by=asked_by)
        else:
            accounts.make_change(stores, change, by=by, at=at, asked_by=asked_by)
        return None


def _known(stores: Stores, proposal_id: str) -> AdminProposal:
    proposal = stores.admin_proposals.find(proposal_id)
    if proposal is None:
        raise NotFound(f"There is no change {proposal_id[:40]} that waits for an admin.")
    return proposal


def _may_agree(stores: Stores, proposal: AdminProposal, by: Actor, *, now: int) -> Actor:
    """Who asked for it, after it was found that these are two people."""
    if not _is_admin(stores, proposal.proposed_by):
        raise NotPermitted("Whoever asked for this is no admin any more. Reject it.")
    refusal = dual_approval.why_not(stores, by, makers=[proposal.proposed_by], now=now)
    if refusal is not None:
        raise refusal
    if proposal.is_too_old(now):
        raise StaleState(
            f"This was asked for more than {PROPOSAL_DAYS} days ago. Reject it, and ask for it anew."
        )
    return accounts.user_of(stores, proposal.proposed_by).actor


def _is_admin(stores: Stores, username: str) -> bool:
    user = stores.users.find(username)
    return user is not None and user.is_active and Role.ADMIN in user.roles
