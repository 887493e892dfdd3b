"""A charge as pages and JSON show it, in one shape: the charge object of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.domain import waiting_charges
from lib.domain.actors import Actor, Permission
from lib.domain.charges import RETRYABLE_STATES, Attempt, Charge, ChargeState, Outcome
from lib.domain.declines import Failure, Reason, explain, never_executed
from lib.domain.incidents import Incident
from lib.domain.links import LinkStatus, SetupLink
from lib.domain.mirror import Decline
from lib.domain.runs import Finding
from lib.services.charges.admit import refusals_of
from lib.store.stores import Stores

_TOO_SMALL = (
    "The sum is worth less than Stripe charges at least: about half a US dollar once it is turned into "
    "the account's own currency. Collect it together with something else that is owed."
)


@dataclass(frozen=True, slots=True)
class ChargeView:
    charge: Charge
    attempts: tuple[Attempt, ...]
    failure: Failure | None
    """Why the newest attempt failed, or that its outcome is unknown."""
    recovery_link: SetupLink | None
    recovery_url: str | None
    incident: Incident | None = None
    """What should not be about its payment, until that is settled."""
    waits: bool = False
    """An approved charge that waits until the customer saves a card by its link."""
    refusal: Finding | None = None
    """Why nothing may be charged for its debt any more, though this failed."""

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def what_happened(self) -> str | None:
        """Why it failed, in words for staff; None when there is no failure."""
        if self.failure is None or self.last is None:
            return None
        if self.last.outcome is Outcome.NOT_EXECUTED:
            return {
                401: "Stripe did not accept our key. Nothing was sent to the bank.",
                403: f"Our Stripe key lacks a permission. Nothing was sent to the bank. {self.last.decline.message or ''}",
                429: "Stripe was too busy to take the charge. Nothing was sent to the bank.",
            }.get(
                self.last.http_status or 0,
                "Stripe has no trace of this try: it did not happen, and no money moved.",
            ).strip()
        if self.last.decline.code == "amount_too_small":
            return f"{_TOO_SMALL} Stripe says: {self.last.decline.message or 'amount too small'}"
        if self.failure.reason is Reason.OUR_DATA and self.last.decline.message:
            return f"{self.failure.explanation.staff} {self.last.decline.message}"
        return self.failure.explanation.staff

    @property
    def next_step(self) -> str | None:
        if self.failure is None or self.last is None:
            return None
        if self.refusal is not None:
            return self.refusal.message
        if self.last.outcome is Outcome.NOT_EXECUTED and self.last.http_status in (401, 403):
            return "Ask an admin to check the Stripe key (see Settings), then charge again."
        return self.failure.explanation.next_step

    def seen_by(self, by: Actor) -> ChargeView:
        """Without the open recovery link, with which anybody saves a card, for whoever makes no links."""
        if by.may(Permission.MANAGE_LINKS):
            return self
        return replace(self, recovery_link=None, recovery_url=None)

    def as_json(self, *, by: Actor) -> dict[str, object]:
        """
        The charge object of the contract as this person sees it; amounts in minor units. For staff: its
        codes are Stripe's own, also those of `declines.SECRET_CODES`, which no customer may read.
        """
        url, last = self.seen_by(by).recovery_url, self.last
        failure = _why_it_waits(url) if self.waits else None
        if self.failure is not None and last is not None:
            failure = {
                "code": last.decline.code,
                "decline_code": last.decline.decline_code,
                "advice_code": last.decline.advice_code,
                "reason": self.failure.reason.value,
                "message": self.what_happened,
                "next_step": self.next_step,
                "retry_allowed": self.failure.retry_allowed and self.refusal is None,
                "retry_not_before": self.failure.retry_not_before,
                "recovery_url": url,
                "request_id": last.request_id,
            }
        return {
            "charge_id": self.charge.id,
            "reference": self.charge.reference,
            "customer": self.charge.customer,
            "payment_method": self.charge.payment_method or None,
            "amount": self.charge.amount,
            "currency": self.charge.currency,
            "state": self.charge.state.value,
            "payment_intent": last.payment_intent if last else None,
            "attempts": len(self.attempts),
            "failure": failure,
        }


def view_of(stores: Stores, charge_id: str, *, public_url: str, now: int) -> ChargeView | None:
    return views_of(stores, [charge_id], public_url=public_url, now=now).get(charge_id)


def views_of(
    stores: Stores, charge_ids: Sequence[str], *, public_url: str, now: int
) -> dict[str, ChargeView]:
    """By charge; what does not exist is left out."""
    charges = stores.charges.many(charge_ids)
    attempts = stores.charges.attempts_of_many(charge_ids)
    links = stores.links.open_recoveries_of(charge_ids)

    incidents = {one.charge_id: one for one in stores.incidents.open_of_charges(charge_ids)}
    failed = [one for one in charges.values() if one.state in RETRYABLE_STATES]
    refusals = refusals_of(stores, failed)
    waits = stores.waiting_charges.still(charge_ids)

    def view(charge: Charge) -> ChargeView:
        tries = tuple(attempts.get(charge.id, ()))
        link = links.get(charge.id)
        if link is not None and link.status(now) is not LinkStatus.OPEN:
            link = None
        return ChargeView(
            charge=charge,
            attempts=tries,
            failure=failure_of(charge, tries[-1]) if tries else None,
            recovery_link=link,
            recovery_url=f"{public_url}/l/{link.token}" if link else None,
            incident=incidents.get(charge.id),
            waits=charge.id in waits,
            refusal=refusals.get(charge.id),
        )

    return {charge_id: view(charge) for charge_id, charge in charges.items()}


def failure_of(charge: Charge, attempt: Attempt) -> Failure | None:
    at = attempt.outcome_at or attempt.requested_at
    if charge.state is ChargeState.UNKNOWN:
        return explain(Decline(code="outcome_unknown"), http_status=None, at=at)
    if attempt.outcome is Outcome.NOT_EXECUTED and charge.state is ChargeState.PLANNED:
        # Nothing happened, so the same may be charged again at once.
        return Failure(never_executed(attempt.http_status), True, None)
    if attempt.outcome in (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER):
        return explain(attempt.decline, http_status=attempt.http_status, at=at)
    return None


def _why_it_waits(recovery_url: str | None) -> dict[str, object]:
    """In the place of a failure: nothing failed, and nothing is tried before the card is there."""
    return {
        "code": waiting_charges.CODE,
        "decline_code": None,
        "advice_code": None,
        "reason": waiting_charges.CODE,
        "message": waiting_charges.IN_WORDS,
        "next_step": waiting_charges.NEXT_STEP,
        "retry_allowed": False,
        "retry_not_before": None,
        "recovery_url": recovery_url,
        "request_id": None,
    }
