"""Staff accounts: add, disable, passwords, roles, and checking a sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission, Role
from lib.domain.files.number_styles import DecimalSign
from lib.errors import InvalidInput, NotFound, NotSignedIn, RuleViolation
from lib.store.unit_of_work import Stores, UnitOfWork
from lib.store.users import User

# bcrypt reads no further than 72 bytes and the installed version refuses longer ones.
LONGEST_PASSWORD_BYTES = 72
SHORTEST_PASSWORD = 10
# Five wrong passwords in a row stop guessing for a quarter of an hour: slow enough for a guesser,
# short enough for a person who mistyped.
LOCK_AFTER_FAILURES = 5
LOCK_SECONDS = 15 * 60
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,250}\Z")
# Compared with when the user is unknown, so that the answer takes as long as for a known one. The
# hash, at the cost of every other, of a password that was thrown away.
NOBODY = b"$2b$12$BWtg9vO8S89ObgKmFz36Cenf7/9uOOqiwUnHEa290TK/7Xx2gERfq"

PRACTICE_PASSWORD = "practice-only"  # noqa: S105 - shown on the practice sign-in page
PRACTICE_USERS = (
    ("alice", "Alice Operator", (Role.OPERATOR,)),
    ("bob", "Bob Approver", (Role.APPROVER, Role.OPERATOR)),
    ("vera", "Vera Viewer", (Role.VIEWER,)),
    ("ada", "Ada Admin", (Role.ADMIN,)),
)


class UserService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, bcrypt_rounds: int = 12) -> None:
        self._uow = uow
        self._clock = clock
        self._rounds = bcrypt_rounds

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
        password: str,
        by: Actor | None,
    ) -> User:
        """
        Add a staff account.

        `by` may be None for the first account of all, and to add an admin while there is none:
        whoever runs the command line can read the database file anyway, and without this a first
        account that is no admin would lock everybody out.

        Raises:
            InvalidInput, NotPermitted, NotSignedIn: `by` is missing though accounts exist.
        """
        chosen = _checked_roles(roles)
        if not _USERNAME.match(username):
            raise InvalidInput(
                "A user name has 1 to 40 small letters, digits, dots, dashes or underscores.",
                field="username",
            )
        if username == SYSTEM.username:
            raise InvalidInput(
                f"“{username}” is what Onfile calls itself in the audit log. Choose another user name.",
                field="username",
            )
        if not _EMAIL.match(email):
            raise InvalidInput("This is not an e-mail address.", field="email")
        shown_name = _checked_name(name or username)
        hashed = self._hash(password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            if by is not None:
                by.must(Permission.MANAGE_USERS)
            elif stores.users.count() and (
                stores.users.active_admins() or Role.ADMIN not in chosen
            ):
                raise NotSignedIn("Accounts exist already: say who you are with --as.")
            if not stores.users.add(
                username=username,
                name=shown_name,
                email=email,
                roles=chosen,
                password_hash=hashed,
                at=now,
            ):
                raise InvalidInput(f"The user name {username} is taken.", field="username")
            _audit(stores, now, by or SYSTEM, "user.add", username, roles=sorted(chosen))
            return _found(stores, username)

    def set_password(self, username: str, password: str, *, by: Actor) -> User:
        """Everyone may set their own; an admin anyone's. Ends the person's other sessions."""
        if by.username != username:
            by.must(Permission.MANAGE_USERS)
        hashed = self._hash(password)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            _found(stores, username)
            stores.users.set_password_hash(username, hashed)
            _audit(stores, now, by, "user.set_password", username)
            return _found(stores, username)

    def set_roles(self, username: str, roles: Iterable[Role | str], *, by: Actor) -> User:
        by.must(Permission.MANAGE_USERS)
        chosen = _checked_roles(roles)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            before = _found(stores, username)
            if Role.ADMIN in before.roles and Role.ADMIN not in chosen:
                _keep_one_admin(stores, before)
            stores.users.set_roles(username, chosen)
            _audit(stores, now, by, "user.set_roles", username, roles=sorted(chosen))
            return _found(stores, username)

    def disable(self, username: str, *, by: Actor) -> User:
        """Takes effect on the person's next click; nothing they did is removed."""
        return self._set_active(username, active=False, by=by)

    def enable(self, username: str, *, by: Actor) -> User:
        return self._set_active(username, active=True, by=by)

    def sign_in(self, username: str, password: str) -> User:
        """
        Check a password, count failures, and record both results.

        Raises:
            NotSignedIn: with one message for unknown user, wrong password and disabled account.
        """
        return self._check(username, password, "user.sign_in")

    def confirm(self, username: str, password: str) -> User:
        """
        Check that the person who is signed in is still the one at the keyboard. Counts failures
        like `sign_in`.

        Raises:
            NotSignedIn: no password, a wrong one, or an account that is locked or disabled.
        """
        if not password:
            raise NotSignedIn("Enter your password.")
        return self._check(username, password, "user.confirm", "That is not your password.")

    def _check(
        self,
        username: str,
        password: str,
        action: str,
        otherwise: str = "The user name or the password is not right.",
    ) -> User:
        now = epoch(self._clock())
        user = self.find(username)
        if user is not None and user.locked_until is not None and user.locked_until > now:
            minutes = (user.locked_until - now + 59) // 60
            raise NotSignedIn(
                f"Too many wrong passwords. Try again in {minutes} minutes, or ask an admin to set a new one."
            )
        expected = user.password_hash.encode() if user else NOBODY
        import bcrypt

        secret = password.encode()[:LONGEST_PASSWORD_BYTES]
        matches = bcrypt.checkpw(secret, expected) and len(password.encode()) == len(secret)
        with self._uow.write() as stores:
            if user is None or not matches or not user.is_active:
                if user is not None:
                    stores.users.record_failed_sign_in(
                        username, lock_after=LOCK_AFTER_FAILURES, lock_until=now + LOCK_SECONDS
                    )
                _audit(stores, now, SYSTEM, f"{action}_refused", username[:40])
                failed = True
            else:
                if action == "user.sign_in":
                    stores.users.record_sign_in(username, at=now)
                _audit(stores, now, user.actor, action, username)
                failed = False
        if failed or user is None:
            raise NotSignedIn(otherwise)
        return user

    def end_sessions(self, username: str) -> None:
        """Sign the person out everywhere: cookies issued before now no longer count."""
        now = epoch(self._clock())
        with self._uow.write() as stores:
            stores.users.end_sessions(username)
            _audit(stores, now, SYSTEM, "user.sign_out", username)

    def add_practice_users(self) -> bool:
        """Ready-made accounts for practice mode; False when any account exists."""
        hashed = self._hash(PRACTICE_PASSWORD)
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
            _audit(stores, now, SYSTEM, "user.add_practice_users", "practice")
            return True

    def _set_active(self, username: str, *, active: bool, by: Actor) -> User:
        by.must(Permission.MANAGE_USERS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            before = _found(stores, username)
            if not active and Role.ADMIN in before.roles:
                _keep_one_admin(stores, before)
            stores.users.set_active(username, active=active)
            _audit(stores, now, by, "user.enable" if active else "user.disable", username)
            return _found(stores, username)

    def _hash(self, password: str) -> str:
        if len(password) < SHORTEST_PASSWORD:
            raise InvalidInput(
                f"Use a password of at least {SHORTEST_PASSWORD} characters.", field="password"
            )
        if len(password.encode()) > LONGEST_PASSWORD_BYTES:
            raise InvalidInput(
                f"Use a password of at most {LONGEST_PASSWORD_BYTES} bytes.", field="password"
            )
        import bcrypt

        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode()

    def decimal_sign(self, who: Actor) -> DecimalSign | None:
        """The one that this person types; None when nobody asked yet."""
        with self._uow.read() as stores:
            value = stores.meta.value(f"decimal_sign:{who.username}")
        return None if value is None else DecimalSign(value)

    def remember_decimal_sign(self, sign: DecimalSign, *, by: Actor) -> None:
        with self._uow.write() as stores:
            stores.meta.set(f"decimal_sign:{by.username}", sign.value)


def _checked_roles(roles: Iterable[Role | str]) -> frozenset[Role]:
    try:
        chosen = frozenset(Role(role) for role in roles)
    except ValueError as error:
        known = ", ".join(role.value for role in Role)
        raise InvalidInput(f"The roles are: {known}.", field="role") from error
    if not chosen:
        raise InvalidInput("Choose at least one role.", field="role")
    return chosen


def _checked_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 100 or not cleaned.isprintable():
        raise InvalidInput("A name has 1 to 100 printable characters.", field="name")
    return cleaned


def _found(stores: Stores, username: str) -> User:
    user = stores.users.find(username)
    if user is None:
        raise NotFound(f"There is no user {username[:40]}.")
    return user


def _keep_one_admin(stores: Stores, user: User) -> None:
    if user.is_active and stores.users.active_admins() <= 1:
        raise RuleViolation("This is the last active admin. Make somebody else an admin first.")


def _audit(
    stores: Stores, at: int, actor: Actor, action: str, username: str, **detail: object
) -> None:
    stores.audit.record(
        at=at, actor=actor.username, action=action, subject=f"user:{username}", detail=detail
    )
