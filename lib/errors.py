"""
Every error Onfile raises on purpose.

* OnfileError
  + RuleViolation             understood and refused; str(error) is fit to show
    - InvalidInput            a value a person can correct; `field` names it
    - NotPermitted            the role does not allow it
    - NotSignedIn             unknown user, wrong password, too many guesses or disabled
      · SecondFactorNeeded    the password is right; a code has to come with it
    - NotFound                no such thing here
    - StaleState              somebody or something else changed it first
      · ReviewChanged         what a person agreed to is not what would be charged; carries it anew
    - AlreadyCharged          this reference is paid, in flight or not settled yet
    - Blocked                 our own rules refuse before any call to Stripe
      . NotAdmitted           a person may open it with a reason; carries the findings
      . DatabaseDamaged       the file itself is broken; it has to be replaced by a backup
      . LedgerBehind          Stripe knows payments of ours that this database does not
      . DecisionsRest         an older copy was put back; an approver has not confirmed its decisions yet
  + GatewayError              from Stripe; carries request_id, code and http_status
    - Declined                the attempt is over and no money moved; carries the decline
    - Refused                 Stripe will not accept the request itself; nothing happened
    - Missing                 Stripe has no such object under this key
    - Busy                    refused before it was executed (429); the same request may be repeated
    - Misconfigured           the key is wrong or lacks a permission; `permission` names it when known
    - AnotherAccount          the key belongs to another account than the data folder; nothing was asked
    - KeyReused               same idempotency key, other parameters: a bug of ours, stop everything
    - OutcomeUnknown          no reply, a 5xx or a conflict: it may or may not have happened
  + InvalidSignature          a webhook delivery that Stripe did not sign, or not just now
  + SettingsError             refuses to start
    - UnusableDatabase        only a restore helps

`DuplicateCustomer` and `NotConfigured` stand beside the one service that raises each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class OnfileError(Exception):
    """Never raised directly."""

    code = "error"


class RuleViolation(OnfileError):
    """Never raised directly. The message is written for the person at the screen."""


class InvalidInput(RuleViolation):
    """A value that a person can correct."""

    def __init__(self, message: str, *, field: str = "", code: str = "invalid_input") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class NotPermitted(RuleViolation):
    """The signed-in person's role does not allow this."""

    code = "not_permitted"


class NotSignedIn(RuleViolation):
    """Unknown user, wrong password, locked out or disabled."""

    code = "not_signed_in"


class SecondFactorNeeded(NotSignedIn):
    """The password is right, and the account has a second factor."""

    code = "second_factor_needed"


class NotFound(RuleViolation):
    """No such thing in Onfile."""

    code = "not_found"


class StaleState(RuleViolation):
    """The thing changed between looking and acting."""

    code = "stale_state"


class ApprovalRests(StaleState):
    """What was approved may not be carried out now: an approver has gone, or it was too long ago."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class ReviewChanged(StaleState):
    """What a person was shown before they agreed is no longer true. Nothing was sent."""

    code = "review_changed"

    def __init__(self, review: object) -> None:
        """
        Args:
            review: what is true now, a `lib.services.charges.review.Review`.
        """
        super().__init__("Something changed since you looked. Read it again. Nothing was charged.")
        self.review = review


class AlreadyCharged(RuleViolation):
    """The reference is paid, in flight, or its last outcome is not known yet."""

    code = "already_charged"

    def __init__(self, message: str, *, charge_id: str) -> None:
        super().__init__(message)
        self.charge_id = charge_id


class Blocked(RuleViolation):
    """Our own rules refuse, before any call to Stripe."""

    def __init__(
        self, message: str, *, code: str, reason: str | None = None, not_before: int | None = None
    ) -> None:
        """
        Args:
            reason: of lib.domain.declines, when an earlier try is why.
            not_before: Unix seconds from which it would be allowed, when waiting helps.
        """
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.not_before = not_before


class NotAdmitted(Blocked):
    """Stopped, and a named person may open each finding with a reason."""

    def __init__(self, findings: Sequence[Any], *, nothing: str = "Nothing was charged.") -> None:
        """
        Args:
            findings: what stops it, each a `lib.domain.runs.Finding`; at least one.
            nothing: what did not happen.
        """
        super().__init__(
            " ".join(finding.message for finding in findings)
            + f" {nothing} If it is right all the same, say why for each of these.",
            code=findings[0].code,
        )
        self.findings = tuple(findings)


class DatabaseDamaged(Blocked):
    """The database file is damaged: what it says of earlier payments cannot be believed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="database_damaged")


class LedgerBehind(Blocked):
    """Stripe knows payments of this installation that this database does not (docs/decisions/008)."""

    def __init__(self) -> None:
        super().__init__(
            "This database is older than what was charged: Stripe knows payments of ours that are missing here. "
            "Nothing is charged or refunded until they are taken over: “python -m lib reconcile --rebuild”, or the button on Sync health.",
            code="ledger_behind",
        )


class DecisionsRest(Blocked):
    """What people decided before an older copy was put back waits until an approver confirms it."""

    def __init__(self) -> None:
        super().__init__(
            "This database was older than what Stripe knows: what was cancelled or refused since then is not in it. Runs and "
            "waiting charges rest until an approver has looked at them and confirmed it on Sync health.",
            code="decisions_rest",
        )


class GatewayError(OnfileError):
    """Never raised directly."""

    code = "stripe_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        param: str | None = None,
        details: dict[str, Any] | None = None,
        is_replayed: bool = False,
    ) -> None:
        super().__init__(message)
        self.stripe_code = code
        self.http_status = http_status
        self.request_id = request_id
        self.param = param
        self.is_replayed = is_replayed
        """Stripe's answer to the first request under this key, saved and given again."""
        self.details = details or {}
        """Stripe's `error` object, already stripped of secrets."""


class Declined(GatewayError):
    """The payment attempt is over and no money moved."""

    code = "declined"


class Refused(GatewayError):
    """Stripe does not accept the request; nothing was executed."""

    code = "refused_by_stripe"


class Missing(Refused):
    """Stripe has no such object under this key."""

    code = "missing_at_stripe"


class Busy(GatewayError):
    """Refused before execution (429). The same request may be repeated later."""

    code = "stripe_busy"

    def __init__(self, message: str, *, limit_reason: str | None = None, **facts: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(message, **facts)
        self.limit_reason = limit_reason
        """Which of Stripe's limits was met, as its header says; None where it does not."""


class Misconfigured(GatewayError):
    """The key is wrong or lacks a permission. Nothing was executed."""

    code = "stripe_key_problem"

    @property
    def permission(self) -> str | None:
        value = self.details.get("permission")
        return value if isinstance(value, str) else None


class AnotherAccount(Misconfigured):
    """The key belongs to another Stripe account than the rows of this database."""

    code = "another_account"


class KeyReused(GatewayError):
    """Same idempotency key with other parameters: a bug of ours."""

    code = "idempotency_mismatch"


class OutcomeUnknown(GatewayError):
    """No reply, a 5xx or a conflict: the request may or may not have been executed."""

    code = "outcome_unknown"
    is_of_a_question = False
    """Something was only to be read: whatever became of that, nothing was changed by it."""

    def by_a_question(self) -> None:
        self.is_of_a_question, self.code = True, "stripe_unreachable"


class UnreadableObject(OutcomeUnknown):
    """Stripe's answer is an object that lacks what every one of its kind has, or holds it otherwise."""


class InvalidSignature(OnfileError):
    """A webhook delivery that was not signed by Stripe, or not within the tolerance."""

    code = "invalid_signature"


class UnreadableEvent(InvalidSignature):
    """Signed by Stripe, and not an event that can be read; the message says why, for Stripe's list."""

    code = "unreadable_event"


class SettingsError(OnfileError):
    """The settings do not allow a start; the message lists every problem."""

    code = "settings"


class UnusableDatabase(SettingsError):
    """The database is damaged, of a newer Onfile, or of one before the first release: only a restore helps."""

    code = "unusable_database"
