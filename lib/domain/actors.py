"""Roles, their permissions, and the person who acts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.errors import NotPermitted


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Permission(StrEnum):
    VIEW = "view"
    """See pages and export what they show."""
    MANAGE_LINKS = "manage_links"
    """Make, expire and revoke setup links; create customers for them."""
    MANAGE_METHODS = "manage_methods"
    """Attach and detach payment methods."""
    CHARGE = "charge"
    """Charge a saved method; try a failed charge again."""
    SYNC = "sync"
    """Start a sync or a reconciliation."""
    APPROVE = "approve"
    """Decide on what another person submitted."""
    MANAGE_USERS = "manage_users"
    """Add and disable staff, set roles and passwords."""
    BACK_UP = "back_up"
    """Copy the whole database, and put an older copy back."""


_GRANTED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset(
        {
            Permission.VIEW,
            Permission.MANAGE_LINKS,
            Permission.MANAGE_METHODS,
            Permission.CHARGE,
            Permission.SYNC,
        }
    ),
    Role.APPROVER: frozenset({Permission.VIEW, Permission.APPROVE, Permission.SYNC}),
    # An admin could give themself any role, so withholding a permission would only look safe.
    # What must stay apart (maker and approver of one thing) is decided per person, not per role.
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Actor:
    username: str
    name: str
    roles: frozenset[Role]
    is_system: bool = False

    def may(self, permission: Permission) -> bool:
        return self.is_system or any(permission in _GRANTED[role] for role in self.roles)

    def must(self, permission: Permission) -> None:
        """
        Raises:
            NotPermitted: none of the person's roles allows it.
        """
        if not self.may(permission):
            needed = " or ".join(
                role.value for role in Role if permission in _GRANTED[role] and role != Role.ADMIN
            )
            raise NotPermitted(
                f"This needs the role {needed or 'admin'}. Ask an admin to give it to you."
            )


SYSTEM = Actor("system", "Onfile", frozenset(), is_system=True)
"""The worker, the webhook route and the customer's own clicks."""
