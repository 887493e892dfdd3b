"""Rows of files that were corrected, and what is charged for them."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.charges import COMMITTED_STATES, Charge
from lib.domain.reference_keys import reference_key
from lib.store.charge_rows import charge_of
from lib.store.slices import THESE, in_slices
from lib.store.states import one_of


def charged_for_corrected_rows(
    database: Database, ids: list[str]
) -> dict[tuple[str, str], list[Charge]]:
    """
    What is charged for rows that were corrected, by what their files say; and what is charged of what the
    files say, by what it was corrected to. Not where the same run has a row of its own for it.
    """
    charges: dict[tuple[str, str], list[Charge]] = {}
    pairs = (
        ("w.file_customer", "w.original ->> '$.reference'", "w.customer", "w.reference"),
        ("w.customer", "w.original ->> '$.reference'", "w.customer", "w.reference"),
        ("w.customer", "w.reference", "w.file_customer", "w.original ->> '$.reference'"),
    )
    for whose, of_what, charged, reference in pairs:
        for row in in_slices(
            database,
            f"""SELECT {whose} AS whose, {of_what} AS of_what, h.* FROM run_rows w
                CROSS JOIN charges h ON h.customer = {charged} AND h.reference = {reference}
                    AND h.state IN {one_of(COMMITTED_STATES)}
                WHERE {whose} IN {THESE} AND w.original IS NOT NULL
                    AND ({whose} <> {charged} OR {of_what} <> {reference})
                    AND NOT EXISTS (SELECT 1 FROM run_rows o
                        WHERE o.customer IN (w.customer, w.file_customer) AND o.state = 'planned'
                            AND o.run_id = w.run_id AND o.number <> w.number
                            AND o.reference = w.original ->> '$.reference')
                    AND NOT EXISTS (SELECT 1 FROM attempts a
                        WHERE a.customer IN (w.customer, w.file_customer)
                            AND a.reference = w.original ->> '$.reference'
                            AND a.run_id = w.run_id AND a.run_row <> w.number)""",
            ids,
        ):
            key = (row.pop("whose"), reference_key(row.pop("of_what")))
            charges.setdefault(key, []).append(charge_of(row))
    return charges
