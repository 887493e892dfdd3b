"""
Charges a saved payment method off-session: what `claim` writes down is sent once and recorded.

Whatever dies in between leaves a row that says so, and `resolve` finds out what happened.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import RETRYABLE_STATES, Attempt
from lib.errors import NotFound, OutcomeUnknown, ReviewChanged, StaleState
from lib.money import Money
from lib.services.charges.admit import must_be_opened
from lib.services.charges.cancel_intents import IntentCanceller
from lib.services.charges.claim import claim_attempt
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.review import Review, ReviewService, attempts_of
from lib.services.charges.send import ChargeSender
from lib.services.charges.view import ChargeView, view_of
from lib.services.continuity.completeness import Completeness
from lib.services.ledger.attempts import give_up
from lib.store.unit_of_work import UnitOfWork


class ChargeService:
    def __init__(
        self,
        uow: UnitOfWork,
        reviews: ReviewService,
        sender: ChargeSender,
        canceller: IntentCanceller,
        completeness: Completeness,
        *,
        clock: Clock,
        livemode: bool,
        public_url: str,
    ) -> None:
        self._uow = uow
        self.reviews = reviews
        self.sender = sender
        self.canceller = canceller
        self._completeness = completeness
        self._clock = clock
        self._livemode = livemode
        self._public_url = public_url

    def view(self, charge_id: str) -> ChargeView:
        """
        Raises:
            NotFound: no such charge.
        """
        with self._uow.read() as stores:
            view = view_of(stores, charge_id, public_url=self._public_url, now=epoch(self._clock()))
        if view is None:
            raise NotFound("There is no such charge.")
        return view

    def review(self, order: ChargeOrder, *, by: Actor) -> Review:
        """See ReviewService.review: everything known before the money moves."""
        return self.reviews.review(order, by=by)

    def charge(
        self,
        order: ChargeOrder,
        *,
        by: Actor,
        seen: str | None = None,
    ) -> ChargeView:
        """
        Charge now. Returns the charge in whatever state it reached; a decline is no exception.

        Args:
            seen: the fingerprint of the review that a person agreed to. What they read includes
                the number of tries, so a double click or a second tab sends nothing twice.

        Raises:
            ReviewChanged: what the person read is no longer true.
            NotAdmitted: a person may open it, and did not.
            AlreadyCharged, Blocked, InvalidInput, NotFound, NotPermitted, StaleState
            OutcomeUnknown: it was sent, and the answer could not be written down.
            GatewayError: a check before the charge could not be made; no charge was sent.
        """
        by.must(Permission.CHARGE)
        order = self.reviews.meant(order)
        self._completeness.verify()
        with self._uow.read() as stores:
            earlier_attempts = attempts_of(stores, order)
        review = self.reviews.review(order, by=by)
        if seen not in (None, review.fingerprint):
            raise ReviewChanged(review)
        must_be_opened(review.stopped, order)
        self._completeness.read_customer(order.customer)
        order = replace(review.order, attempt=order.attempt or review.last_number + 1)
        # Also those of another sum: they are tries to collect the same debt.
        for charge_id, attempts in earlier_attempts.items():
            self.canceller.cancel_tries(charge_id, attempts)
        with self._uow.write() as stores:
            attempt = claim_attempt(
                stores,
                order,
                review.method,
                earlier_attempts=earlier_attempts,
                by=by,
                now=epoch(self._clock()),
                stripe_time=self.sender.stripe_time,
                livemode=self._livemode,
                anchored=self._uow.anchor.head(),
            )
        return self._sent(attempt)

    def order_again(
        self, charge_id: str, *, payment_method: str | None = None, attempt: int | None = None
    ) -> ChargeOrder:
        """
        What a try again asks for: the same debt, perhaps on another method.

        `attempt` is the number of the try that the person asked for; see ChargeOrder.
        """
        charge = self.view(charge_id).charge
        return ChargeOrder(
            customer=charge.customer,
            money=Money(charge.amount, charge.currency),
            reference=charge.reference,
            payment_method=payment_method,
            description=charge.description,
            attempt=attempt,
        )

    def cancel(self, charge_id: str, *, by: Actor) -> ChargeView:
        """Give up a charge that is not in flight, paid or unknown; the reference becomes free."""
        by.must(Permission.CHARGE)
        now = epoch(self._clock())
        view = self.view(charge_id)
        if view.charge.state not in RETRYABLE_STATES:
            raise StaleState("This charge can no longer be cancelled. Reload to see its state.")
        self.canceller.cancel_tries(charge_id, view.attempts)
        with self._uow.write() as stores:
            attempts = stores.charges.attempts(charge_id)
            if len(attempts) != len(view.attempts) or not give_up(
                stores, charge_id, before=view.charge.state, by=by.username, at=now
            ):
                raise StaleState("This charge changed a moment ago. Reload to see its state.")
            stores.audit.record(
                at=now, actor=by.username, action="charge.cancel", subject=charge_id, detail={}
            )
        return self.view(charge_id)

    def _sent(self, attempt: Attempt) -> ChargeView:
        """
        Phases 2 and 3.

        Raises:
            OutcomeUnknown: see `charge`.
        """
        try:
            result = self.sender.send(attempt)
            self.sender.look_at_blocked(attempt, result)
            return self.view(attempt.charge_id)
        except sqlite3.Error as error:
            raise OutcomeUnknown(
                "Stripe was asked, but its answer could not be written down. Onfile finds out by itself; do not charge this in another way."
            ) from error
