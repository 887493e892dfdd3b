"""
Puts what Stripe says into the mirror, and draws the conclusions that belong to it.

Webhook, return page and sync all end here. Each function takes stores of an open transaction and
the moment *before* Stripe was asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lib.domain.charges import Evidence
from lib.domain.links import LinkStatus, was_tried
from lib.domain.mirror import Customer, PaymentIntent, SessionBundle, SetupIntentBundle
from lib.services.ledger.incidents import close_cancelled, close_refunded
from lib.services.ledger.intents import apply_intent
from lib.services.ledger.refunds import apply_refund
from lib.services.ledger.unexpected import (
    note_unknown_links,
    note_unknown_mark,
    note_unknown_refund,
)
from lib.services.mirror.holds import read_holds
from lib.store.stores import Stores


def record_bundles(stores: Stores, bundles: Sequence[SessionBundle], *, synced_at_ms: int) -> int:
    """Save setup-mode sessions; a completed one completes its link. Returns sessions written."""
    ours = [bundle for bundle in bundles if bundle.session.mode == "setup"]
    written = stores.mirror.save_bundles(ours, synced_at_ms=synced_at_ms)
    now = synced_at_ms // 1000
    ended = {
        bundle.session.id: bundle.session.link_id
        for bundle in ours
        if bundle.session.link_id is not None and bundle.session.status != "open"
    }
    stores.link_sessions.close_these(list(ended), at=now)
    # Most sessions of a whole account are of links that another installation made.
    links = [bundle.session.link_id for bundle in ours if bundle.session.link_id is not None]
    known = stores.links.existing(links)
    stores.mirror.keep_pages(
        [
            bundle.session
            for bundle in ours
            if bundle.session.page_params is not None and bundle.session.status != "expired"
        ]
    )
    note_unknown_links(
        stores,
        [
            bundle.session
            for bundle in ours
            if bundle.session.link_id is not None and bundle.session.link_id not in known
        ],
        at=now,
    )
    for bundle in ours:
        session = bundle.session
        if session.link_id in known and was_tried(bundle.setup_intent):
            stores.links.mark_started(session.link_id, at=now)
        if session.status == "complete" and session.link_id in known:
            # Of each page: two of one link may be open at once, and a customer finish both.
            agreed_at = _agreed_at(bundle) or now
            stores.agreements.keep(session.link_id, session.id, at=agreed_at)
            _complete_link(stores, session.link_id, session.id, at=now)
    return written


def _complete_link(stores: Stores, link_id: str, session_id: str, *, at: int) -> None:
    link = stores.links.find(link_id)
    if link is None or link.status(at) is LinkStatus.COMPLETED:
        return
    stores.links.complete(link.id, session_id=session_id, at=at)
    stores.links.mark_started(link.id, at=at)
    stores.link_sessions.close(link.id, at=at)
    if link.charge_id is not None:
        stores.charges.note(
            link.charge_id,
            attempt=None,
            at=at,
            actor="system",
            kind="recovery_completed",
            detail={"link_id": link.id},
        )


def _agreed_at(bundle: SessionBundle) -> int | None:
    """When the customer was done, which may be read days later: their method was made then."""
    method = bundle.payment_method
    if method is None or method.created < bundle.session.created:
        return None
    return method.created


def record_payment_intents(
    stores: Stores, intents: Sequence[PaymentIntent], *, synced_at_ms: int, evidence: str
) -> int:
    """
    Save PaymentIntents of customers; those of our own attempts also settle or advance the ledger.
    """
    intents = [intent for intent in intents if is_ours("payment_intents", intent)]
    written = stores.payments.save_payment_intents(intents, synced_at_ms=synced_at_ms)
    charges = [intent.charge for intent in intents if intent.charge and intent.charge.customer]
    stores.payments.save_charges(charges, synced_at_ms=synced_at_ms)
    for intent in intents:
        if intent.charge_id is not None and intent.attempt is not None:
            apply_intent(stores, intent, evidence=evidence, at=synced_at_ms // 1000)
            note_unknown_mark(stores, intent, at=synced_at_ms // 1000)
    cancelled = [intent.id for intent in intents if intent.status == "canceled"]
    if cancelled:
        close_cancelled(stores, cancelled, at=synced_at_ms // 1000)
    return written


def record_customers(stores: Stores, customers: Sequence[Customer], *, synced_at_ms: int) -> int:
    """Save customers, and what their metadata say of the do-not-charge switch."""
    written = stores.mirror.save_customers(customers, synced_at_ms=synced_at_ms)
    read_holds(stores, customers, asked_at_ms=synced_at_ms)
    return written


def record_setup_intents(
    stores: Stores, bundles: Sequence[SetupIntentBundle], *, synced_at_ms: int
) -> int:
    methods = [bundle.payment_method for bundle in bundles if bundle.payment_method]
    tried = [bundle.setup_intent.id for bundle in bundles if was_tried(bundle.setup_intent)]
    stores.links.mark_tried(tried, at=synced_at_ms // 1000)
    stores.mirror.save_payment_methods(methods, synced_at_ms=synced_at_ms)
    return stores.mirror.save_setup_intents(
        [bundle.setup_intent for bundle in bundles], synced_at_ms=synced_at_ms
    )


def record_payments(stores: Stores, type_: str, items: Sequence[Any], *, synced_at_ms: int) -> int:
    """
    Save PaymentIntents, Charges, Refunds or Disputes of customers.

    Payments without a customer were made by other programs, for people who are none of ours. A refund
    or dispute changes what its charge says, which may be of any age: it comes along with them.
    """
    ours = [item for item in items if is_ours(type_, item)]
    if type_ in ("refunds", "disputes"):
        charges = [item.of for item in ours if item.of is not None]
        stores.payments.save_charges(charges, synced_at_ms=synced_at_ms)
    match type_:
        case "payment_intents":
            return record_payment_intents(
                stores, ours, synced_at_ms=synced_at_ms, evidence=Evidence.PAYMENT_INTENT.value
            )
        case "charges":
            return stores.payments.save_charges(ours, synced_at_ms=synced_at_ms)
        case "refunds":
            for refund in items:
                apply_refund(stores, refund, at=synced_at_ms // 1000)
                note_unknown_refund(stores, refund, at=synced_at_ms // 1000)
            written = stores.payments.save_refunds(ours, synced_at_ms=synced_at_ms)
            payments = {refund.payment_intent for refund in ours if refund.payment_intent}
            close_refunded(stores, payments, at=synced_at_ms // 1000)
            return written
        case "disputes":
            return stores.payments.save_disputes(ours, synced_at_ms=synced_at_ms)
    raise ValueError(type_)


def record_listed(
    stores: Stores,
    type_: str,
    items: Sequence[Any],
    *,
    synced_at_ms: int,
    counted: Collection[str] = (),
) -> dict[str, int]:
    """
    Save a page of any type that is listed by time; returns rows written by type.

    Args:
        counted: types that were read before in the same run, so that what came along with them by
            expansion is not counted again.
    """
    match type_:
        case "checkout_sessions":
            ours = [bundle for bundle in items if is_ours(type_, bundle)]
            return {
                "checkout_sessions": record_bundles(stores, ours, synced_at_ms=synced_at_ms),
                "setup_intents": sum(bundle.setup_intent is not None for bundle in ours),
                "payment_methods": sum(bundle.payment_method is not None for bundle in ours),
            }
        case "setup_intents":
            record_setup_intents(stores, items, synced_at_ms=synced_at_ms)
            new = {bundle.setup_intent.id for bundle in items}
            if "checkout_sessions" in counted:
                new -= stores.mirror.setup_intents_with_session(sorted(new))
            return {
                "setup_intents": len(new),
                "payment_methods": sum(
                    bundle.payment_method is not None and bundle.setup_intent.id in new
                    for bundle in items
                ),
            }
        case "customers":
            return {"customers": record_customers(stores, items, synced_at_ms=synced_at_ms)}
    return {type_: record_payments(stores, type_, items, synced_at_ms=synced_at_ms)}


def is_ours(type_: str, item: Any) -> bool:  # noqa: ANN401 - one of the mirror's classes
    """Whether an object of this type belongs into the mirror at all."""
    if type_ == "checkout_sessions":
        return bool(item.session.mode == "setup")
    if type_ == "payment_intents":
        return item.customer is not None or item.charge_id is not None
    if type_ == "refunds":
        return item.customer is not None or item.order_id is not None
    if type_ in ("charges", "disputes"):
        return item.customer is not None
    return True
