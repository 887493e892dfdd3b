"""Charges in sentences: their timeline, the evidence behind an outcome, when a retry makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from lib.domain.charges import Charge, Evidence
from lib.domain.declines import EXPLANATIONS, Reason
from lib.domain.retries import RetryRefusal
from lib.money import format_money
from lib.reports.charges import TimelineEntry
from lib.ui.formats import exact

REASONS: dict[str, str] = {
    Reason.NOT_ENOUGH_MONEY: "Not enough money",
    Reason.NEEDS_AUTHENTICATION: "Customer must confirm",
    Reason.CARD_DETAILS: "Card details out of date",
    Reason.BANK_REFUSED: "Bank refused, no reason given",
    Reason.CARD_STOPPED: "Card must not be charged again",
    Reason.NOT_SUPPORTED: "Card does not support this",
    Reason.TRY_LATER: "Bank not reachable",
    Reason.STRIPE_BLOCKED: "Stopped by Stripe's risk rules",
    Reason.POSSIBLE_DUPLICATE: "Possible duplicate",
    Reason.OUR_DATA: "Our data was not accepted",
    Reason.OUTCOME_UNKNOWN: "Outcome not known",
}

# How we know, as the end of a sentence.
_EVIDENCE: dict[str, str] = {
    Evidence.REPLY: "Stripe said so at once.",
    Evidence.SAME_KEY: (
        "Onfile asked Stripe again with the same key, which cannot charge twice, and Stripe "
        "repeated its answer."
    ),
    Evidence.EVENT: "Stripe's event log has an entry for exactly this try.",
    Evidence.PAYMENT_INTENT: "Stripe's own record of the payment says so.",
    Evidence.TWO_PEOPLE: "Settled by two people, without evidence.",
    Evidence.NO_TRACE: "A day later Stripe had no trace of it.",
    "no_reply": "No answer arrived.",
}
_OUTCOMES: dict[str, str] = {
    "succeeded": "Charged {money}.",
    "processing": "The bank is processing it. Not a failure; the result comes in a few days.",
    "declined": "Declined. No money moved.",
    "needs_customer": "The bank wants the customer to confirm. No money moved.",
    "unknown": "The outcome is not known. Onfile started to find out.",
    "not_executed": "Never executed. No money moved, and it may be charged again.",
    "cancelled": "{actor} cancelled the charge. The reference is free again.",
    "refund_requested": "{actor} asked for a refund of {back}: {note}.",
    "refund_withdrawn": "{actor} took the refund back before it was decided.",
    "refund_approved": "{actor} approved the refund of {back}.",
    "refund_rejected": "{actor} rejected the refund of {back}.",
    "refund_unknown": "The answer about the refund got lost. Onfile started to find out.",
    "refund_pending": "Stripe accepted the refund of {back}. The bank takes some days.",
    "refund_succeeded": "Gave {back} back.",
    "refund_failed": "The bank did not take the refund of {back}. The customer has not got it.",
    "refund_refused": "Stripe did not accept the refund. Nothing was given back.",
    "refund_not_executed": "The refund was never executed. Nothing was given back.",
    "manual_outcome_proposed": "{actor} proposed to settle this by hand: {note}.",
    "manual_outcome_withdrawn": "{actor} took the proposal back.",
    "manual_outcome_approved": "{actor} agreed to settle this by hand.",
    "manual_outcome_rejected": "{actor} rejected the proposal.",
    "manual_outcome_overtaken": "Onfile found out by itself, so the proposal ended.",
    "new_card_not_charged": "The new card was not charged by itself: {note}",
    "recovery_completed": "The customer used the recovery link and saved another method.",
}
# Kinds that no evidence stands behind.
_WITHOUT_EVIDENCE = ("unknown", "cancelled", "recovery_completed")


@dataclass(frozen=True, slots=True)
class Names:
    """Names for ids, from one read each."""

    people: Mapping[str, str]
    methods: Mapping[str, str]

    def person(self, username: str) -> str:
        return "Onfile" if username == "system" else self.people.get(username, username)

    def method(self, method_id: object) -> str:
        return self.methods.get(str(method_id), "a saved method")


def sentence(entry: TimelineEntry, charge: Charge, names: Names) -> str:
    """Plain text; escape it in Markdown."""
    money = format_money(charge.amount, charge.currency)
    actor = names.person(entry.actor)
    if entry.kind == "sent":
        method = names.method(entry.detail.get("payment_method"))
        again = f" again, try {entry.attempt}" if (entry.attempt or 1) > 1 else ""
        return f"{actor} sent a charge of {money} on {method}{again}."
    outcome = _OUTCOMES.get(entry.kind, entry.kind.replace("_", " ").capitalize() + ".")
    evidence = _EVIDENCE.get(str(entry.detail.get("evidence")), "")
    detail = entry.detail
    back = detail.get("amount")
    text = outcome.format(
        money=money,
        actor=actor,
        back=format_money(back, charge.currency) if isinstance(back, int) else "",
        note=str(detail.get("note") or detail.get("reason") or detail.get("why") or "").rstrip("."),
    )
    return text if entry.kind in _WITHOUT_EVIDENCE or not evidence else f"{text} {evidence}"


def looks(looks: int) -> str:
    """What was looked at for an unknown outcome so far."""
    if looks == 0:
        return "Not looked at yet"
    times = {1: "once", 2: "twice"}.get(looks, f"{looks} times")
    return f"Asked {times}: same key, event log, the customer's payments"


def why_not_now(refusal: RetryRefusal, timezone: tzinfo) -> str:
    """Why a method cannot be charged again now, and when it can."""
    if refusal.not_before is not None:
        return f"not before {exact(refusal.not_before, timezone)}"
    if refusal.code == "too_many_attempts":
        return refusal.message
    return "must not be tried again for this charge"


def reason(code: str) -> str:
    return REASONS.get(code, "")


def next_step(code: str) -> str:
    known = next((value for value in Reason if value == code), None)
    return EXPLANATIONS[known].next_step if known else ""
