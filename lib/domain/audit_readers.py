"""Readers of the audit log: what others did to accounts, and were refused, is for admins."""

from __future__ import annotations

from lib.domain.actors import Actor, Permission

OF_ACCOUNTS = ("user.", "admin_change.", "denied")
"""How the actions of such entries begin."""


def reads_everything(reader: Actor) -> bool:
    return reader.may(Permission.MANAGE_USERS)


def reads(reader: Actor, *, action: str, actor: str, subject: str) -> bool:
    """Whether it is none of those, or of themself."""
    is_own = actor == reader.username or subject == f"user:{reader.username}"
    return not action.startswith(OF_ACCOUNTS) or is_own or reads_everything(reader)
