"""Changes that one admin asks for and, where there are two, another agrees to: limits, roles, and admins' accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lib.money import format_money

SET_LIMITS = "limits.set"
SET_ROLES = "user.set_roles"
DISABLE, ENABLE = "user.disable", "user.enable"
RESET_SECOND_FACTOR = "user.reset_second_factor"
INVITE = "user.invite"
LINK_SSO, UNLINK_SSO, EXPECT_SSO = "user.link_sso", "user.unlink_sso", "user.expect_sso"

PROPOSAL_DAYS = 14
"""What was asked for longer ago is asked for anew."""


class AdminProposalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


ADMIN_PROPOSAL_STEPS: dict[AdminProposalState, frozenset[AdminProposalState]] = {
    state: frozenset(AdminProposalState) - {state}
    if state is AdminProposalState.PROPOSED
    else frozenset()
    for state in AdminProposalState
}


@dataclass(frozen=True, slots=True)
class AdminChange:
    action: str
    """As the audit log calls it once it was done."""
    subject: str
    """The user name, or of limits the currency."""
    params: Mapping[str, Any]

    def in_words(self, name: str) -> str:
        """
        A sentence without its full stop.

        Args:
            name: of the person whose account it is.
        """
        if self.action == SET_LIMITS:
            return f"Set the limits for {self.subject.upper()}: {self._limits()}"
        if self.action == SET_ROLES:
            return f"Give {name} the roles {', '.join(self.params['roles'])}, and no other"
        if self.action == LINK_SSO:
            return f"Link {name} to the subject {self.params['subject']} of {self.params['issuer']}"
        return _ACTS[self.action].format(name)

    def _limits(self) -> str:
        named = {"per_charge": "a charge", "per_run": "a run", "per_day": "a day"}
        return ", ".join(
            f"{words} {'no limit' if (amount := self.params[field]) is None else format_money(amount, self.subject)}"
            for field, words in named.items()
        )


_ACTS = {
    DISABLE: "Disable the account of {}",
    ENABLE: "Enable the account of {}",
    RESET_SECOND_FACTOR: "Take the second factor from {}",
    INVITE: "Invite {} to choose a new password",
    UNLINK_SSO: "Unlink {} from the single sign-on",
    EXPECT_SSO: "Let {} link the single sign-on by their e-mail address",
}


@dataclass(frozen=True, slots=True)
class AdminProposal:
    id: str
    change: AdminChange
    state: AdminProposalState
    proposed_by: str
    proposed_at: int
    decided_by: str | None = None
    decided_at: int | None = None

    def is_too_old(self, now: int) -> bool:
        return now - self.proposed_at >= PROPOSAL_DAYS * 86_400
