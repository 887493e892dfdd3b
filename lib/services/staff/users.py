"""Staff accounts: add, disable, passwords, roles, and checking a sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lib.clock import Clock, epoch
from lib.domain.actors import HOST, SYSTEM, Actor, Permission, Role, check_is_a_persons
from lib.domain.admin_changes import DISABLE, ENABLE, AdminChange, AdminProposal
from lib.domain.identity import readable_line
from lib.domain.shown_text import readable_name
from lib.domain.single_sign_on import ProviderSignIn
from lib.errors import InvalidInput, NotSignedIn
from lib.services.staff import passwords, second_admin
from lib.services.staff.accounts import (
    USERNAME,
    check_change,
    checked_roles,
    first_odd,
    make_change,
    note,
    roles_change,
    user_of,
)
from lib.services.staff.codes import Sealing
from lib.services.staff.guesses import SignInOrigin, account_of
from lib.services.staff.sign_in import SignIns
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,250}\Z")
PRACTICE_PASSWORD = "practice-only"  # noqa: S105 - shown on the practice sign-in page
PRACTICE_USERS = (
    ("alice", "Alice Operator", (Role.OPERATOR,)),
    ("bob", "Bob Approver", (Role.APPROVER, Role.OPERATOR)),
    ("vera", "Vera Viewer", (Role.VIEWER,)),
    ("ada", "Ada Admin", (Role.ADMIN,)),
)


class UserService:
    def __init__(
        self,
        uow: UnitOfWork,
        *,
        clock: Clock,
        secret: str,
        sealing: Sealing,
        bcrypt_rounds: int = passwords.ROUNDS,
        livemode: bool = False,
        issuer: str | None = None,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._secret = secret
        self._sign_ins = SignIns(
            uow,
            clock=clock,
            secret=secret,
            sealing=sealing,
            bcrypt_rounds=bcrypt_rounds,
            issuer=issuer,
        )
        self._rounds = bcrypt_rounds
        self._public = (PRACTICE_PASSWORD,) if livemode else ()

    def list(self) -> list[User]:
        with self._uow.read() as stores:
            return stores.users.all()

    def find(self, username: str) -> User | None:
        with self._uow.read() as stores:
            return stores.users.find(username)

    def add(
        self,
        username: str,
        *,
        name: str,
        email: str,
        roles: Iterable[Role | str],
        password: str | None,
        by: Actor | None,
    ) -> User:
        """
        Add a staff account; without a password nobody signs in before an invitation is accepted.

        `by` may be None for the first account of all, and to add an admin while there is none:
        whoever runs the command line can read the database file anyway, and without this a first
        account that is no admin would lock everybody out.

        Where a second admin agrees to roles, the account begins as a viewer's, and the roles wait.

        Raises:
            InvalidInput, NotPermitted, NotSignedIn: `by` is missing though accounts exist.
        """
        chosen = checked_roles(roles)
        username = readable_line(username, what="user name", field="username")
        if not USERNAME.match(username):
            raise InvalidInput(
                "A user name has 1 to 40 small letters, digits, dots, dashes or underscores, and begins "
                f"with a letter or digit.{first_odd(username)}",
                field="username",
            )
        if username == SYSTEM.username:
            raise InvalidInput(
                f"“{username}” is what Onfile calls itself in the audit log. Choose another user name.",
                field="username",
            )
        email = readable_line(email, what="e-mail address", field="email")
        if not _EMAIL.match(email):
            raise InvalidInput("This is not an e-mail address.", field="email")
        shown_name = _checked_name(name or username)
        hashed = passwords.nobody(self._rounds)
        if password is not None:
            hashed = self.hashed(password, of=(username, shown_name, email))
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if by is not None:
                by.must(Permission.MANAGE_USERS)
            elif stores.users.count() and (
                stores.users.active_admins() or Role.ADMIN not in chosen
            ):
                raise NotSignedIn("Accounts exist already: say who you are with --as.")
            begins_with = (
                frozenset({Role.VIEWER}) if by and second_admin.is_there(stores, by) else chosen
            )
            if not stores.users.add(
                username=username,
                name=shown_name,
                email=email,
                roles=begins_with,
                password_hash=hashed,
                at=now,
            ):
                raise InvalidInput(f"The user name {username} is taken.", field="username")
            note(stores, now, by or SYSTEM, "user.add", username, roles=sorted(begins_with))
            if by and begins_with != chosen:
                second_admin.proposed(stores, roles_change(username, chosen), by=by, now=now)
            return user_of(stores, username)

    def set_password(self, username: str, password: str, *, by: Actor) -> User:
        """
        Everyone may set their own; an admin anyone's, which in live mode the person has to change
        before they approve anything. Ends the person's other sessions.

        Raises:
            RuleViolation: it is another admin's, and a second admin agrees only to an invitation.
        """
        if by.username != username:
            by.must(Permission.MANAGE_USERS)
        with self._uow.read() as stores:
            user = user_of(stores, username)
        hashed = self.hashed(password, of=(user.username, user.name, user.email))
        now = epoch(self._clock())
        with self._uow.write() as stores:
            second_admin.refuse_password(stores, user_of(stores, username), by=by)
            stores.users.set_password_hash(username, hashed, is_own=by.username == username)
            note(stores, now, by, "user.set_password", username)
            return user_of(stores, username)

    def set_roles(
        self, username: str, roles: Iterable[Role | str], *, by: Actor
    ) -> User | AdminProposal:
        """Where there is a second admin, who has to agree, what waits for them."""
        return self._change(roles_change(username, checked_roles(roles)), by=by)

    def disable(self, username: str, *, by: Actor) -> User | AdminProposal:
        """
        Takes effect on the person's next click; nothing they did is removed. To disable an admin
        a second one has to agree, where there is one.
        """
        return self._change(AdminChange(DISABLE, username, {}), by=by)

    def enable(self, username: str, *, by: Actor) -> User | AdminProposal:
        """As `disable`."""
        return self._change(AdminChange(ENABLE, username, {}), by=by)

    def disable_on_this_host(self, username: str) -> User:
        """For whoever owns the machine, when no second admin is there to agree."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            make_change(stores, AdminChange(DISABLE, username, {}), by=HOST, at=now)
            return user_of(stores, username)

    def sign_in(
        self, username: str, password: str, *, origin: SignInOrigin | None = None, code: str = ""
    ) -> User:
        """As `SignIns.sign_in`."""
        return self._sign_ins.sign_in(username, password, origin=origin, code=code)

    def confirm(self, username: str, typed: str) -> User:
        """As `SignIns.confirm`."""
        return self._sign_ins.confirm(username, typed)

    def second_factor(
        self, stores: Stores, username: str, code: str, *, now: int
    ) -> NotSignedIn | None:
        """As `SignIns.second_factor`."""
        return self._sign_ins.second_factor(stores, username, code, now=now)

    def asked_again(self, by: Actor, typed: str) -> Actor:
        """
        The same person, who was asked for their password or a code a moment ago: see
        `Actor.must_be_asked`; with nothing typed, `SignIns.has_proved`. Raises as `SignIns.confirm`.
        """
        proved = None if typed else self._sign_ins.has_proved(by)
        return (proved or self.confirm(by.username, typed)).actor

    def by_provider(
        self,
        username: str,
        sign_in: ProviderSignIn,
        *,
        address: str | None,
        code: str,
        bound_by: str | None,
    ) -> User:
        """As `SignIns.by_provider`."""
        return self._sign_ins.by_provider(
            username, sign_in, address=address, code=code, bound_by=bound_by
        )

    def unlock(self, username: str, *, by: Actor) -> User:
        """Forget the wrong sign-ins that slow this account down."""
        by.must(Permission.MANAGE_USERS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            user = user_of(stores, username)
            self.forget_guesses(stores, username)
            note(stores, now, by, "user.unlock", username)
            return user

    def forget_guesses(self, stores: Stores, username: str) -> None:
        """As part of a transaction that opens an account again."""
        stores.sign_in_failures.forget_account(account_of(username, secret=self._secret))

    def end_sessions(self, username: str) -> None:
        """Sign the person out everywhere: cookies issued before now no longer count."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            stores.users.end_sessions(username)
            note(stores, now, SYSTEM, "user.sign_out", username)

    def add_practice_users(self) -> bool:
        """Ready-made accounts for practice mode; False when any account exists."""
        hashed = self.hashed(PRACTICE_PASSWORD, of=())
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if stores.users.count():
                return False
            for username, name, roles in PRACTICE_USERS:
                stores.users.add(
                    username=username,
                    name=name,
                    email=f"{username}@example.com",
                    roles=frozenset(roles),
                    password_hash=hashed,
                    at=now,
                )
            note(stores, now, SYSTEM, "user.add_practice_users", "practice")
            return True

    def _change(self, change: AdminChange, *, by: Actor) -> User | AdminProposal:
        by.must(Permission.MANAGE_USERS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            check_change(stores, change)
            waits = second_admin.proposed(stores, change, by=by, now=now)
            if waits is not None:
                return waits
            make_change(stores, change, by=by, at=now)
            return user_of(stores, change.subject)

    def take_handed_over_password(self, stores: Stores, username: str) -> None:
        """As `SignIns.take_handed_over_password`."""
        self._sign_ins.take_handed_over_password(stores, username)

    def hashed(self, password: str, *, of: Iterable[str]) -> str:
        """As `passwords.hashed`, at this installation's cost and with what its mode refuses."""
        return passwords.hashed(password, of=of, rounds=self._rounds, public=self._public)


def _checked_name(name: str) -> str:
    cleaned = readable_name(name)
    if not cleaned or len(cleaned) > 100:
        raise InvalidInput("A name has 1 to 100 characters.", field="name")
    check_is_a_persons(cleaned)
    return cleaned
