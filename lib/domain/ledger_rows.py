"""Rows of a run as our ledger has them, and payments as Stripe has them: what a certificate compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A try of a row's charge that was paid, and is not this run's."""

    payment_intent: str | None
    run_id: str | None
    """None: singly."""
    run_name: str | None
    is_new_card: bool = False
    """Charged once more because a new card came, as this run's approval allowed."""

    @property
    def where(self) -> str:
        if self.is_new_card:
            return "with a new card, as this run's approval allowed"
        return f"by the run “{self.run_name}” ({self.run_id})" if self.run_id else "singly"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the run as our database has it."""

    number: int
    reference: str | None
    customer: str | None
    amount: int | None
    """Minor units; None where the file's amount could not be read."""
    currency: str | None
    state: str
    """Once it was sent, the state of its own try in this run."""
    charge_id: str
    """Empty for a row that was not sent, or whose charge is another row's of the run."""
    why: str = ""
    """What kept it back, in words."""
    payment_intent: str | None = None
    """Of the try that was paid."""
    sent_as_approved: bool = True
    """Every try asked for exactly this row's customer, amount and currency."""
    by_hand: bool = False
    """Two people settled its outcome without evidence."""
    refunded: int = 0
    """Minor units that went back since, as the mirror knows."""
    ordered_back: int = 0
    """Of those, what refund orders of this ledger gave back."""
    is_disputed: bool = False
    elsewhere: tuple[Elsewhere, ...] = ()
    """Where else its charge was collected. That is not part of this run's sums."""
    correction: Mapping[str, int] = field(default_factory=dict)
    """Minor units by currency that a correction added to what the file says of this row."""
    corrections: tuple[str, ...] = ()
    """What was decided beside what the file says, in words."""
    opened: tuple[str, ...] = ()
    """What stopped it, and who opened that with which note, in words."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A PaymentIntent at Stripe that names this run or one of its charges."""

    id: str
    charge_id: str | None
    status: str
    amount: int
    """Minor units that were received, where it succeeded."""
    currency: str
    customer: str | None
    is_of_this_run: bool = True
    """By its own word, whatever our ledger says."""
    is_known: bool = True
    """The ledger has it as a try of a row's charge, in this run or elsewhere."""
    refunded: int | None = None
    """Minor units that went back; None where Stripe was not asked."""
    is_disputed: bool | None = None
