"""The request for one attempt, what Stripe's answer means, and how it is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain.charges import KEY_TAKEN, Attempt, Outcome, outcome_of
from lib.domain.mirror import Decline, PaymentIntent
from lib.errors import (
    Busy,
    Declined,
    GatewayError,
    KeyReused,
    Misconfigured,
    OutcomeUnknown,
    Refused,
)
from lib.services.ledger.attempts import AttemptResult, record_reply
from lib.services.ledger.recovery_links import withdraw_recovery
from lib.services.ledger.send_and_record import SendAndRecord, SendState
from lib.services.ledger.unexpected import note_other_answer
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import mapping
from lib.stripe_gateway.gateway import StripeGateway


class ChargeSender(SendAndRecord[Attempt, AttemptResult, PaymentIntent]):
    """Rows are attempts. One that is too old to be sent, or was given up, is unknown."""

    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        super().__init__(uow, clock=clock)
        self._gateway = gateway

    @property
    def stripe_time(self) -> int | None:
        """Stripe's clock at its last answer."""
        return self._gateway.answered_at

    def _state(self, row: Attempt) -> SendState:
        with self._uow.read() as stores:
            current = stores.charges.attempt(row.charge_id, row.number)
            charge = stores.charges.find(row.charge_id)
            is_held = charge is not None and bool(stores.holds.covering([charge.customer]))
        return SendState(
            is_open=current is not None and current.is_open,
            is_untouched=current is not None and current.outcome is None,
            requested_at=row.requested_at,
            must_not_leave=is_held,
        )

    def _request(self, row: Attempt, last_look: Callable[[], None]) -> PaymentIntent:
        params = json.loads(row.params)
        return self._gateway.create_payment_intent(
            params, idempotency_key=row.idempotency_key, last_look=last_look
        )

    def _result_of(self, row: Attempt, made: PaymentIntent) -> AttemptResult:
        if not is_answer_to(row, made):
            return AttemptResult(Outcome.UNKNOWN, http_status=200)
        return AttemptResult(
            outcome_of(made),
            payment_intent=made.id,
            http_status=200,
            decline=made.error or Decline(),
        )

    def _result_of_error(self, error: GatewayError) -> AttemptResult:
        return _result_of_error(error)

    def _result_of_none(self, *, was_never_sent: bool) -> AttemptResult:
        return AttemptResult(Outcome.NOT_EXECUTED if was_never_sent else Outcome.UNKNOWN)

    def record(
        self,
        stores: Stores,
        row: Attempt,
        result: AttemptResult,
        made: PaymentIntent | None,
        *,
        asked_at_ms: int,
    ) -> None:
        if made is not None and not is_answer_to(row, made):
            note_other_answer(stores, row, made, at=epoch(self._clock()))
        record_reply(stores, row, result, made, at=epoch(self._clock()), asked_at_ms=asked_at_ms)

    def look_at_blocked(self, attempt: Attempt, result: AttemptResult) -> bool:
        """
        Ask whether a generic decline was Stripe's own block: only the Charge says so. True if so.

        The outcome is committed already; when this read fails the reason stays generic, which is
        true as well.
        """
        generic = result.decline.decline_code in (None, "generic_decline", "fraudulent")
        if result.outcome is not Outcome.DECLINED or not generic or not result.payment_intent:
            return False
        try:
            intent = self._gateway.retrieve_payment_intent(result.payment_intent)
        except GatewayError:
            return False
        if intent.error is None or intent.error.outcome_type is None:
            return False
        is_blocked = intent.error.outcome_type == "blocked"
        with self._uow.write() as stores:
            stores.charges.set_outcome_type(
                attempt.charge_id, attempt.number, intent.error.outcome_type
            )
            if is_blocked:
                withdraw_recovery(stores, attempt.charge_id, at=epoch(self._clock()))
        return is_blocked


def is_answer_to(attempt: Attempt, made: PaymentIntent) -> bool:
    """Whether a payment that came back is the one that was asked for: customer, sum, currency and marks."""
    params = json.loads(attempt.params)
    request = (params["customer"], params["amount"], params["currency"])
    return (made.customer, made.amount, made.currency) == request and (
        made.charge_id,
        made.attempt,
    ) == (attempt.charge_id, attempt.number)


def _result_of_error(error: GatewayError) -> AttemptResult:
    """What an error says about the *first* sending of an attempt."""
    details = error.details
    intent = details.get("payment_intent")
    decline = mapping.decline(details) if details else Decline(code=error.stripe_code)
    if error.param and isinstance(error, Refused):
        decline = mapping.decline({**details, "message": f"{error.param}: {error}"})
    facts = AttemptResult(
        Outcome.UNKNOWN,
        payment_intent=intent["id"] if isinstance(intent, dict) and "id" in intent else None,
        http_status=error.http_status,
        request_id=error.request_id,
        is_replayed=error.is_replayed,
        decline=decline,
    )
    match error:
        case Declined():
            wants_customer = "authentication_required" in (decline.code, decline.decline_code)
            outcome = Outcome.NEEDS_CUSTOMER if wants_customer else Outcome.DECLINED
        case Refused():
            outcome = Outcome.DECLINED
        case Misconfigured() | Busy():
            outcome = Outcome.NOT_EXECUTED
        case KeyReused():
            return replace(facts, decline=replace(decline, code=KEY_TAKEN))
        case OutcomeUnknown():
            outcome = Outcome.UNKNOWN
        case _:
            raise error
    return replace(facts, outcome=outcome)
