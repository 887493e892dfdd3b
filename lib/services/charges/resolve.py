"""
Resolves attempts whose outcome is not known, by evidence and never by a new key.

In this order, each step only while it can prove something:
1. the PaymentIntent, when its id is known;
2. the event whose `request.idempotency_key` is ours (Stripe keeps events for 30 days), unless the payment
   carries the marks of somebody else's try of the same debt;
3. the customer's PaymentIntents, all of them, matched on our metadata;
4. the same request under the same key, while Stripe surely still knows the key, where a charge would be
   admitted (`resend`);
5. none of it, and old enough by Stripe's clock that nothing can still arrive: it was never executed. The
   next try of the debt has its key all the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.charges import (
    IN_FLIGHT_SECONDS,
    KEY_TAKEN,
    NO_TRACE_SECONDS,
    SAME_KEY_SECONDS,
    Attempt,
    ChargeState,
    Evidence,
    Outcome,
    outcome_of,
)
from lib.domain.mirror import PaymentIntent
from lib.domain.resolutions import LookResult, Seen, age_of, check_answered
from lib.errors import GatewayError, OutcomeUnknown
from lib.services.charges.resend import ResendCheck
from lib.services.charges.send import ChargeSender, is_answer_to
from lib.services.ledger.attempts import AttemptResult, record_result
from lib.services.ledger.incidents import is_accepted
from lib.services.ledger.intents import attempt_of
from lib.services.ledger.looks import next_look
from lib.services.ledger.unexpected import note_other_answer
from lib.services.mirror.apply import record_payment_intents
from lib.store.meta import INSTALLATION
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)

# Stripe's clock and ours may differ, and `created` is whole seconds.
_CLOCK_MARGIN_SECONDS = 60
# A payment made this long ago is surely in Stripe's lists.
_LISTED_SECONDS = 300
_EVENT_TYPES = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "payment_intent.created",
)
# At 100 events a page; beyond that the customer's own list is the quicker proof.
_EVENT_PAGES = 20
_DRIFT_LOOK_BACK_SECONDS = 30 * 86_400


_NOT_ASKED = "not asked"


@dataclass(slots=True)
class Reconciliation:
    settled: int = 0
    still_unknown: int = 0
    drift: list[dict[str, object]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            "settled": self.settled,
            "still_unknown": self.still_unknown,
            "drift": self.drift,
        }


class ChargeResolver:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        sender: ChargeSender,
        resend: ResendCheck,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._sender = sender
        self._resend = resend
        self._clock = clock

    def resolve_due(self) -> int:
        """Look at every attempt whose next look is due; returns how many are final now."""
        with self._uow.read() as stores:
            due = stores.charges.due(now=epoch(self._clock()))
        return sum(self.resolve_or_postpone(attempt) is LookResult.FINAL for attempt in due)

    def reconcile(self, *, by: Actor) -> Reconciliation:
        """Settle all that can be settled now, then compare the ledger with Stripe's PaymentIntents."""
        by.must(Permission.SYNC)
        now = epoch(self._clock())
        with self._uow.read() as stores:
            unsettled = stores.charges.unsettled()
        reconciliation = Reconciliation()
        for attempt in unsettled:
            age = now - attempt.requested_at
            in_flight = attempt.outcome is None and 0 <= age < IN_FLIGHT_SECONDS
            if not in_flight and self.resolve_or_postpone(attempt) is LookResult.FINAL:
                reconciliation.settled += 1
        reconciliation.drift = self._drift()
        with self._uow.write() as stores:
            reconciliation.still_unknown = sum(
                1 for a in stores.charges.unsettled() if a.outcome is not Outcome.PROCESSING
            )
            stores.audit.record(
                at=now,
                actor=by.username,
                action="charges.reconcile",
                subject="charges",
                detail={
                    "settled": reconciliation.settled,
                    "still_unknown": reconciliation.still_unknown,
                    "drift": len(reconciliation.drift),
                },
            )
        return reconciliation

    def resolve(self, charge_id: str, *, by: Actor) -> LookResult:
        """
        Look at one charge's open attempt now.

        Raises:
            StaleState: its sender may still wait for the answer, so Stripe was not asked.
        """
        by.must(Permission.SYNC)
        with self._uow.read() as stores:
            attempts = stores.charges.attempts(charge_id)
        if not attempts:
            return LookResult.FINAL
        last = attempts[-1]
        if last.outcome is None:
            check_answered(last.requested_at, epoch(self._clock()))
        return self.resolve_or_postpone(last)

    def resolve_abandoned(self, charge_id: str) -> LookResult:
        """
        For an executor that holds a run's lease: whoever sent the open attempt is gone, or no
        longer counts, so there is nothing to wait for.
        """
        with self._uow.read() as stores:
            attempts = stores.charges.attempts(charge_id)
        return self.resolve_or_postpone(attempts[-1]) if attempts else LookResult.FINAL

    def resolve_or_postpone(self, attempt: Attempt) -> LookResult:
        fresh = self._take(attempt)
        if fresh is None:
            return LookResult.FINAL
        trace: Seen = {"at": epoch(self._clock())}
        try:
            look = LookResult.FINAL if self.look(fresh, trace) else LookResult.NO_ANSWER
        except GatewayError as error:
            trace["error"] = str(error)
            look = LookResult.NOT_ASKED
        except Exception:
            # One attempt that cannot be looked at must not stop the looks at others.
            logger.exception("attempt %s cannot be settled", attempt.idempotency_key)
            trace["error"] = "Onfile could not read what Stripe said; its log says more."
            look = LookResult.NO_ANSWER
        now = epoch(self._clock())
        if look is not LookResult.FINAL:
            with self._uow.write() as stores:
                current = stores.charges.attempt(attempt.charge_id, attempt.number)
                if current is None or not current.is_open:
                    return LookResult.FINAL
                outcome = current.outcome or Outcome.UNKNOWN
                stores.charges.look_again(
                    attempt.charge_id,
                    attempt.number,
                    at=next_look(outcome, current.looks, now) or now,
                    seen=trace,
                )
        return look

    def _take(self, attempt: Attempt) -> Attempt | None:
        """
        The attempt as it is now, or None when it is final: it was read from a list that takes
        minutes to work through, and sending one again that was given up would charge twice.
        """
        with self._uow.write() as stores:
            current = stores.charges.attempt(attempt.charge_id, attempt.number)
            if current is not None and current.outcome is None:
                # The process that sent it is gone, or its reply would be here. From now on a
                # refusal that reaches it after all proves nothing.
                record_result(
                    stores,
                    current,
                    AttemptResult(Outcome.UNKNOWN),
                    evidence="no_reply",
                    at=epoch(self._clock()),
                )
                current = stores.charges.attempt(attempt.charge_id, attempt.number)
        return current if current is not None and current.is_open else None

    def look(self, attempt: Attempt, trace: Seen) -> bool:
        """True when the attempt is final now; `seen` is told what was asked."""
        if attempt.payment_intent is not None:
            return self._apply(attempt, attempt.payment_intent, Evidence.PAYMENT_INTENT, trace)
        # First what Stripe keeps, then the key: a key that seems young may be days old, if our clock was
        # wrong when it was sent, and Stripe would take it for a new request.
        payment = self.find(attempt, trace)
        if payment is not None:
            return self._apply(attempt, *payment, trace)
        if not self._is_open(attempt):
            return True  # what was found says so: another one's payment has its key
        trace["stripe_time"] = self._gateway.answered_at
        age = self.age(attempt)
        refusal: AttemptResult | None = None
        if self._may_send_again(attempt, age, trace):
            result, intent = self._ask_again(attempt, trace)
            if result.was_executed and result.outcome is not Outcome.UNKNOWN:
                return self._answered(attempt, result, intent)
            refusal = result if result.outcome is Outcome.DECLINED else None
        if refusal is not None:
            payment = self.find(attempt, trace)
            if payment is not None:
                return self._apply(attempt, *payment, trace)
        if trace["events"] == _NOT_ASKED:
            raise OutcomeUnknown(str(trace["error"]))
        return self._concluded(attempt, age, refusal)

    def _ask_again(
        self, attempt: Attempt, trace: Seen
    ) -> tuple[AttemptResult, PaymentIntent | None]:
        result, intent = self._sender.ask(attempt)
        trace["same_key"] = result.http_status or "no answer"
        with self._uow.write() as stores:
            if result.decline.code == KEY_TAKEN:
                stores.charges.note_key_taken(attempt.charge_id, attempt.number)
            if intent is not None and not is_answer_to(attempt, intent):
                note_other_answer(stores, attempt, intent, at=epoch(self._clock()))
        return result, intent

    def _concluded(self, attempt: Attempt, age: int | None, refusal: AttemptResult | None) -> bool:
        """By what is not there; `age` as Stripe's clock says."""
        if age is None:
            return False
        if refusal is not None and age >= _LISTED_SECONDS:
            return self._record(attempt, refusal, Evidence.SAME_KEY)
        if age >= NO_TRACE_SECONDS:
            return self._record(attempt, AttemptResult(Outcome.NOT_EXECUTED), Evidence.NO_TRACE)
        return False

    def age(self, attempt: Attempt) -> int | None:
        """By Stripe's last answer; see age_of."""
        stripe_now = self._gateway.answered_at
        return age_of(attempt.sent_after, attempt.requested_at, attempt.outcome_at, stripe_now)

    def _is_open(self, attempt: Attempt) -> bool:
        with self._uow.read() as stores:
            current = stores.charges.attempt(attempt.charge_id, attempt.number)
        return current is not None and current.is_open

    def _may_send_again(self, attempt: Attempt, age: int | None, trace: Seen) -> bool:
        if age is None or age >= SAME_KEY_SECONDS or attempt.decline.code == KEY_TAKEN:
            return False
        refusal = self._resend.refusal(attempt)
        if refusal is not None:
            trace["not_sent"] = refusal
        return refusal is None

    def _answered(
        self, attempt: Attempt, result: AttemptResult, intent: PaymentIntent | None
    ) -> bool:
        """
        The same key and the same parameters: Stripe answered what it answered before, or executed
        the request now because it never arrived.
        """
        if intent is not None:
            asked_at_ms = epoch_ms(self._clock())
            with self._uow.write() as stores:
                stores.payments.save_payment_intents([intent], synced_at_ms=asked_at_ms)
        final = self._record(attempt, result, Evidence.SAME_KEY)
        self._sender.look_at_blocked(attempt, result)
        return final

    def find(self, attempt: Attempt, trace: Seen) -> tuple[str, Evidence] | None:
        """
        The PaymentIntent that the attempt made, by what Stripe keeps.

        Raises:
            GatewayError: the customer's payments cannot be asked for. Events alone need not be
                readable to find a payment; without them nothing is concluded.
        """
        try:
            intent_id = self.by_event(attempt)
            trace["events"] = "none"
        except GatewayError as error:
            intent_id = None
            trace["events"] = _NOT_ASKED
            trace["error"] = str(error)
        if intent_id is not None and not self._is_of_another(attempt, intent_id):
            return intent_id, Evidence.EVENT
        intent = self._by_metadata(attempt)
        trace["payments"] = "none" if intent is None else intent.id
        return (intent.id, Evidence.PAYMENT_INTENT) if intent is not None else None

    def by_event(self, attempt: Attempt) -> str | None:
        after: str | None = None
        for _ in range(_EVENT_PAGES):
            page = self._gateway.list_events(
                types=_EVENT_TYPES,
                created_from=attempt.requested_at - _CLOCK_MARGIN_SECONDS,
                after=after,
            )
            for event in page.items:
                if event.idempotency_key == attempt.idempotency_key and event.object_id:
                    return event.object_id
            if not page.has_more or page.last_id is None:
                return None
            after = page.last_id
        return None

    def _is_of_another(self, attempt: Attempt, intent_id: str) -> bool:
        """
        The key says which debt and which try, not whose: another installation, or a file that was lost,
        used it first, and this attempt was refused.
        """
        asked_at_ms = epoch_ms(self._clock())
        intent = self._gateway.retrieve_payment_intent(intent_id)
        ours = (attempt.charge_id, attempt.number)
        if intent.charge_id is None or (intent.charge_id, intent.attempt) == ours:
            return False
        with self._uow.write() as stores:
            record_payment_intents(
                stores, [intent], synced_at_ms=asked_at_ms, evidence=Evidence.EVENT.value
            )
            if attempt.decline.code == KEY_TAKEN:
                record_result(
                    stores,
                    attempt,
                    AttemptResult(Outcome.NOT_EXECUTED),
                    evidence=Evidence.EVENT.value,
                    at=epoch(self._clock()),
                )
        return True

    def _by_metadata(self, attempt: Attempt) -> PaymentIntent | None:
        with self._uow.read() as stores:
            charge = stores.charges.find(attempt.charge_id)
        if charge is None:
            raise LookupError(attempt.charge_id)
        ours = (attempt.charge_id, attempt.number, charge.amount, charge.currency)
        after: str | None = None
        while True:
            # All of them, as our clock may have been wrong when this was sent.
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.list_payment_intents(customer=charge.customer, after=after)
            with self._uow.write() as stores:
                # Also what others made for the same debt: beside it nothing is sent again.
                record_payment_intents(
                    stores,
                    page.items,
                    synced_at_ms=asked_at_ms,
                    evidence=Evidence.PAYMENT_INTENT.value,
                )
            for intent in page.items:
                # Metadata is copied along when somebody repeats a payment by hand.
                if (intent.charge_id, intent.attempt, intent.amount, intent.currency) == ours:
                    return intent
            if not page.has_more:
                return None
            if page.last_id is None:
                raise OutcomeUnknown("Stripe's list cannot be read to its end.")
            after = page.last_id

    def _apply(self, attempt: Attempt, intent_id: str, evidence: Evidence, trace: Seen) -> bool:
        """What the payment says now; False as long as it does not end this attempt."""
        asked_at_ms = epoch_ms(self._clock())
        intent = self._gateway.retrieve_payment_intent(intent_id)
        trace["payment_intent"], trace["status"] = intent.id, intent.status
        if evidence is Evidence.EVENT and intent.charge_id is None:
            # Somebody took our marks off it in the Dashboard. The key in the event is of this debt alone.
            intent = replace(intent, charge_id=attempt.charge_id, attempt=attempt.number)
        with self._uow.write() as stores:
            record_payment_intents(
                stores, [intent], synced_at_ms=asked_at_ms, evidence=evidence.value
            )
        return not self._is_open(attempt)

    def _record(self, attempt: Attempt, result: AttemptResult, evidence: Evidence) -> bool:
        with self._uow.write() as stores:
            record_result(stores, attempt, result, evidence=evidence.value, at=epoch(self._clock()))
        return result.outcome is not Outcome.PROCESSING

    def _drift(self) -> list[dict[str, object]]:
        """Where Stripe's PaymentIntents of our charges say something else than the ledger."""
        since = epoch(self._clock()) - _DRIFT_LOOK_BACK_SECONDS
        with self._uow.read() as stores:
            installation = stores.meta.value(INSTALLATION)
        drift: list[dict[str, object]] = []
        after: str | None = None
        while True:
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.list_payment_intents(created_from=since, after=after)
            # Another installation's payments are in its own ledger.
            ours = [
                intent
                for intent in page.items
                if intent.charge_id is not None and intent.installation in (None, installation)
            ]
            with self._uow.write() as stores:
                record_payment_intents(
                    stores,
                    ours,
                    synced_at_ms=asked_at_ms,
                    evidence=Evidence.PAYMENT_INTENT.value,
                )
                for intent in ours:
                    holder = stores.charges.by_payment_intent(intent.id)
                    attempt = attempt_of(stores, intent, holder)
                    charge = stores.charges.find(
                        attempt.charge_id if attempt else intent.charge_id or ""
                    )
                    difference = _difference(intent, attempt, charge.state if charge else None)
                    if difference is not None and not is_accepted(stores, intent.id):
                        drift.append(
                            {
                                "kind": difference,
                                "payment_intent": intent.id,
                                "charge_id": intent.charge_id,
                                "amount": intent.amount,
                                "currency": intent.currency,
                                "stripe": intent.status,
                                "onfile": charge.state.value if charge else None,
                            }
                        )
            if not page.has_more or page.last_id is None:
                return drift
            after = page.last_id


def _difference(
    intent: PaymentIntent, attempt: Attempt | None, state: ChargeState | None
) -> str | None:
    if attempt is None or state is None:
        return "not_in_ledger"
    if attempt.payment_intent not in (None, intent.id):
        return "other_payment_intent"
    at_stripe = outcome_of(intent)
    if at_stripe is Outcome.SUCCEEDED and (
        attempt.outcome is not Outcome.SUCCEEDED or state is not ChargeState.SUCCEEDED
    ):
        return "succeeded_at_stripe_only"
    if attempt.outcome is Outcome.SUCCEEDED and at_stripe is not Outcome.SUCCEEDED:
        return "succeeded_in_ledger_only"
    return None
