"""Methods whose bank still confirms them: the customer is done, and nothing is saved yet."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.days import day_in_words

# Of a SetupIntent whose Session is complete. The customer's own steps come before that.
CONFIRMING = ("processing", "requires_action")
# How long a bank account can be verified: https://docs.stripe.com/payments/ach-direct-debit.
_VERIFIABLE_SECONDS = 10 * 86_400
_LONGEST_SESSION_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Confirmation:
    session_id: str
    customer: str | None
    until: int
    """Unix seconds; at the latest then Stripe gives up."""
    timezone: str = "UTC"

    @property
    def sentence(self) -> str:
        return (
            f"The customer's bank is still confirming a bank account (until {day_in_words(self.until, self.timezone)}). "
            "It cannot be charged yet, and it has not failed: wait, and send no second link."
        )


def is_confirming(session_status: str | None, setup_status: str | None) -> bool:
    return session_status == "complete" and setup_status in CONFIRMING


def until(created: int, completed_at: int | None) -> int:
    """
    When Stripe gives up.

    Args:
        created: of the Session.
        completed_at: when the mirror first saw it complete, which may be long after it was.
    """
    latest = created + _LONGEST_SESSION_SECONDS
    return min(completed_at or latest, latest) + _VERIFIABLE_SECONDS
