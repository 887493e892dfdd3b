"""Two people for one decision: who may decide on what another person asked for."""

from __future__ import annotations

from collections.abc import Collection

from lib.domain.actors import Actor, Permission
from lib.errors import NotPermitted
from lib.store.unit_of_work import Stores


def may_decide(stores: Stores, username: str) -> bool:
    """Whether this is an active approver at this moment."""
    user = stores.users.find(username)
    return user is not None and user.is_active and user.actor.may(Permission.APPROVE)


def why_not(stores: Stores, by: Actor, *, makers: Collection[str | None]) -> NotPermitted | None:
    """
    Why this person may not decide, or None. Roles are those of this moment, not of the sign-in:
    call inside the transaction that writes the decision.
    """
    if not may_decide(stores, by.username):
        return NotPermitted("This needs the role approver. Ask an admin to give it to you.")
    if by.username in makers:
        return NotPermitted(
            "You prepared or asked for this, so somebody else must decide on it: two people for every decision."
        )
    return None
