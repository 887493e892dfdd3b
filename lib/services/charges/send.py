"""
Phase 2 of a charge: ask Stripe exactly what an attempt's row says, and say what the answer means.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import stamina

from lib.clock import Clock, epoch
from lib.domain.charges import SAME_KEY_SECONDS, Attempt, Outcome, outcome_of
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
from lib.services.ledger import attempts as ledger
from lib.services.ledger.attempts import AttemptResult
from lib.store.quick_reads import QuickReads
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import mapping
from lib.stripe_gateway.gateway import StripeGateway


class _GivenUp(Exception):
    """The attempt must not be sent any more; `outcome` is what can be said of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class ChargeSender:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._reads = QuickReads(uow.path)
        self._gateway = gateway
        self._clock = clock

    def ask(self, attempt: Attempt) -> tuple[AttemptResult, PaymentIntent | None]:
        """
        Phase 2: send exactly what the row says, under its key.

        Safe to call again for the same attempt while its key is young: Stripe then answers what
        it answered before. Later, or once others gave the attempt up, nothing is sent, and the
        outcome is unknown. Only 429, which Stripe gives before executing, is repeated here.
        """
        params = json.loads(attempt.params)
        try:
            for again in stamina.retry_context(
                on=Busy, attempts=4, timeout=15, wait_initial=0.5, wait_max=4.0
            ):
                with again:
                    intent = self._gateway.create_payment_intent(
                        params,
                        idempotency_key=attempt.idempotency_key,
                        last_look=partial(self._last_look, attempt),
                    )
        except _GivenUp as given_up:
            return AttemptResult(given_up.outcome), None
        except GatewayError as error:
            return _result_of(error), None
        return (
            AttemptResult(
                outcome_of(intent),
                payment_intent=intent.id,
                http_status=200,
                decline=intent.error or Decline(),
            ),
            intent,
        )

    def _last_look(self, attempt: Attempt) -> None:
        """
        A process may have been stopped since it wrote the attempt down, or waited long for its turn.

        Raises:
            _GivenUp: the key may be too old, or others concluded that this was never executed.
        """
        current = self._reads.read(
            lambda stores: stores.charges.attempt(attempt.charge_id, attempt.number)
        )
        if current is None or not current.is_open:
            raise _GivenUp(Outcome.UNKNOWN)
        if epoch(self._clock()) - attempt.requested_at >= SAME_KEY_SECONDS:
            # Whoever takes an attempt over writes that down first, so it was never sent by anybody.
            is_ours_alone = current.outcome is None
            raise _GivenUp(Outcome.NOT_EXECUTED if is_ours_alone else Outcome.UNKNOWN)

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
                ledger.withdraw_recovery(stores, attempt.charge_id, at=epoch(self._clock()))
        return is_blocked


def _result_of(error: GatewayError) -> AttemptResult:
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
            return replace(facts, decline=replace(decline, code="idempotency_error"))
        case OutcomeUnknown():
            outcome = Outcome.UNKNOWN
        case _:
            raise error
    return replace(facts, outcome=outcome)
