"""Two people for one decision: who may decide on what another person asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lib.domain import approvals
from lib.domain.actors import Actor, Permission
from lib.domain.approvals import Standing
from lib.domain.counterparts import COUNTERPART_DAYS, AccountChange, same_hands
from lib.domain.runs import ApprovalDecision, Run
from lib.errors import ApprovalRests, NotPermitted
from lib.store.meta import MODE
from lib.store.stores import Stores
from lib.store.users import User

# Whoever did one of these to a run has prepared it, too.
_CHANGES = (
    "run.make",
    "run.submit",
    "run.leave_out",
    "run.take_back",
    "run.check_again",
    "run.correct",
    "run.replace_file",
)


def may_decide(stores: Stores, username: str) -> bool:
    """Whether this is an active approver at this moment."""
    user = stores.users.find(username)
    return user is not None and _may_decide(user)


def _may_decide(user: User) -> bool:
    return user.is_active and user.actor.may(Permission.APPROVE)


def why_not(
    stores: Stores, by: Actor, *, makers: Collection[str | None], now: int
) -> NotPermitted | None:
    """
    Why this person may not decide, or None. Roles are those of this moment, not of the sign-in:
    call inside the transaction that writes the decision.

    Raises:
        NotSignedIn: they were not asked for their password or a code again.
    """
    by.must_be_asked()
    if not may_decide(stores, by.username):
        return NotPermitted("This needs the role approver. Ask an admin to give it to you.")
    user = stores.users.find(by.username)
    is_live = stores.meta.value(MODE) == "live"
    if is_live and stores.second_factors.find(by.username) is None:
        return NotPermitted(
            "Turn on a second factor, on “Your account”, before you decide on anything."
        )
    if is_live and user is not None and not user.password_is_own:
        return NotPermitted(
            "Somebody else chose your password. Choose one that only you know, on “Your account”, "
            "before you decide on anything."
        )
    if by.username in makers:
        return NotPermitted(
            "You prepared or asked for this, so somebody else must decide on it: two people for every decision."
        )
    return why_not_two(stores, by, makers, now=now)


def why_not_two(
    stores: Stores, by: Actor, others: Collection[str | None], *, now: int
) -> NotPermitted | None:
    """Why this person and those others are not surely two people (lib/domain/counterparts.py), or None."""
    return _refusal(stores, _same_hands(stores, by.username, others, at=now))


def why_not_second(
    stores: Stores, by: Actor, run: Run, standing: Standing, *, now: int
) -> NotPermitted | None:
    """Why this person's approval and one of those that count are not surely two people's, or None."""
    counts = standing.people - {by.username}
    before = {one.by: one.at for one in stores.run_decisions.approvals(run) if one.by in counts}
    return _refusal(stores, _same_hands(stores, by.username, before, at=now, decided=before))


def _refusal(stores: Stores, changes: Sequence[AccountChange]) -> NotPermitted | None:
    if not changes:
        return None
    what = " and ".join(
        f"{_name(stores, one.changed_by)} {one.words} the account of {_name(stores, one.about)}"
        for one in changes
    )
    why = (
        "so one does not count as the other's second person"
        if len(changes) == 1
        else "so somebody could have acted as both, and they do not count as two people"
    )
    return NotPermitted(
        f"{what} less than {COUNTERPART_DAYS} days ago, {why}. Somebody else has to do it."
    )


def _same_hands(
    stores: Stores,
    person: str,
    others: Collection[str | None],
    *,
    at: int,
    decided: Mapping[str, int] | None = None,
) -> tuple[AccountChange, ...]:
    """`decided`: when others did; a later change of their account says nothing about that."""
    people: set[str] = set()
    further = {one for one in others if one is not None} | {person}
    changes: list[AccountChange] = []
    while further:
        entries = stores.account_changes.of(further)
        changes += entries
        people |= further
        further = {one.changed_by for one in entries} - people
    until = decided or {}
    changes = [one for one in changes if one.at <= until.get(one.about, at)]
    return same_hands(person, others, sorted(changes, key=lambda one: one.id), at=at)


def _name(stores: Stores, username: str) -> str:
    user = stores.users.find(username)
    return user.name if user else username


def why_not_the_host(stores: Stores, *, maker: str) -> NotPermitted | None:
    """Why the owner of the machine may not be the second person, or None: nobody else could be."""
    approvers = [
        user.username
        for user in stores.users.all()
        if user.is_active and user.actor.may(Permission.APPROVE)
    ]
    if approvers == [maker]:
        return None
    return NotPermitted(
        "The owner of this machine agrees only where the one who proposed it is the only approver. Somebody with the role approver has to agree."
    )


def makers_of(stores: Stores, run: Run) -> set[str | None]:
    """Who prepared a run, and so never decides on it."""
    return {run.submitted_by, run.created_by, *stores.audit.actors(run.id, _CHANGES)}


def standing(stores: Stores, run: Run, *, now: int) -> Standing:
    """
    Whether the approvals of a run count at this moment. Asked whenever money is about to move by them:
    at the start, on resume, by whoever takes the run over, before each row and each new card.
    """
    given = stores.run_decisions.approvals(run)
    people = [user for by in {one.by for one in given} if (user := stores.users.find(by))]
    makers = makers_of(stores, run)
    makers |= _not_another_person(stores, given, makers)
    return approvals.standing(
        run,
        given,
        able={user.username for user in people if _may_decide(user)},
        names={user.username: user.name for user in people},
        makers=makers,
        now=now,
    )


def _not_another_person(
    stores: Stores, given: Sequence[ApprovalDecision], makers: Collection[str | None]
) -> set[str]:
    """
    Who could have acted, when they agreed, as a maker or as somebody who had agreed before: as far as anybody can
    tell they have prepared it, or agreed twice.
    """
    names: set[str] = set()
    before: dict[str, int] = {}
    for one in given:
        others = {by: at for by, at in before.items() if by != one.by}
        if _same_hands(stores, one.by, makers, at=one.at) or _same_hands(
            stores, one.by, others, at=one.at, decided=others
        ):
            names.add(one.by)
        else:
            before[one.by] = one.at
    return names


def must_stand(stores: Stores, run: Run, *, now: int) -> None:
    """
    Raises:
        ApprovalRests: somebody has to approve it again first.
    """
    stop = standing(stores, run, now=now).stop
    if stop is not None:
        raise ApprovalRests(stop.message, code=stop.code)
