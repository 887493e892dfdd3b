"""Charges in sentences: their timeline, the evidence behind an outcome, when a retry makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from lib.domain.actors import HOST
from lib.domain.charges import Charge, Evidence
from lib.domain.declines import EXPLANATIONS, Reason
from lib.domain.resolutions import LookResult
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

# For a narrow cell.
SHORT_REASONS: dict[str, str] = {
    Reason.NOT_ENOUGH_MONEY: "Not enough money",
    Reason.NEEDS_AUTHENTICATION: "Must confirm",
    Reason.CARD_DETAILS: "Card out of date",
    Reason.BANK_REFUSED: "Bank refused",
    Reason.CARD_STOPPED: "Never charge again",
    Reason.NOT_SUPPORTED: "Not supported",
    Reason.TRY_LATER: "Bank not reachable",
    Reason.STRIPE_BLOCKED: "Stripe's risk rules",
    Reason.POSSIBLE_DUPLICATE: "Maybe a duplicate",
    Reason.OUR_DATA: "Data not accepted",
    Reason.OUTCOME_UNKNOWN: "Not known",
}

LOOKED: dict[LookResult, str] = {
    LookResult.NO_ANSWER: "Stripe has no answer yet. Onfile looks again by itself.",
    LookResult.NOT_ASKED: "Stripe could not be asked now. Onfile looks again by itself.",
}
"""Of a look that did not end it."""

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
    "not_executed": "It did not happen. No money moved, and it may be charged again.",
    "cancel_payment": "{actor} asked Stripe to cancel the open payment {payment}: {note}.",
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
    "refund_not_executed": "The refund did not happen. Nothing was given back.",
    "refund_outcome_proposed": "{actor} proposed to settle the refund of {back} by hand: {note}.",
    "refund_outcome_withdrawn": "{actor} took the proposal for the refund back.",
    "refund_outcome_approved": "{actor} agreed to settle the refund of {back} by hand.",
    "refund_outcome_rejected": "{actor} rejected the proposal for the refund.",
    "refund_outcome_overtaken": "Onfile found out by itself what became of the refund, so the proposal ended.",
    "manual_outcome_proposed": "{actor} proposed to settle this by hand: {note}.",
    "manual_outcome_withdrawn": "{actor} took the proposal back.",
    "manual_outcome_approved": "{actor} agreed to settle this by hand.",
    "manual_outcome_rejected": "{actor} rejected the proposal.",
    "manual_outcome_overtaken": "Onfile found out by itself, so the proposal ended.",
    "adopted": "{actor} took a payment that stands at Stripe as this charge's own: {payment}.",
    "surplus_adopted": "{actor} wrote down a second payment of the debt, to be given back: {payment}.",
    "incident_settled": "{actor} settled the incident {incident}: {note}.",
    "incident_taken_up": "{actor} wrote down the payment of the incident, to be given back: {payment}.",
    "incident_refund_requested": "{actor} asked for the payment of the incident back: {note}.",
    "incident_cancel_payment": "{actor} asked Stripe to cancel the payment of the incident: {note}.",
    "incident_proposed": "{actor} proposed how to settle the incident: {note}.",
    "incident_withdrawn": "{actor} took the proposal for the incident back.",
    "incident_approved": "{actor} agreed how to settle the incident.",
    "incident_rejected": "{actor} rejected the proposal for the incident.",
    "incident_approve_refused": "{actor} was not allowed to settle the incident.",
    "incident_reject_refused": "{actor} was not allowed to reject the proposal.",
    "waits_for_card": "{actor} executed it without a card: it waits until the customer saves one by its link.",
    "wait_ended": "It stopped waiting for a card: {note}.",
    "new_card_not_charged": "The new card was not charged by itself: {note}",
    "recovery_completed": "The customer used the recovery link and saved another method.",
}
# Kinds that no evidence stands behind.
_WITHOUT_EVIDENCE = ("unknown", "cancelled", "recovery_completed", "waits_for_card", "wait_ended")


@dataclass(frozen=True, slots=True)
class Names:
    """Names for ids, from one read each."""

    people: Mapping[str, str]
    methods: Mapping[str, str]

    def person(self, username: str) -> str:
        if username == HOST.username:
            return HOST.name
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
        payment=str(detail.get("payment_intent") or ""),
        incident=str(detail.get("incident") or ""),
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


def look_lines(seen: Mapping[str, Any]) -> list[str]:
    """What the last look at an unanswered charge or refund asked and found, a line each."""
    lines = []
    if "error" in seen:
        lines.append(f"Stripe could not be asked: {seen['error']}")
    if "same_key" in seen:
        answer = seen["same_key"]
        reply = f"answered {answer}" if isinstance(answer, int) else "gave no answer"
        twice = "give back twice" if "refunds" in seen else "charge twice"
        lines.append(f"Asked again with the same key, which cannot {twice}: Stripe {reply}.")
    elif "not_sent" in seen:
        lines.append(f"Not asked again with the same key: {seen['not_sent']}")
    elif "payment_intent" in seen:
        status = str(seen["status"]).replace("_", " ")
        lines.append(
            f"Stripe holds the payment {seen['payment_intent']}: {status}. Cancel it here, or "
            "complete it in the Stripe Dashboard; Onfile then sees by itself how it ended."
        )
    elif "error" not in seen:
        lines.append("The key is too old to ask with it again: Stripe may have forgotten it.")
    if seen.get("events") == "none":
        lines.append("Stripe's event log: nothing with this key.")
    if seen.get("payments") == "none":
        lines.append("The customer's payments at Stripe: none with this charge's mark.")
    if seen.get("refunds") == "none":
        lines.append("The payment's refunds at Stripe: none with this order's mark.")
    return lines


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
