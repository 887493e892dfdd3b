"""Sign-ins: a password is checked, guesses are counted, and both results are recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Role
from lib.domain.identity import whole_letters
from lib.domain.single_sign_on import ProviderSignIn, is_proof
from lib.errors import NotSignedIn, SecondFactorNeeded
from lib.services.staff import passwords
from lib.services.staff.codes import Sealing, use_code
from lib.services.staff.guesses import Guesses, SignInOrigin
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

# Of guesses at an open page: whoever makes them is signed in as the person, wherever that is.
_OPEN_PAGE = SignInOrigin(None, device="open page")
_CODES = SignInOrigin(None, device="codes")
_APP_CODE = re.compile(r"[0-9]{6}")
_OF_A_PROGRAM = "This is an account of a program: it signs in on the command line only."
_NOT_THE_CODE = "That is no code of yours. Enter your password."
NO_USER = "(nobody of that name)"


class SignIns:
    def __init__(
        self,
        uow: UnitOfWork,
        *,
        clock: Clock,
        secret: str,
        sealing: Sealing,
        bcrypt_rounds: int,
        issuer: str | None,
    ) -> None:
        """
        Args:
            issuer: of the single sign-on; None where there is none.
            secret: hides in the database what was typed as a name, and where; not kept in it.
        """
        self._uow = uow
        self._clock = clock
        self._secret = secret
        self._sealing = sealing
        self._issuer = issuer
        self._nobody = passwords.nobody(bcrypt_rounds)

    def sign_in(
        self, username: str, password: str, *, origin: SignInOrigin | None, code: str = ""
    ) -> User:
        """
        Args:
            code: of the second factor, where the person has one.
            origin: None for the command line, which is not slowed down: whoever has a shell on the
                machine can read the hashes.

        Raises:
            NotSignedIn: with one message for unknown user, wrong password and disabled account.
            SecondFactorNeeded: all is right so far, and no code was given.
        """
        username = whole_letters(username)
        guesses = Guesses(username, origin, secret=self._secret) if origin else None
        user = self._check(
            username,
            whole_letters(password),
            "user.sign_in",
            guesses,
            otherwise="The user name or the password is not right.",
            code=code,
        )
        if origin is not None and Role.SERVICE in user.roles:
            raise NotSignedIn(_OF_A_PROGRAM)
        return user

    def confirm(self, username: str, typed: str) -> User:
        """
        Check that the person who is signed in is still the one at the keyboard.

        Args:
            typed: the password, or where they have a second factor six digits of their app.

        Raises:
            NotSignedIn: nothing, a wrong one, too many, or a disabled account.
        """
        if not typed:
            raise NotSignedIn("Enter your password.")
        if _APP_CODE.fullmatch("".join(typed.split())):
            return self._confirm_by_code(username, typed)
        return self._check(
            username,
            whole_letters(typed),
            "user.confirm",
            Guesses(username, _OPEN_PAGE, secret=self._secret),
            otherwise="That is not your password.",
        )

    def _confirm_by_code(self, username: str, code: str) -> User:
        """No password is as short, so what looks like a code is one."""
        now = epoch(self._clock())
        subject = f"user:{username}"
        with self._uow.write() as stores:
            user = stores.users.find(username)
            refusal: NotSignedIn | None = NotSignedIn(_NOT_THE_CODE)
            if user is not None and user.is_active and stores.second_factors.find(username):
                refusal = self.second_factor(stores, username, code, now=now)
            action = "user.confirm" if refusal is None else "user.confirm_refused"
            actor = username if refusal is None else SYSTEM.username
            _audit(stores, now, actor, action, subject, {"by": "code"})
        if user is None or refusal is not None:
            raise refusal or NotSignedIn(_NOT_THE_CODE)
        return user

    def _check(
        self,
        username: str,
        password: str,
        action: str,
        guesses: Guesses | None,
        *,
        otherwise: str,
        code: str | None = None,
    ) -> User:
        now = epoch(self._clock())
        where = {"address": guesses.origin.address} if guesses and guesses.origin.address else {}
        with self._uow.read() as stores:
            user = stores.users.find(username)
        # What is no user's name may be a password, typed into the wrong field.
        subject = f"user:{user.username if user else NO_USER}"
        if guesses is not None:
            self._begin(guesses, f"{action}_refused", subject, where, now=now)
        matches = passwords.is_right(password, user.password_hash if user else self._nobody)
        refusal: NotSignedIn | None = None
        with self._uow.write() as stores:
            if user is None or not matches or not user.is_active:
                refusal = NotSignedIn(otherwise)
            elif code is not None:
                refusal = self._further(stores, username, code, guesses, now=now)
            if isinstance(refusal, SecondFactorNeeded):
                if guesses is not None:
                    guesses.end_well(stores)
            elif refusal is not None or user is None:
                _audit(stores, now, SYSTEM.username, f"{action}_refused", subject, where)
            else:
                if guesses is not None:
                    guesses.end_well(stores)
                if action == "user.sign_in":
                    stores.users.record_sign_in(username, at=now)
                _audit(stores, now, user.username, action, subject, where)
        if refusal is not None or user is None:
            raise refusal or NotSignedIn(otherwise)
        return user

    def _further(
        self, stores: Stores, username: str, code: str, guesses: Guesses | None, *, now: int
    ) -> NotSignedIn | None:
        """What keeps out whoever knew the password; `guesses` are counted of pages alone."""
        if guesses is not None and stores.identities.is_linked(username, self._issuer):
            return NotSignedIn(
                "You sign in with single sign-on here, not with a password. If that does not work, ask an admin "
                "to unlink it."
            )
        return self.second_factor(stores, username, code, now=now)

    def by_provider(
        self,
        username: str,
        sign_in: ProviderSignIn,
        *,
        address: str | None,
        code: str,
        bound_by: str | None,
    ) -> User:
        """
        The person whom the provider of the single sign-on named; it is the first factor only.

        Args:
            address: where they are; None: on this machine.
            bound_by: the admin who expected them, where this sign-in links them.

        Raises:
            NotSignedIn: disabled, an account of a program, a wrong code, or taken before.
            SecondFactorNeeded: all is right so far, and no code was given.
        """
        now, subject = epoch(self._clock()), f"user:{username}"
        where = {"by": "single sign-on"} | ({"address": address} if address else {})
        with self._uow.write() as stores:
            user = stores.users.find(username)
            refusal: NotSignedIn | None = None
            if user is None or not user.is_active:
                refusal = NotSignedIn(
                    "Your account in Onfile was switched off. Ask an admin if that is a mistake."
                )
            elif Role.SERVICE in user.roles:
                refusal = NotSignedIn(_OF_A_PROGRAM)
            else:
                refusal = self.second_factor(stores, username, code, now=now)
            if refusal is None and not stores.identities.take(sign_in.digest, at=now):
                refusal = NotSignedIn("This sign-in was used already. Sign in again.")
            if refusal is None:
                if bound_by is not None:
                    stores.identities.link(username, sign_in.identity, by=bound_by, at=now)
                    detail = {
                        "issuer": sign_in.identity.issuer,
                        "subject": sign_in.identity.subject,
                    }
                    _audit(stores, now, username, "user.bind_sso", subject, detail)
                    self.take_handed_over_password(stores, username)
                    user = stores.users.find(username)
                stores.users.record_sign_in(username, at=now)
                _audit(stores, now, username, "user.sign_in", subject, where)
            elif not isinstance(refusal, SecondFactorNeeded):
                _audit(stores, now, SYSTEM.username, "user.sign_in_refused", subject, where)
        if refusal is not None or user is None:
            raise refusal or NotSignedIn(_OF_A_PROGRAM)
        return user

    def take_handed_over_password(self, stores: Stores, username: str) -> None:
        """For whoever is linked from now on: a password that somebody else chose opens nothing any more."""
        user = stores.users.find(username)
        if user is not None and not user.password_is_own:
            stores.users.set_password_hash(username, self._nobody, is_own=True)

    def has_proved(self, by: Actor) -> User | None:
        """
        The person, if this session of theirs began a moment ago with a proof at the provider: what a password
        is for others, where they have no second factor.
        """
        now = epoch(self._clock())
        with self._uow.write() as stores:
            user = stores.users.find(by.username)
            session = stores.staff_sessions.find(by.session or "")
            if (
                user is None
                or session is None
                or not user.is_active
                or (session.username, session.session_version)
                != (user.username, user.session_version)
                or not is_proof(session.proved_at, now=now)
                or not stores.identities.is_linked(user.username, self._issuer)
                or stores.second_factors.find(user.username) is not None
            ):
                return None
            subject = f"user:{user.username}"
            _audit(stores, now, user.username, "user.confirm", subject, {"by": "single sign-on"})
        return user

    def second_factor(
        self, stores: Stores, username: str, code: str, *, now: int
    ) -> NotSignedIn | None:
        """Why not, for whoever knew the password; a code that is right is used up."""
        if stores.second_factors.find(username) is None:
            return None
        if not code.strip():
            return SecondFactorNeeded("Enter the code that your app shows, or a recovery code.")
        # Whoever knows the password may not try all codes from many addresses.
        guesses = Guesses(username, _CODES, secret=self._secret)
        try:
            guesses.begin(stores, now=now)
            use_code(stores, username, code, sealing=self._sealing, now=now)
        except NotSignedIn as refusal:
            return refusal
        guesses.end_well(stores)
        return None

    def _begin(
        self, guesses: Guesses, action: str, subject: str, where: dict[str, str], *, now: int
    ) -> None:
        try:
            with self._uow.write() as stores:
                guesses.begin(stores, now=now)
        except NotSignedIn:
            with self._uow.write() as stores:
                _audit(stores, now, SYSTEM.username, action, subject, {"locked": True, **where})
            raise


def _audit(
    stores: Stores, at: int, actor: str, action: str, subject: str, detail: Mapping[str, object]
) -> None:
    stores.audit.record(at=at, actor=actor, action=action, subject=subject, detail=dict(detail))
