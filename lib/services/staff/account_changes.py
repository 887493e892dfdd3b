"""Changes of people to each other's accounts: kept for the second person, and told to whom it concerns."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import HOST, Actor
from lib.domain.counterparts import CHANGES, HANDED_OVER, VOUCHED, AccountChange
from lib.errors import NotFound, NotPermitted
from lib.store.meta import MODE
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.store.users import User

# A company that begins has nobody but its admin who could have made the others' accounts.
VOUCH_DAYS = 7
VOUCH_PEOPLE = 5


class AccountChangeService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def untold(self, actor: Actor) -> list[tuple[AccountChange, str, str]]:
        """What the person has not seen yet: the change, who made it and whose account, by their names."""
        with self._uow.read() as stores:
            changes = stores.account_changes.untold(actor.username)
            if not changes:
                return []
            names = {user.username: user.name for user in stores.users.all()}
        names[HOST.username] = HOST.name
        return [
            (one, names.get(one.changed_by, one.changed_by), names.get(one.about, one.about))
            for one in changes
        ]

    def note_seen(self, upto: int, *, by: Actor) -> None:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            stores.account_changes.note_seen(by.username, upto=upto, at=now)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="user.see_changes",
                subject=f"user:{by.username}",
                detail={"upto": upto},
            )

    def vouch_on_this_host(self, username: str) -> User:
        """
        The owner of this machine answers for it that this person alone uses their account: what was
        changed of it before no longer stands between them and others. All admins are told.

        Raises:
            NotFound: no such user.
            NotPermitted: the installation is older than a week, or has more than a few people.
        """
        now = epoch(self._clock())
        with self._uow.write() as stores:
            user = stores.users.find(username)
            if user is None:
                raise NotFound(f"There is no user {username[:40]}.")
            people = [one for one in stores.users.all() if one.is_active]
            first = min(one.created_at for one in stores.users.all())
            if now - first >= VOUCH_DAYS * 86_400 or len(people) > VOUCH_PEOPLE:
                raise NotPermitted(
                    f"The owner of this machine vouches only in the first {VOUCH_DAYS} days, and for at most "
                    f"{VOUCH_PEOPLE} people. Wait until {VOUCH_DAYS} days have passed since the account was changed."
                )
            admins = {one.username for one in people if "admin" in one.roles}
            stores.account_changes.add(
                username, VOUCHED, changed_by=HOST.username, at=now, readers=admins | {username}
            )
            stores.audit.record(
                at=now,
                actor=HOST.username,
                action=VOUCHED,
                subject=f"user:{username}",
                detail={"told": sorted(admins)},
            )
        return user


def note_change(stores: Stores, about: str, action: str, *, by: Actor, at: int) -> None:
    """
    To be called with the audit entry. Nothing is noted of what people do to their own account, and of
    handing over a new account only where money moves: before, its password counts as the person's own.
    """
    if action not in CHANGES or by.is_system or by.username == about:
        return
    user = stores.users.find(about)
    is_new = user is None or user.last_sign_in_at is None
    if action in HANDED_OVER and is_new and stores.meta.value(MODE) != "live":
        return
    stores.account_changes.add(about, action, changed_by=by.username, at=at, readers={about})
