"""
Charges (what is owed) and attempts (each try to collect it): states and the moves between them.

    planned ─▶ attempting ─▶ succeeded
                   ├───────▶ processing ─▶ succeeded | declined
                   ├───────▶ declined | needs_customer ─▶ attempting (a new attempt, asked for by a person)
                   ├───────▶ unknown ─▶ any of the above, by evidence only
                   └───────▶ planned (refused before execution: nothing happened)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lib.domain.identity import refuse_unreadable, visible
from lib.domain.mirror import Decline, PaymentIntent
from lib.errors import InvalidInput

# Stripe forgets an idempotency key after 24 hours at the earliest, and then executes it again.
# An hour of margin covers clocks that differ and requests that wait.
SAME_KEY_SECONDS = 23 * 3600
# Before this age "no trace at Stripe" proves nothing: a request could still be executed.
NO_TRACE_SECONDS = 24 * 3600
# Stripe's word that a key was used with other parameters; what was sent with it was not executed.
KEY_TAKEN = "idempotency_error"
# Longer than the gateway's own timeouts: until then the process that sent the request may still
# be waiting for the reply.
IN_FLIGHT_SECONDS = 60
# No look at Stripe is planned further ahead; a date beyond was written under a clock that was wrong.
LONGEST_LOOK_SECONDS = 6 * 3600
# Card networks and Stripe: more tries than this on one debt do harm.
# https://docs.stripe.com/declines/card
MOST_ATTEMPTS = 8
# Stands in a key that the next try of the debt has (ChargeStore.free_key).
_KEY_LEFT = ":not_executed:"
LONGEST_REFERENCE = 200


class ChargeState(StrEnum):
    PLANNED = "planned"
    ATTEMPTING = "attempting"
    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    DECLINED = "declined"
    NEEDS_CUSTOMER = "needs_customer"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    DECLINED = "declined"
    NEEDS_CUSTOMER = "needs_customer"
    UNKNOWN = "unknown"
    NOT_EXECUTED = "not_executed"
    """Proven: Stripe never executed it."""


class Evidence(StrEnum):
    """How we know an outcome."""

    REPLY = "reply"
    SAME_KEY = "same_key"
    EVENT = "event"
    PAYMENT_INTENT = "payment_intent"
    NO_TRACE = "no_trace"
    TWO_PEOPLE = "two_people"
    """None: one proposed it, another agreed (lib/services/charges/manual_outcomes.py)."""


LIVE_STATES = frozenset(
    {
        ChargeState.PLANNED,
        ChargeState.ATTEMPTING,
        ChargeState.SUCCEEDED,
        ChargeState.PROCESSING,
        ChargeState.UNKNOWN,
    }
)
"""States in which no other charge for the same (customer, reference) may exist."""

FAILED_STATES = frozenset({ChargeState.DECLINED, ChargeState.NEEDS_CUSTOMER})
"""The last try failed, and nobody has collected it elsewhere or is about to."""

RETRYABLE_STATES = FAILED_STATES | {ChargeState.PLANNED}

COMMITTED_STATES = LIVE_STATES - {ChargeState.PLANNED}
"""Money moved, moves, or may have moved."""

OPEN_OUTCOMES = (Outcome.UNKNOWN, Outcome.PROCESSING)
"""Not final: at most one attempt of a charge has one of these, or none yet."""

LIVE_OUTCOMES = frozenset({Outcome.SUCCEEDED, *OPEN_OUTCOMES})
"""An attempt with one of these, or with none yet, leaves room for no other of its debt."""

UNFINISHED_STATES = LIVE_STATES - {ChargeState.SUCCEEDED}
UNANSWERED_STATES = frozenset({ChargeState.ATTEMPTING, ChargeState.UNKNOWN})
"""Stripe was, or is just being, asked, and has not answered."""
NOT_TRIED_STATES = frozenset({ChargeState.PLANNED, ChargeState.CANCELLED})
INFERRED_EVIDENCE = frozenset({Evidence.NO_TRACE, Evidence.TWO_PEOPLE})
"""Nothing was seen of it at Stripe, which a late payment may still refute."""

FAILED_OUTCOMES = frozenset({Outcome.DECLINED, Outcome.NEEDS_CUSTOMER})

STATE_AFTER: dict[Outcome, ChargeState] = {
    Outcome.SUCCEEDED: ChargeState.SUCCEEDED,
    Outcome.PROCESSING: ChargeState.PROCESSING,
    Outcome.DECLINED: ChargeState.DECLINED,
    Outcome.NEEDS_CUSTOMER: ChargeState.NEEDS_CUSTOMER,
    Outcome.UNKNOWN: ChargeState.UNKNOWN,
    Outcome.NOT_EXECUTED: ChargeState.PLANNED,
}

MONEY_MOVES = frozenset({ChargeState.SUCCEEDED, ChargeState.PROCESSING})

CHARGE_STEPS: dict[ChargeState, frozenset[ChargeState]] = {
    ChargeState.ATTEMPTING: frozenset(STATE_AFTER.values()),
    ChargeState.UNKNOWN: frozenset(STATE_AFTER.values()) - {ChargeState.UNKNOWN},
    ChargeState.PROCESSING: FAILED_STATES | {ChargeState.SUCCEEDED},
    # Tried again, given up, or paid behind our back: money that moves is the truth about a charge.
    ChargeState.PLANNED: MONEY_MOVES | {ChargeState.ATTEMPTING, ChargeState.CANCELLED},
    ChargeState.DECLINED: MONEY_MOVES | {ChargeState.ATTEMPTING, ChargeState.CANCELLED},
    ChargeState.NEEDS_CUSTOMER: MONEY_MOVES
    | {ChargeState.ATTEMPTING, ChargeState.CANCELLED, ChargeState.DECLINED},
    ChargeState.CANCELLED: MONEY_MOVES,
    ChargeState.SUCCEEDED: frozenset(),
    # Refused by our own rules before there was a charge: rows of runs are, charges never.
    ChargeState.BLOCKED: frozenset(),
}

OUTCOME_STEPS: dict[Outcome | None, frozenset[Outcome]] = {
    None: frozenset(Outcome),
    Outcome.UNKNOWN: frozenset(Outcome) - {Outcome.UNKNOWN},
    Outcome.PROCESSING: frozenset({Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.NEEDS_CUSTOMER}),
    # Somebody may confirm a failed PaymentIntent again in the Stripe Dashboard. Money that moved
    # is the truth, whatever we recorded before.
    Outcome.DECLINED: frozenset({Outcome.SUCCEEDED, Outcome.PROCESSING}),
    Outcome.NEEDS_CUSTOMER: frozenset({Outcome.SUCCEEDED, Outcome.PROCESSING, Outcome.DECLINED}),
    Outcome.NOT_EXECUTED: frozenset({Outcome.SUCCEEDED, Outcome.PROCESSING}),
    Outcome.SUCCEEDED: frozenset(),
}


def may_become(before: Outcome | None, after: Outcome) -> bool:
    """Whether evidence for `after` may replace what is recorded; late news never goes backwards."""
    return after in OUTCOME_STEPS[before]


@dataclass(frozen=True, slots=True)
class Charge:
    id: str
    customer: str
    payment_method: str
    amount: int
    """Minor units."""
    currency: str
    reference: str
    description: str | None
    state: ChargeState
    created_by: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Attempt:
    charge_id: str
    number: int
    idempotency_key: str
    params: str
    """Exactly what is sent to Stripe, as JSON."""
    requested_by: str
    requested_at: int
    outcome: Outcome | None
    """None while the request is in flight, or after a crash until the attempt is settled."""
    outcome_at: int | None
    evidence: str | None
    next_look_at: int | None
    looks: int
    payment_intent: str | None
    http_status: int | None
    request_id: str | None
    decline: Decline
    last_look: str | None = None
    """JSON of what the last look at Stripe asked and found; see lib.services.charges.resolve."""
    is_surplus: bool = False
    """A payment beside another one of the same debt; an incident until a person settled it."""
    sent_after: int | None = None
    """Stripe's clock at its last answer before this was sent; None where there had been none yet."""

    @property
    def key_at_stripe(self) -> str:
        """The key as it was sent, also where the next try has it by now."""
        return sent_key(self.idempotency_key)

    @property
    def is_adopted(self) -> bool:
        """Nobody here sent it: the payment was taken into the ledger afterwards, under its own id."""
        return self.idempotency_key == adopted_key(self.payment_intent or "")

    @property
    def is_open(self) -> bool:
        """Money may still move, or may have moved without our knowing."""
        return self.outcome in (None, *OPEN_OUTCOMES)


def last_number(attempts: Sequence[Attempt]) -> int:
    """
    Of the last try of one charge, oldest first; 0 before the first. It may be larger than their count: a ledger that
    was made anew from Stripe has a try whose predecessor Stripe lists later, or never.
    """
    return attempts[-1].number if attempts else 0


def sent_key(key: str) -> str:
    """As an attempt was sent with it, whatever became of the key since."""
    return key.partition(_KEY_LEFT)[0]


def adopted_key(object_id: str) -> str:
    """In place of an idempotency key, for what at Stripe is taken into the ledger that did not send it."""
    return f"adopted:{object_id}"


def outcome_of(intent: PaymentIntent) -> Outcome:
    """What a PaymentIntent's status says about the attempt that made it."""
    error = intent.error or Decline()
    return outcome_of_status(intent.status, error.code, error.decline_code)


def outcome_of_status(status: str, code: str | None, decline_code: str | None) -> Outcome:
    """The same of a status and the codes of the last error, as the mirror holds them."""
    match status:
        case "succeeded":
            return Outcome.SUCCEEDED
        case "processing":
            return Outcome.PROCESSING
        case "requires_action" | "requires_confirmation":
            return Outcome.NEEDS_CUSTOMER
        case "requires_payment_method" | "canceled":
            wants_customer = "authentication_required" in (code, decline_code)
            return Outcome.NEEDS_CUSTOMER if wants_customer else Outcome.DECLINED
        case _:
            # requires_capture cannot come from what we send, and statuses may be added: money may
            # or may not move, so a person has to look.
            return Outcome.UNKNOWN


def clean_reference(text: str) -> str:
    """
    What is owed, as a person reads it, so that the same reference always compares equal.

    Raises:
        InvalidInput: empty, too long, or with a letter that cannot be shown.
    """
    cleaned = visible(text)
    if not cleaned:
        raise InvalidInput(
            "A reference is needed: what is owed, for example an invoice number.",
            field="reference",
            code="reference_missing",
        )
    if len(cleaned) > LONGEST_REFERENCE:
        raise InvalidInput(
            f"A reference has at most {LONGEST_REFERENCE} characters.",
            field="reference",
            code="reference_too_long",
        )
    refuse_unreadable(cleaned, what="reference", field="reference", code="reference_invalid")
    return cleaned


def clean_description(text: str | None) -> str | None:
    """
    Raises:
        InvalidInput: longer than Stripe takes, or with characters that cannot be shown.
    """
    cleaned = visible(text or "")
    refuse_unreadable(cleaned, what="description", field="description", code="description_invalid")
    if len(cleaned) > 500:
        raise InvalidInput(
            "A description has at most 500 characters on one line.",
            field="description",
            code="description_invalid",
        )
    return cleaned or None
