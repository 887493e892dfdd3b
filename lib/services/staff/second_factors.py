"""A person's second factor: turned on by themself, reset by an admin or by whoever owns the machine."""

from __future__ import annotations

from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import HOST, Actor, Permission, Role
from lib.domain.admin_changes import RESET_SECOND_FACTOR, AdminChange, AdminProposal
from lib.errors import InvalidInput, NotSignedIn, RuleViolation
from lib.services.staff import second_admin
from lib.services.staff.account_changes import note_change
from lib.services.staff.accounts import user_of
from lib.services.staff.codes import Sealing, new_recovery_codes, recovery_digest, step_of
from lib.services.staff.users import UserService
from lib.store.second_factors import SecondFactor
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

_NEEDS_ONE = frozenset({Role.APPROVER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the person's app is given; nothing is kept before a code of it was typed."""

    secret: str
    """In base 32, to be typed where no camera is."""
    address: str
    """otpauth://…, for the QR code."""


@dataclass(frozen=True, slots=True)
class FactorStanding:
    is_on: bool
    is_required: bool
    recovery_codes_left: int

    @property
    def is_missing(self) -> bool:
        return self.is_required and not self.is_on


class SecondFactorService:
    def __init__(
        self,
        uow: UnitOfWork,
        users: UserService,
        *,
        clock: Clock,
        sealing: Sealing,
        livemode: bool,
        installation: str,
    ) -> None:
        """
        Args:
            installation: what the app calls this Onfile beside the person's name.
        """
        self._uow = uow
        self._users = users
        self._clock = clock
        self._sealing = sealing
        self._livemode = livemode
        self._installation = installation

    def standing(self, who: Actor) -> FactorStanding:
        with self._uow.read() as stores:
            return FactorStanding(
                stores.second_factors.find(who.username) is not None,
                self._is_needed(who),
                stores.second_factors.recovery_codes_left(who.username),
            )

    def is_missing(self, who: Actor) -> bool:
        """`standing(who).is_missing`, without a question where nobody needs one: open pages ask all day."""
        return self._is_needed(who) and self.standing(who).is_missing

    def _is_needed(self, who: Actor) -> bool:
        return self._livemode and not _NEEDS_ONE.isdisjoint(who.roles)

    def everybody(self) -> frozenset[str]:
        """Who has one."""
        with self._uow.read() as stores:
            return stores.second_factors.everybody()

    def begin(self, *, by: Actor) -> Enrolment:
        import pyotp

        secret = pyotp.random_base32()
        address = pyotp.TOTP(secret).provisioning_uri(
            name=by.username, issuer_name=self._installation
        )
        return Enrolment(secret, address)

    def turn_on(
        self, enrolment: Enrolment, code: str, password: str, *, by: Actor, replaced: str = ""
    ) -> list[str]:
        """
        Returns the recovery codes, which are shown this once. Ends the person's other sessions.

        Args:
            replaced: a code of the second factor that the person has, where they have one: an open page and a
                password that somebody saw would do otherwise.

        Raises:
            InvalidInput: the code is not of this secret.
            NotSignedIn: the password is wrong, or the code of the one that is replaced; or too many were.
        """
        self._users.asked_again(by, password)
        now = epoch(self._clock())
        step = step_of("".join(code.split()), enrolment.secret, now=now)
        if step is None:
            raise InvalidInput(
                "That code is not right. Wait for the next one; if it fails again, the clock of the phone "
                "or of this machine is wrong.",
                field="code",
            )
        codes = new_recovery_codes()
        factor = SecondFactor(by.username, self._sealing.seal(enrolment.secret), now, step)
        with self._uow.write() as stores:
            typed = replaced if stores.second_factors.find(by.username) is not None else None
            refusal = self._refusal(stores, typed, "user.turn_on_second_factor", by=by, now=now)
            if refusal is None:
                stores.second_factors.put(factor, map(recovery_digest, codes))
                stores.users.end_sessions(by.username)
        if refusal is not None:
            raise refusal
        return codes

    def turn_off(self, code: str, *, by: Actor) -> None:
        """
        Raises:
            RuleViolation: live mode requires it, or there is none.
            NotSignedIn: a wrong code, or too many.
        """
        standing = self.standing(by)
        if standing.is_required:
            raise RuleViolation("Approvers and admins need a second factor in live mode.")
        if not standing.is_on:
            raise RuleViolation("You have no second factor.")
        now = epoch(self._clock())
        with self._uow.write() as stores:
            refusal = self._refusal(stores, code, "user.turn_off_second_factor", by=by, now=now)
            if refusal is None:
                stores.second_factors.remove(by.username)
        if refusal is not None:
            raise refusal

    def _refusal(
        self, stores: Stores, code: str | None, action: str, *, by: Actor, now: int
    ) -> NotSignedIn | None:
        """
        Why the second factor may not be changed, on record either way; to be raised after the transaction, which keeps
        the count: as at the sign-in, an open page is no place to try all codes at.

        Args:
            code: of the second factor that there is; None where there is none.
        """
        refusal = None
        if code is not None:
            refusal = self._users.second_factor(stores, by.username, code, now=now)
        _audit(stores, now, by, action if refusal is None else "user.confirm_refused", by.username)
        return refusal

    def reset(self, username: str, *, by: Actor) -> User | AdminProposal:
        """
        For somebody who lost theirs; ends their sessions. Not for oneself: an open page would do.
        For an admin a second one has to agree, where there is one.

        Raises:
            NotPermitted, NotFound
            RuleViolation: it is one's own, or there is none.
        """
        if by != HOST:
            by.must(Permission.MANAGE_USERS)
        if by.username == username:
            raise RuleViolation(
                "Your own second factor is reset by another admin, or on this machine: "
                "“python -m lib users recover NAME --on-this-host”."
            )
        change = AdminChange(RESET_SECOND_FACTOR, username, {})
        now = epoch(self._clock())
        with self._uow.write() as stores:
            check_reset(stores, change)
            waits = second_admin.proposed(stores, change, by=by, now=now)
            if waits is not None:
                return waits
            make_reset(stores, change, by=by, at=now)
            return user_of(stores, username)


def check_reset(stores: Stores, change: AdminChange) -> None:
    """
    Raises:
        NotFound
        RuleViolation: there is none.
    """
    user_of(stores, change.subject)
    if stores.second_factors.find(change.subject) is None:
        raise RuleViolation(f"{change.subject} has no second factor.")


def make_reset(
    stores: Stores, change: AdminChange, *, by: Actor, at: int, asked_by: Actor | None = None
) -> None:
    """
    Raises as `check_reset`.

    Args:
        asked_by: the admin who asked for it, where `by` is a second one.
    """
    check_reset(stores, change)
    stores.second_factors.remove(change.subject)
    stores.users.end_sessions(change.subject)
    for one in (by, asked_by):
        if one is not None:
            note_change(stores, change.subject, change.action, by=one, at=at)
    detail = second_admin.detail_of(asked_by)
    _audit(stores, at, by, RESET_SECOND_FACTOR, change.subject, **detail)


def _audit(
    stores: Stores, at: int, by: Actor, action: str, username: str, **detail: object
) -> None:
    stores.audit.record(
        at=at, actor=by.username, action=action, subject=f"user:{username}", detail=detail
    )
