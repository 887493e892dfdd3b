"""Cards that a bank has stopped for every debt, whoever asked: this ledger, another one or the Dashboard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from lib.domain.mirror import PaymentMethod
from lib.domain.never_again import NEVER_AGAIN_CODES, is_never_again
from lib.store.charge_rows import decline_of
from lib.store.slices import THESE, in_slices
from lib.store.states import listed

# The indexes attempts_never_again and payment_intents_never_again have these words.
_OF_ATTEMPTS = f"""a.outcome = 'declined' AND (
    a.advice_code = 'do_not_try_again' OR a.decline_code IN {listed(NEVER_AGAIN_CODES)}
    OR a.code IN {listed(NEVER_AGAIN_CODES)})"""
_OF_PAYMENTS = f"""(
    p.error_advice_code = 'do_not_try_again' OR p.error_decline_code IN {listed(NEVER_AGAIN_CODES)}
    OR p.error_code IN {listed(NEVER_AGAIN_CODES)})"""
_PAYMENT = """p.error_code AS code, p.error_decline_code AS decline_code,
    p.error_advice_code AS advice_code, NULL AS network_decline_code, NULL AS network_advice_code,
    NULL AS outcome_type, NULL AS message, 402 AS http_status"""
_THESE = (
    f"""SELECT m.fingerprint, a.* FROM payment_methods m
        CROSS JOIN attempts a ON json_extract(a.params, '$.payment_method') = +m.id
        WHERE m.fingerprint IN {THESE} AND {_OF_ATTEMPTS}""",
    f"""SELECT m.fingerprint, {_PAYMENT} FROM payment_methods m
        CROSS JOIN payment_intents p ON p.error_payment_method = +m.id
        WHERE m.fingerprint IN {THESE} AND {_OF_PAYMENTS}""",
)
_EVERY = (
    f"""SELECT m.fingerprint, a.* FROM attempts a
        CROSS JOIN payment_methods m ON m.id = json_extract(a.params, '$.payment_method')
        WHERE m.fingerprint IS NOT NULL AND {_OF_ATTEMPTS}""",
    f"""SELECT m.fingerprint, {_PAYMENT} FROM payment_intents p
        CROSS JOIN payment_methods m ON m.id = p.error_payment_method
        WHERE m.fingerprint IS NOT NULL AND {_OF_PAYMENTS}""",
)


def never_again(database: Database, methods: Iterable[PaymentMethod]) -> frozenset[str]:
    """Those of the methods' fingerprints that were stopped, under whatever id the card was saved."""
    fingerprints = {one.fingerprint for one in methods if one.fingerprint is not None}
    return _stopped(
        row for question in _THESE for row in in_slices(database, question, fingerprints)
    )


def every_never_again(database: Database) -> frozenset[str]:
    """The same of all methods that are known."""
    return _stopped(row for question in _EVERY for row in database.query(question))


def _stopped(rows: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(
        row["fingerprint"]
        for row in rows
        if is_never_again(decline_of(row), http_status=row["http_status"])
    )
