"""
Single sign-on: who somebody at the company's provider is here, linked by an admin.

Streamlit and Authlib speak to the provider, and leave what its ID token said. That is taken once, soon, and
only by issuer and subject (docs/decisions/040-single-sign-on.md); what begins is a session like every other.
"""

from __future__ import annotations

from collections.abc import Mapping

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission, Role
from lib.domain.admin_changes import EXPECT_SSO, LINK_SSO, UNLINK_SSO, AdminChange, AdminProposal
from lib.domain.identity import readable_line
from lib.domain.single_sign_on import (
    LONGEST_SUBJECT,
    TAKEN_WITHIN_SECONDS,
    Identity,
    ProviderSignIn,
    sign_in_of,
)
from lib.errors import InvalidInput, NotSignedIn, RuleViolation
from lib.services.staff import second_admin
from lib.services.staff.account_changes import note_change
from lib.services.staff.accounts import note, user_of
from lib.services.staff.sign_in import NO_USER
from lib.services.staff.users import UserService
from lib.settings import Provider
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

EXPECTED_SECONDS = 3 * 86_400
_NOT_SET_UP = (
    "Single sign-on is not set up: set ONFILE_SSO_ISSUER, ONFILE_SSO_CLIENT_ID and ONFILE_SSO_CLIENT_SECRET, "
    "and start again."
)


class SingleSignOn:
    def __init__(
        self, uow: UnitOfWork, users: UserService, *, clock: Clock, provider: Provider | None
    ) -> None:
        self._uow = uow
        self._users = users
        self._clock = clock
        self.provider = provider

    def identities(self) -> dict[str, Identity]:
        """By user name, whoever is linked to the provider of now."""
        with self._uow.read() as stores:
            linked = stores.identities.all()
        issuer = self.provider.issuer if self.provider else None
        return {name: one for name, one in linked.items() if one.issuer == issuer}

    def is_expected(self, username: str) -> bool:
        """Whether their first sign-in with their verified address would link them."""
        with self._uow.read() as stores:
            return username in stores.identities.expected(now=epoch(self._clock()))

    def arrival(self, claims: Mapping[str, object]) -> ProviderSignIn | None:
        """
        The sign-in at the provider that a browser brings along, or None: there is none, it is too old, or it
        was taken before.

        Args:
            claims: of the ID token, which Streamlit has checked.

        Raises:
            NotSignedIn: it is another provider's.
        """
        sign_in = sign_in_of(claims) if self.provider else None
        now = epoch(self._clock())
        if self.provider is None or sign_in is None or not sign_in.is_fresh(now):
            return None
        with self._uow.read() as stores:
            if stores.identities.is_taken(sign_in.digest):
                return None
        if sign_in.identity.issuer != self.provider.issuer:
            raise NotSignedIn(
                f"The provider calls itself {sign_in.identity.issuer[:200]}, and Onfile was told "
                f"{self.provider.issuer}. Ask whoever runs Onfile to set ONFILE_SSO_ISSUER to the former."
            )
        return sign_in

    def sign_in(self, sign_in: ProviderSignIn, *, address: str | None, code: str = "") -> User:
        """
        The person whom the provider named.

        Raises:
            NotSignedIn: nobody here is linked to it, or as `SignIns.by_provider`.
            SecondFactorNeeded: all is right so far, and no code was given.
        """
        now = epoch(self._clock())
        if not sign_in.is_fresh(now):
            raise NotSignedIn("This took too long. Sign in again.")
        bound_by: str | None = None
        with self._uow.write() as stores:
            stores.identities.forget(taken_before=now - 10 * TAKEN_WITHIN_SECONDS)
            username = stores.identities.whose(sign_in.identity)
            if username is None:
                username, bound_by = _expected(stores, sign_in, now=now)
            if username is None:
                stores.identities.take(sign_in.digest, at=now)
                detail = {
                    "by": "single sign-on",
                    "issuer": sign_in.identity.issuer,
                    "subject": sign_in.identity.subject,
                } | ({"address": address} if address else {})
                stores.audit.record(
                    at=now,
                    actor=SYSTEM.username,
                    action="user.sign_in_refused",
                    subject=f"user:{NO_USER}",
                    detail=detail,
                )
        if username is None:
            raise NotSignedIn(
                "Nobody in Onfile is linked to this account. If you have one there, ask an admin to link it: page Users, "
                f"your name, Single sign-on, with the subject {sign_in.identity.subject}"
            )
        return self._users.by_provider(
            username, sign_in, address=address, code=code, bound_by=bound_by
        )

    def link(self, username: str, subject: str, *, by: Actor) -> User | AdminProposal:
        """
        From now on the person signs in as this subject of the provider, and not with a password. Ends their
        sessions. For an admin a second one has to agree, where there is one.

        Raises:
            NotPermitted, NotFound
            InvalidInput: no subject, or somebody else's.
            RuleViolation: no provider, or an account that is disabled or a program's.
        """
        subject = readable_line(subject, what="subject", field="subject")
        if len(subject) > LONGEST_SUBJECT:
            raise InvalidInput(
                f"A subject has at most {LONGEST_SUBJECT} characters.", field="subject"
            )
        issuer = self._provider().issuer
        return self._change(
            AdminChange(LINK_SSO, username, {"issuer": issuer, "subject": subject}), by=by
        )

    def unlink(self, username: str, *, by: Actor) -> User | AdminProposal:
        """The person signs in with a password again, once they were invited to one; raises as `link`."""
        return self._change(AdminChange(UNLINK_SSO, username, {}), by=by)

    def expect(self, username: str, *, by: Actor) -> User | AdminProposal:
        """For three days a first sign-in with the person's address, verified, links them; raises as `link`."""
        self._provider()
        return self._change(AdminChange(EXPECT_SSO, username, {}), by=by)

    def make_change(
        self,
        stores: Stores,
        change: AdminChange,
        *,
        by: Actor,
        at: int,
        asked_by: Actor | None = None,
    ) -> None:
        """
        Raises as `link`.

        Args:
            asked_by: the admin who asked for it, where `by` is a second one.
        """
        _check(stores, change)
        user = user_of(stores, change.subject)
        if change.action == EXPECT_SSO:
            until = at + EXPECTED_SECONDS
            stores.identities.expect(user.username, by=by.username, at=at, until=until)
        elif change.action == LINK_SSO:
            identity = Identity(str(change.params["issuer"]), str(change.params["subject"]))
            stores.identities.link(user.username, identity, by=by.username, at=at)
            self._users.take_handed_over_password(stores, user.username)
        else:
            stores.identities.unlink(user.username)
        if change.action != EXPECT_SSO:
            stores.users.end_sessions(user.username)
        detail = dict(change.params) | second_admin.detail_of(asked_by)
        note(stores, at, by, change.action, user.username, **detail)
        if asked_by is not None:
            note_change(stores, user.username, change.action, by=asked_by, at=at)

    def _provider(self) -> Provider:
        if self.provider is None:
            raise RuleViolation(_NOT_SET_UP)
        return self.provider

    def _change(self, change: AdminChange, *, by: Actor) -> User | AdminProposal:
        by.must(Permission.MANAGE_USERS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            _check(stores, change)
            waits = second_admin.proposed(stores, change, by=by, now=now)
            if waits is not None:
                return waits
            self.make_change(stores, change, by=by, at=now)
            return user_of(stores, change.subject)


def _check(stores: Stores, change: AdminChange) -> None:
    """
    Raises:
        NotFound, InvalidInput, RuleViolation: as `SingleSignOn.link`.
    """
    user = user_of(stores, change.subject)
    if change.action == UNLINK_SSO:
        if stores.identities.of(
            user.username
        ) is None and user.username not in stores.identities.expected(now=0):
            raise RuleViolation(f"{user.name} is not linked.")
        return
    if not user.is_active:
        raise RuleViolation("This account is disabled. Enable it first.")
    if Role.SERVICE in user.roles:
        raise RuleViolation("An account of a program signs in on the command line only.")
    if change.action == LINK_SSO:
        whose = stores.identities.whose(
            Identity(str(change.params["issuer"]), str(change.params["subject"]))
        )
        if whose is not None and whose != user.username:
            raise InvalidInput(
                f"This subject is linked to {whose}. Unlink it there first.", field="subject"
            )


def _expected(
    stores: Stores, sign_in: ProviderSignIn, *, now: int
) -> tuple[str, str] | tuple[None, None]:
    """Whom an admin expects with exactly this address, and who does; nobody where it is two people's."""
    if not sign_in.email:
        return None, None
    expected = stores.identities.expected(now=now)
    people = [
        user
        for user in stores.users.all()
        if user.username in expected
        and user.email.strip().casefold() == sign_in.email
        and not stores.identities.is_linked(user.username, sign_in.identity.issuer)
    ]
    if len(people) != 1:
        return None, None
    return people[0].username, expected[people[0].username]
