"""
Invitations: how an account is handed over without anybody else ever knowing its password.

The address holds a token of 256 bits; the database only its digest, so a copy of the file invites
nobody. One works at a time, once, for three days.
"""

from __future__ import annotations

import hashlib
import secrets

from lib.clock import Clock, epoch
from lib.domain.actors import HOST, Actor, Permission
from lib.domain.admin_changes import INVITE, AdminChange, AdminProposal
from lib.domain.identity import whole_letters
from lib.errors import NotFound, RuleViolation
from lib.services.staff import second_admin
from lib.services.staff.account_changes import note_change
from lib.services.staff.accounts import user_of
from lib.services.staff.users import UserService
from lib.store.invitations import Invitation
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

VALID_SECONDS = 3 * 24 * 3600
_GONE = (
    "This invitation was used, replaced by a newer one, or is older than three days. "
    "Ask an admin for a new one."
)


class InvitationService:
    def __init__(
        self, uow: UnitOfWork, users: UserService, *, clock: Clock, public_url: str
    ) -> None:
        self._uow = uow
        self._users = users
        self._clock = clock
        self._public_url = public_url

    def invite(self, username: str, *, by: Actor) -> str | AdminProposal:
        """
        The address to hand to the person. It is shown once, and ends the one before; their password
        counts until they have set a new one. For an admin a second one has to agree, where there is
        one, and is shown the address.

        Raises:
            NotPermitted, NotFound
            RuleViolation: the account is disabled.
        """
        by.must(Permission.MANAGE_USERS)
        change = AdminChange(INVITE, username, {})
        now = epoch(self._clock())
        with self._uow.write() as stores:
            _check_may_be_invited(stores, change)
            waits = second_admin.proposed(stores, change, by=by, now=now)
            return waits or self.make(stores, change, by=by, at=now)

    def make(
        self,
        stores: Stores,
        change: AdminChange,
        *,
        by: Actor,
        at: int,
        asked_by: Actor | None = None,
    ) -> str:
        """
        The address, which counts with the transaction. Raises as `invite`.

        Args:
            asked_by: the admin who asked for it, where `by` is a second one.
        """
        _check_may_be_invited(stores, change)
        token, username = secrets.token_urlsafe(32), change.subject
        stores.invitations.add(
            _digest(token), Invitation(username, by.username, at, at + VALID_SECONDS)
        )
        stores.audit.record(
            at=at,
            actor=by.username,
            action=INVITE,
            subject=f"user:{username}",
            detail={"expires_at": at + VALID_SECONDS} | second_admin.detail_of(asked_by),
        )
        # Whoever sees the address could use it themself.
        for one in (by, asked_by):
            if one is not None:
                note_change(stores, username, INVITE, by=one, at=at)
        return self._address(token)

    def recover(self, username: str) -> tuple[User, str]:
        """
        For whoever owns the machine: open an account again, without its second factor and its single sign-on,
        and invite its person. Ends their sessions.

        Raises:
            NotFound
        """
        token, now = secrets.token_urlsafe(32), epoch(self._clock())
        with self._uow.write() as stores:
            user_of(stores, username)
            stores.users.set_active(username, active=True)
            self._users.forget_guesses(stores, username)
            stores.second_factors.remove(username)
            stores.identities.unlink(username)
            stores.invitations.add(
                _digest(token), Invitation(username, HOST.username, now, now + VALID_SECONDS)
            )
            stores.audit.record(
                at=now,
                actor=HOST.username,
                action="user.recover",
                subject=f"user:{username}",
                detail={"expires_at": now + VALID_SECONDS},
            )
            return user_of(stores, username), self._address(token)

    def _address(self, token: str) -> str:
        return f"{self._public_url}/?invitation={token}"

    def invited(self, token: str) -> User:
        """
        Whose invitation this is.

        Raises:
            NotFound: it does not work, or no more; says what to do.
        """
        with self._uow.read() as stores:
            return self._invited(stores, _digest(token))

    def accept(self, token: str, password: str) -> User:
        """
        Set the person's own password, and end the invitation and every session of theirs.

        Raises:
            InvalidInput: the password is not taken; the invitation goes on.
            NotFound: it does not work, or no more.
        """
        digest = _digest(token)
        user = self.invited(token)
        hashed = self._users.hashed(password, of=(user.username, user.name, user.email))
        now = epoch(self._clock())
        with self._uow.write() as stores:
            user = self._invited(stores, digest)
            stores.invitations.end(digest, at=now)
            stores.users.set_password_hash(user.username, hashed, is_own=True)
            stores.audit.record(
                at=now,
                actor=user.username,
                action="user.accept_invitation",
                subject=f"user:{user.username}",
                detail={},
            )
            return user_of(stores, user.username)

    def _invited(self, stores: Stores, digest: str) -> User:
        invitation = stores.invitations.open(digest, now=epoch(self._clock()))
        user = invitation and stores.users.find(invitation.username)
        if not user or not user.is_active:
            raise NotFound(_GONE)
        return user


def _check_may_be_invited(stores: Stores, change: AdminChange) -> None:
    if not user_of(stores, change.subject).is_active:
        raise RuleViolation("This account is disabled. Enable it first.")


def _digest(token: str) -> str:
    return hashlib.sha256(whole_letters(token).encode()).hexdigest()
