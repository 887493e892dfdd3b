"""Rows of the ledger's tables as what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.domain.charges import (
    COMMITTED_STATES,
    FAILED_STATES,
    Attempt,
    Charge,
    ChargeState,
    Outcome,
)
from lib.domain.mirror import Decline
from lib.store.states import one_of

# A later charge of the same reference, over another amount say, makes the failure history. What Stripe
# never executed is as much owed as what a bank declined, unless a run is about to send it again. The key has
# an index; of a customer with many charges all would be read otherwise.
_NOT_COLLECTED = f"""h.state IN {one_of((*FAILED_STATES, ChargeState.PLANNED))}
    AND (h.state <> 'planned' OR NOT EXISTS (
        SELECT 1 FROM run_rows r WHERE r.charge_id = h.id AND r.state = 'planned'))"""
UNRESOLVED = f"""{_NOT_COLLECTED}
    AND NOT EXISTS (
        SELECT 1 FROM charges s WHERE s.customer = h.customer AND s.reference = h.reference
            AND s.reference_key = h.reference_key AND s.state IN {one_of(COMMITTED_STATES)})"""
# The same of one customer: their references are read once, not once for each charge.
UNRESOLVED_OF_CUSTOMER = f"""h.customer = ?1 AND {_NOT_COLLECTED}
    AND h.reference NOT IN (SELECT s.reference FROM charges s WHERE s.customer = ?1
        AND s.state IN {one_of(COMMITTED_STATES)})"""


def charge_of(row: dict[str, Any]) -> Charge:
    return Charge(
        id=row["id"],
        customer=row["customer"],
        payment_method=row["payment_method"],
        amount=row["amount"],
        currency=row["currency"],
        reference=row["reference"],
        description=row["description"],
        state=ChargeState(row["state"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def attempt_of(row: dict[str, Any]) -> Attempt:
    return Attempt(
        charge_id=row["charge_id"],
        number=row["number"],
        idempotency_key=row["idempotency_key"],
        params=row["params"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        outcome_at=row["outcome_at"],
        evidence=row["evidence"],
        next_look_at=row["next_look_at"],
        looks=row["looks"],
        payment_intent=row["payment_intent"],
        http_status=row["http_status"],
        request_id=row["request_id"],
        decline=decline_of(row),
        last_look=row["last_look"],
        is_surplus=bool(row["is_surplus"]),
        sent_after=row["sent_after"],
    )


def decline_of(row: Mapping[str, Any]) -> Decline:
    return Decline(
        row["code"],
        row["decline_code"],
        row["advice_code"],
        row["network_decline_code"],
        row["network_advice_code"],
        row["outcome_type"],
        row["message"],
    )
