"""
Two people are two people: whoever could have signed in as somebody else is not that person's second pair of eyes.

An admin who sets somebody's password can act as both. So for a week after such a change the two count as one; and so
do two people whose accounts one and the same person could have taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lib.domain.actors import HOST

COUNTERPART_DAYS = 7
_SECONDS = COUNTERPART_DAYS * 86_400
ADDED, INVITED, VOUCHED = "user.add", "user.invite", "user.vouch"
CHANGES = {
    ADDED: "added",
    "user.set_password": "set the password of",
    "user.set_roles": "set the roles of",
    "user.set_email": "set the e-mail address of",
    INVITED: "sent a new invitation for",
    "user.reset_second_factor": "took the second factor from",
    "user.link_sso": "linked a single sign-on to",
    "user.unlink_sso": "unlinked the single sign-on from",
    "user.expect_sso": "let a single sign-on be linked by e-mail to",
}
"""What gives one person the means to act as another; in words, before “the account of”."""
_OPENS_NOTHING = frozenset({"user.set_roles", "user.set_email", "user.unlink_sso"})
"""By these alone nobody can sign in as the person."""
HANDED_OVER = (ADDED, INVITED)
"""How an account that nobody has used yet gets to its person."""


@dataclass(frozen=True, slots=True)
class AccountChange:
    id: int
    about: str
    """Whose account."""
    action: str
    changed_by: str
    at: int

    @property
    def words(self) -> str:
        return CHANGES.get(self.action, "vouched for")


def same_hands(
    person: str, others: Collection[str | None], changes: Iterable[AccountChange], *, at: int
) -> tuple[AccountChange, ...]:
    """
    The changes because of which `person` does not pass as the counterpart of all `others`: one, where one of two
    changed the other's account; two, where somebody could have acted as both; none, where they are two people.

    Args:
        changes: of the accounts of all of them and of whoever changed these, oldest first.
        at: when the person decides or decided: what came later says nothing about that.
    """
    standing: list[AccountChange] = []
    for one in changes:
        if one.at > at:
            continue
        if one.action == VOUCHED:
            standing = [earlier for earlier in standing if earlier.about != one.about]
        elif at - one.at < _SECONDS:
            standing.append(one)
    for one in standing:
        if (one.changed_by == person and one.about in others and one.about != person) or (
            one.about == person and one.changed_by in others and one.changed_by != person
        ):
            return (one,)
    mine = _could_act_as(person, standing)
    for other in sorted({one for one in others if one is not None} - {person}):
        theirs = _could_act_as(other, standing)
        for common in sorted(mine.keys() & theirs.keys()):
            last = (theirs[common], mine[common])
            return tuple(one for one in last if one is not None)
    return ()


def _could_act_as(
    person: str, standing: Iterable[AccountChange]
) -> dict[str, AccountChange | None]:
    """
    Who could have signed in as a person, also by way of others, with the last change of the way. The owner of the
    machine is left out: against them no rule of Onfile's helps.
    """
    names: dict[str, AccountChange | None] = {person: None}
    opening = [
        one
        for one in standing
        if one.action not in _OPENS_NOTHING and one.changed_by != HOST.username
    ]
    waiting = [person]
    while waiting:
        about = waiting.pop()
        for one in opening:
            if one.about == about and one.changed_by not in names:
                names[one.changed_by] = one
                waiting.append(one.changed_by)
    return names
