"""Marks at Stripe that no attempt here stands for: the sign that this database is an older one."""

from __future__ import annotations

from lib.domain.mirror import PaymentIntent
from lib.store.meta import BEHIND, INSTALLATION
from lib.store.unit_of_work import Stores


def note_unknown_mark(stores: Stores, intent: PaymentIntent, *, at: int) -> None:
    """
    A payment with this installation's marks and no attempt here: the ledger is behind Stripe.

    An attempt is committed before its request leaves, so the file is an older one (docs/decisions/008).
    """
    if intent.charge_id is None or intent.attempt is None:
        return
    if intent.installation not in (None, stores.meta.value(INSTALLATION)):
        return
    if stores.charges.attempt(intent.charge_id, intent.attempt) is not None:
        return
    if stores.meta.value(BEHIND) is not None or stores.incidents.about(intent.id):
        return
    stores.meta.set(BEHIND, str(at))
    stores.audit.record(
        at=at,
        actor="system",
        action="ledger.behind",
        subject=intent.id,
        detail={
            "charge": intent.charge_id,
            "attempt": intent.attempt,
            "amount": intent.amount,
            "currency": intent.currency,
            "reference": intent.reference,
        },
    )
