"""Accounts as the table has them: found, and changed with the entry that says who did it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lib.domain.actors import Actor, Role
from lib.domain.admin_changes import DISABLE, ENABLE, SET_ROLES, AdminChange
from lib.domain.identity import letter_name
from lib.errors import InvalidInput, NotFound, RuleViolation
from lib.services.staff import second_admin
from lib.services.staff.account_changes import note_change
from lib.store.stores import Stores
from lib.store.users import User

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")


def user_of(stores: Stores, username: str) -> User:
    """
    Raises:
        NotFound
    """
    user = stores.users.find(username)
    if user is None:
        raise NotFound(f"There is no user {username[:40]}.{first_odd(username)}")
    return user


def _keep_one_admin(stores: Stores, user: User) -> None:
    if user.is_active and stores.users.active_admins() <= 1:
        raise RuleViolation("This is the last active admin. Make somebody else an admin first.")


def note(
    stores: Stores, at: int, actor: Actor, action: str, username: str, **detail: object
) -> None:
    """On the audit log, and for the rule of two people."""
    stores.audit.record(
        at=at, actor=actor.username, action=action, subject=f"user:{username}", detail=detail
    )
    note_change(stores, username, action, by=actor, at=at)


def check_change(stores: Stores, change: AdminChange) -> None:
    """
    Raises:
        NotFound: no such user.
        RuleViolation: the last active admin would be none.
    """
    before = user_of(stores, change.subject)
    stays = change.action != DISABLE and Role.ADMIN in change.params.get("roles", (Role.ADMIN,))
    if Role.ADMIN in before.roles and not stays:
        _keep_one_admin(stores, before)


def make_change(
    stores: Stores, change: AdminChange, *, by: Actor, at: int, asked_by: Actor | None = None
) -> None:
    """
    Roles, or whether the account is active. Raises as `check_change`.

    Args:
        asked_by: the admin who asked for it, where `by` is a second one.
    """
    check_change(stores, change)
    username = change.subject
    if change.action == SET_ROLES:
        stores.users.set_roles(username, frozenset(map(Role, change.params["roles"])))
    else:
        stores.users.set_active(username, active=change.action == ENABLE)
    detail = dict(change.params) | second_admin.detail_of(asked_by)
    note(stores, at, by, change.action, username, **detail)
    if asked_by is not None:
        note_change(stores, username, change.action, by=asked_by, at=at)


def roles_change(username: str, roles: frozenset[Role]) -> AdminChange:
    return AdminChange(SET_ROLES, username, {"roles": sorted(roles)})


def checked_roles(roles: Iterable[Role | str]) -> frozenset[Role]:
    try:
        chosen = frozenset(Role(role) for role in roles)
    except ValueError as error:
        known = ", ".join(role.value for role in Role)
        raise InvalidInput(f"The roles are: {known}.", field="role") from error
    if not chosen:
        raise InvalidInput("Choose at least one role.", field="role")
    if Role.SERVICE in chosen and len(chosen) > 1:
        raise InvalidInput(
            "An account of a program has the role service and no other.", field="role"
        )
    return chosen


def first_odd(username: str) -> str:
    """Which letter cannot stand in a user name, as another alphabet's may look like one that can."""
    odd = next((one for one in username if not USERNAME.match(f"a{one}")), None)
    if odd is None:
        return ""
    return f" “{odd}” is {letter_name(odd)}."
