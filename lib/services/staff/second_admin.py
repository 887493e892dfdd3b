"""
The second admin: which changes wait for one.

Limits and roles decide what one person may do alone, and whoever takes over another admin's account
is two people. So where there are two admins, both agree; where there is one, nobody else could.
"""

from __future__ import annotations

from lib.domain.actors import HOST, Actor, Role
from lib.domain.admin_changes import (
    DISABLE,
    EXPECT_SSO,
    INVITE,
    LINK_SSO,
    SET_LIMITS,
    SET_ROLES,
    AdminChange,
    AdminProposal,
    AdminProposalState,
)
from lib.errors import RuleViolation, StaleState
from lib.ids import new_id
from lib.store.stores import Stores
from lib.store.users import User


def is_there(stores: Stores, by: Actor) -> bool:
    """Whether another active admin has to agree with this one."""
    if by.is_system or by == HOST:
        return False
    return any(
        user.is_active and Role.ADMIN in user.roles and user.username != by.username
        for user in stores.users.all()
    )


def proposed(stores: Stores, change: AdminChange, *, by: Actor, now: int) -> AdminProposal | None:
    """
    What waits for a second admin from now on, or None: the change may be made at once.

    Call inside the transaction that would make it, after it was checked.

    Raises:
        StaleState: the same waits already, or another change of the same.
    """
    if not _needs_two(stores, change, by) or not is_there(stores, by):
        return None
    if stores.admin_proposals.waiting_for(change.action, change.subject) is not None:
        raise StaleState(
            "A change of this waits for a second admin already, under Approvals. Decide on it or take "
            "it back first."
        )
    proposal = AdminProposal(new_id("adm"), change, AdminProposalState.PROPOSED, by.username, now)
    stores.admin_proposals.add(proposal)
    note(stores, proposal, "proposed", by=by, at=now)
    return proposal


def refuse_password(stores: Stores, user: User, *, by: Actor) -> None:
    """
    Raises:
        RuleViolation: nobody sets the password of another admin without a second one.
    """
    if by.username != user.username and Role.ADMIN in user.roles and is_there(stores, by):
        raise RuleViolation(
            f"{user.name} is an admin. Make an invitation, to which a second admin agrees."
        )


def detail_of(asked_by: Actor | None) -> dict[str, object]:
    """For the audit entry of a change that a second admin agreed to."""
    return {} if asked_by is None else {"asked_by": asked_by.username}


def note(stores: Stores, proposal: AdminProposal, word: str, *, by: Actor, at: int) -> None:
    """On the audit log: what was asked for, and how it ended."""
    change = proposal.change
    kind = "limits" if change.action == SET_LIMITS else "user"
    stores.audit.record(
        at=at,
        actor=by.username,
        action=f"admin_change.{word}",
        subject=f"{kind}:{change.subject}",
        detail={"proposal": proposal.id, "change": change.action, **change.params},
    )


def _needs_two(stores: Stores, change: AdminChange, by: Actor) -> bool:
    if change.action == SET_LIMITS:
        return True
    user = stores.users.find(change.subject)
    if user is None:
        return False
    if change.action != SET_ROLES and Role.ADMIN not in user.roles:
        return False
    is_nobodys_yet = user.last_sign_in_at is None and user.username != by.username
    if Role.ADMIN in user.roles and is_nobodys_yet:
        # Whoever never came cannot agree to anything, and must not stand in the way for ever.
        return not (
            change.action in (DISABLE, INVITE, LINK_SSO, EXPECT_SSO)
            or (
                change.action == SET_ROLES
                and set(change.params["roles"]) <= {*user.roles, Role.VIEWER}
            )
        )
    return True
