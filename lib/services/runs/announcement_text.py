"""The text in which a payer reads of the rows that are announced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from lib.domain.announcements import AnnouncedRow
from lib.languages import Words
from lib.services.messages import cards
from lib.store.stores import Stores
from lib.wording import messages as wording
from lib.wording.catalogues import day_in_full
from lib.wording.messages import Owed


def fields_of(
    stores: Stores, rows: Sequence[AnnouncedRow], on: date, *, answer: str
) -> Callable[[Words], Mapping[str, str]]:
    """
    The fields of the message, in a language.

    Args:
        answer: the address of the page on which the payer can answer.
    """
    methods = [stores.mirror.payment_method(row.payment_method) for row in rows]

    def fields(say: Words) -> Mapping[str, str]:
        owed = [Owed(row.reference, row.amount, row.currency, None) for row in rows]
        named = [cards.named(one, say) if one else "" for one in methods]
        return {
            "day": day_in_full(on, say.language),
            "charges": wording.charges(list(zip(owed, named, strict=True)), say),
            "total": wording.total(owed, say),
            "answer": answer,
        }

    return fields
