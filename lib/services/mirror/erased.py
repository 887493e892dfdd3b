"""Comparisons with Stripe leave out what is not here because a person was erased."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.erasure import PERSONAL_FIELDS
from lib.domain.verification import Difference
from lib.store.unit_of_work import UnitOfWork


def without_erased(uow: UnitOfWork, differing: Sequence[Difference]) -> list[Difference]:
    if not differing:
        return []
    with uow.read() as stores:
        erased = stores.erasures.of(one.id for one in differing)
    return [
        one
        for one in differing
        if one.id not in erased or not one.fields or not PERSONAL_FIELDS.issuperset(one.fields)
    ]
