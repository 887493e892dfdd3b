"""Whether the file that a transaction is in is the one that was verified before."""

from __future__ import annotations

from lib.store.anchor import AuditHead
from lib.store.meta import BEHIND
from lib.store.stores import Stores


def is_behind(stores: Stores, anchored: AuditHead | None) -> bool:
    """
    Whether the ledger counts as behind, or the file is another than the anchor's: one may have been put in its
    place since the ledger was verified. Asked in each transaction that claims money.

    Args:
        anchored: where the audit log ended by the anchor, read before the transaction or in it.
    """
    return not stores.audit.holds(anchored) or stores.meta.value(BEHIND) is not None
