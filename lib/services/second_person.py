"""Two people for one decision: who may decide on what another person asked for."""

from __future__ import annotations

from collections.abc import Collection

from lib.domain.actors import Actor, Permission
from lib.errors import NotPermitted
from lib.store.unit_of_work import Stores


def why_not(stores: Stores, by: Actor, *, makers: Collection[str | None]) -> NotPermitted | None:
    """
    Why this person may not decide, or None. Roles are those of this moment, not of the sign-in:
    call inside the transaction that writes the decision.
    """
    user = stores.users.find(by.username)
    if user is None or not user.is_active or not user.actor.may(Permission.APPROVE):
        return NotPermitted("This needs the role approver. Ask an admin to give it to you.")
    if by.username in makers:
        return NotPermitted("You asked for it, so somebody else must decide: two people for this.")
    return None
