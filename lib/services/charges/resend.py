"""
Whether a try without an answer may be sent again under its key.

Where the first request never arrived, that executes it: it is a charge like any other, so not by a ledger
that is behind, not while decisions rest, and not beside another payment of the debt.
"""

from __future__ import annotations

from lib.domain.charges import COMMITTED_STATES, STATE_AFTER, Attempt, Outcome
from lib.errors import RuleViolation
from lib.services.charges.admit import refusal_beside
from lib.services.continuity.completeness import Completeness
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class ResendCheck:
    def __init__(self, uow: UnitOfWork, completeness: Completeness) -> None:
        self._uow = uow
        self._completeness = completeness

    def refusal(self, attempt: Attempt) -> str | None:
        """
        Why it is not sent again, for a person; None when it may be. What Stripe lists of the customer
        must have been mirrored before.

        Raises:
            GatewayError: Stripe does not say whether the ledger is behind.
        """
        try:
            self._completeness.verify()
            self._completeness.must_not_rest()
        except RuleViolation as error:
            return str(error)
        with self._uow.read() as stores:
            return _beside(stores, attempt)


def _beside(stores: Stores, attempt: Attempt) -> str | None:
    charge = stores.charges.find(attempt.charge_id)
    if charge is None:
        raise LookupError(attempt.charge_id)
    for other in stores.charges.attempts_for(charge.customer, charge.reference):
        is_itself = (other.charge_id, other.number) == (attempt.charge_id, attempt.number)
        if not is_itself and STATE_AFTER[other.outcome or Outcome.UNKNOWN] in COMMITTED_STATES:
            return f"Another try of {charge.reference} is paid, or may be."
    finding = refusal_beside(stores, charge)
    return finding.message if finding is not None else None
