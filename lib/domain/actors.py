"""Roles, their permissions, and the person who acts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lib.errors import InvalidInput, NotPermitted, NotSignedIn


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    SERVICE = "service"
    """A program, such as a cron job, that signs in on the command line and nowhere else."""


class Permission(StrEnum):
    VIEW = "view"
    """See pages and export what they show."""
    MANAGE_LINKS = "manage_links"
    """Make, expire and revoke setup links; create customers for them."""
    MANAGE_METHODS = "manage_methods"
    """Attach and detach payment methods."""
    IMPORT = "import"
    """Make draft runs from files."""
    CHARGE = "charge"
    """Charge a saved method; try a failed charge again."""
    HOLD = "hold"
    """Stop the charges of a customer, and lift what another person stopped."""
    NOTE = "note"
    """Write a note about a customer."""
    SYNC = "sync"
    """Start a sync or a reconciliation."""
    APPROVE = "approve"
    """Decide on what another person submitted."""
    SETTLE = "settle"
    """Propose how an incident is settled."""
    MANAGE_USERS = "manage_users"
    """Add and disable staff, set roles and passwords."""
    PROTECT_DATA = "protect_data"
    """Export and erase what is kept of a person, and say for how long things are kept."""
    BACK_UP = "back_up"
    """Copy the whole database."""
    RESTORE = "restore"
    """Put an older copy of the database back."""


_GRANTED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset(
        {
            Permission.VIEW,
            Permission.MANAGE_LINKS,
            Permission.MANAGE_METHODS,
            Permission.IMPORT,
            Permission.CHARGE,
            Permission.HOLD,
            Permission.NOTE,
            Permission.SETTLE,
            Permission.SYNC,
        }
    ),
    Role.APPROVER: frozenset(
        {
            Permission.VIEW,
            Permission.APPROVE,
            Permission.HOLD,
            Permission.NOTE,
            Permission.SETTLE,
            Permission.SYNC,
        }
    ),
    Role.SERVICE: frozenset(
        {Permission.VIEW, Permission.IMPORT, Permission.SYNC, Permission.BACK_UP}
    ),
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
    is_open_page: bool = False
    """Whoever sits there now was asked for nothing since the page was opened."""
    session: str | None = None
    """The id of the sign-in to the dashboard."""

    def may(self, permission: Permission) -> bool:
        return self.is_system or any(permission in _GRANTED[role] for role in self.roles)

    def must(self, permission: Permission) -> None:
        """
        Raises:
            NotPermitted: none of the person's roles allows it.
        """
        if not self.may(permission):
            needed = " or ".join(
                role.value
                for role in Role
                if permission in _GRANTED[role] and role not in (Role.ADMIN, Role.SERVICE)
            )
            raise NotPermitted(
                f"This needs the role {needed or 'admin'}. Ask an admin to give it to you."
            )

    def must_be_asked(self) -> None:
        """
        What every act before money asks: a page that was left open decides on nothing.

        Raises:
            NotSignedIn: the password or a code was not asked for again.
        """
        if self.is_open_page:
            raise NotSignedIn("Enter your password, or the code that your app shows.")


SYSTEM = Actor("system", "Onfile", frozenset(), is_system=True)
"""The worker, the webhook route and the customer's own clicks."""
HOST = Actor("@host", "The owner of this machine", frozenset())
"""Whoever may use the command line on it, without a sign-in; no user can have this name."""


def check_is_a_persons(name: str) -> None:
    """
    Raises:
        InvalidInput: pages call somebody else so, who is no user.
    """
    if name.casefold() in {actor.name.casefold() for actor in (SYSTEM, HOST)}:
        raise InvalidInput(
            f"“{name}” is what pages call somebody else. Choose another name.", field="name"
        )
