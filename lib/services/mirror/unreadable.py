"""Objects at Stripe that the mirror cannot take: each is an incident, and keeps no other waiting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.domain.incidents import UNREADABLE
from lib.ids import new_id
from lib.services.mirror.result import SyncResult
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.lists import Unreadable


def note_unreadable(stores: Stores, objects: Iterable[Unreadable], *, at: int) -> list[str]:
    """Open an incident about each, unless one is open; returns a sentence for each."""
    sentences = []
    for one in objects:
        details = {"type": one.type, "why": one.why}
        stores.incidents.add(new_id("inc"), kind=UNREADABLE, subject=one.id, details=details, at=at)
        sentences.append(f"The {one.type.replace('_', ' ')} {one.id} could not be read: {one.why}.")
    return sentences


def tell(uow: UnitOfWork, result: SyncResult, objects: Sequence[Unreadable], *, at: int) -> None:
    """The same in a transaction of its own, and in what the sync says."""
    if objects:
        with uow.write() as stores:
            result.unreadable += note_unreadable(stores, objects, at=at)
