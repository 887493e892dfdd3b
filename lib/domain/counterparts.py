"""
Two people are two people: whoever could have signed in as somebody else is not that person's second pair of eyes.

An admin who sets somebody's password can act as both. So for a week after such a change the two count as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

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
) -> AccountChange | None:
    """
    The change because of which `person` does not pass as the counterpart of all `others`, or None.

    Args:
        changes: of the accounts of all of them, oldest first.
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
    return next(
        (
            one
            for one in standing
            if (one.changed_by == person and one.about in others and one.about != person)
            or (one.about == person and one.changed_by in others and one.changed_by != person)
        ),
        None,
    )
