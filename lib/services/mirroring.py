"""
Puts what Stripe says into the mirror, and draws the conclusions that belong to it.

Webhook, return page and sync all end here. Each function takes stores of an open transaction and
the moment *before* Stripe was asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.links import LinkStatus
from lib.domain.mirror import PaymentIntent, SessionBundle
from lib.services.ledger import apply_intent
from lib.store.unit_of_work import Stores


def record_bundles(stores: Stores, bundles: Sequence[SessionBundle], *, synced_at_ms: int) -> int:
    """Save setup-mode sessions; a completed one completes its link. Returns sessions written."""
    ours = [bundle for bundle in bundles if bundle.session.mode == "setup"]
    written = stores.mirror.save_bundles(ours, synced_at_ms=synced_at_ms)
    for bundle in ours:
        session = bundle.session
        if session.link_id is None or session.status == "open":
            continue
        now = synced_at_ms // 1000
        stores.links.close_session(session.id, at=now)
        link = stores.links.find(session.link_id)
        if link is None or session.status != "complete":
            continue
        if link.status(now) is not LinkStatus.COMPLETED:
            stores.links.complete(link.id, session_id=session.id, at=now)
            stores.links.close_sessions(link.id, at=now)
            if link.charge_id is not None:
                stores.charges.note(
                    link.charge_id, attempt=None, at=now, actor="system",
                    kind="recovery_completed", detail={"link_id": link.id},
                )  # fmt: skip
    return written


def record_payment_intents(
    stores: Stores, intents: Sequence[PaymentIntent], *, synced_at_ms: int, evidence: str
) -> int:
    """Save PaymentIntents; those of our own attempts also settle or advance the ledger."""
    written = stores.payments.save_payment_intents(intents, synced_at_ms=synced_at_ms)
    for intent in intents:
        if intent.charge_id is not None and intent.attempt is not None:
            apply_intent(stores, intent, evidence=evidence, at=synced_at_ms // 1000)
    return written
