"""Orders: what a person asked to charge, as every part of a charge passes it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lib.domain.charges import clean_description, clean_reference
from lib.domain.identity import one_line
from lib.domain.runs import Finding
from lib.domain.typed_codes import typed_id
from lib.errors import InvalidInput
from lib.money import Money, checked

_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """Amounts in minor units, see lib.money."""

    customer: str
    money: Money
    reference: str
    payment_method: str | None = None
    """None: see lib.domain.payment_methods.choose."""
    description: str | None = None
    suffix: str | None = None
    """The end of the text on the customer's statement."""
    run_id: str | None = None
    """The run whose approval covers it, though no run is executing."""
    attempt: int | None = None
    """
    The number this try must get, from 1; with another one nothing is sent, as somebody was faster.
    None: whatever number it has when it is reviewed.
    """
    chosen_beside: tuple[str, ...] | None = None
    """In a row of a run a person chose this customer beside these others with the address."""
    charge_id: str | None = None
    """The charge that waited for this; where it was given up meanwhile, no other is made in its place."""
    despite: Mapping[str, str] = field(default_factory=dict)
    """By code of a stopped finding: why it may be charged all the same, in a named person's words."""
    shown: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """By code: what a run's approvers were shown that it is about. Where nothing stands, whoever opens it sees all."""

    def opens(self, finding: Finding) -> bool:
        """Whether somebody who was shown it said why it may be charged all the same."""
        shown = self.shown.get(finding.code)
        was_shown = shown is None or shown.issuperset(finding.about)
        return was_shown and bool(self.despite.get(finding.code, "").strip())


def normalized(order: ChargeOrder) -> ChargeOrder:
    """
    Raises:
        InvalidInput: a value to correct.
    """
    notes = {code: one_line(note) for code, note in order.despite.items()}
    if any(not note or len(note) > _LONGEST_NOTE for note in notes.values()):
        raise InvalidInput(
            f"Say why it may be charged all the same, in at most {_LONGEST_NOTE} characters.",
            field="note",
            code="note_missing",
        )
    return replace(
        order,
        money=checked(order.money),
        reference=clean_reference(order.reference),
        payment_method=typed_id(order.payment_method, what="saved method", field="payment_method")
        if order.payment_method
        else None,
        description=clean_description(order.description),
        despite=notes,
    )
