"""Rows of totals: one finding says so, in the place of all that a total lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lib.domain.files.row_errors import RowError
from lib.domain.files.row_orders import RowOrder
from lib.domain.files.row_words import names_a_total
from lib.domain.runs import Severity

_CODES = frozenset({"row_is_total", "row_total_mentioned"})
_WITHOUT_A_DEBTOR = frozenset({"customer_missing", "reference_missing"})


def as_total(
    order: RowOrder, errors: Sequence[RowError], its_sum: RowError | None
) -> tuple[RowOrder, list[RowError]]:
    """
    The row, and what is to be said of it.

    Args:
        errors: what its words say.
        its_sum: that its amount is the sum of rows beside it.
    """
    word = next((one for one in errors if one.code in _CODES), None)
    if word is not None and word.severity is Severity.RED:
        total = word
    elif its_sum is None:
        return order, list(errors)
    elif word is not None or {one.code for one in order.errors} >= _WITHOUT_A_DEBTOR:
        message = f"This looks like a total: {its_sum.message.partition(':')[0]}."
        total = RowError(order.number, "amount", "row_is_total", message)
    else:
        return order, [*errors, its_sum]
    others = [one for one in errors if one.code not in _CODES]
    customer = "" if names_a_total(order.customer) else order.customer
    return replace(order, customer=customer, errors=(), warnings=()), [total, *others]
