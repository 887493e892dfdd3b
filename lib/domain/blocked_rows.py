"""Rows that our own rules keep back, in the terms of a failed charge: reason, next step, try again or not."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain import announcements, paid_otherwise
from lib.domain.declines import EXPLANATIONS, Reason
from lib.domain.runs import Finding
from lib.domain.twins import HAS_TWIN


@dataclass(frozen=True, slots=True)
class Block:
    reason: Reason
    next_step: str
    retry_allowed: bool
    """Whether the same row may be sent once what the next step says is done."""


_CORRECT = Block(Reason.OUR_DATA, "Correct the row.", retry_allowed=True)
_OTHER_METHOD = Block(
    Reason.CARD_DETAILS, "Name another saved method, or send a setup link.", retry_allowed=True
)
_CANNOT_TAKE = Block(
    Reason.NOT_SUPPORTED, "Name another saved method, or send a setup link.", retry_allowed=True
)
_LOOK = Block(
    Reason.POSSIBLE_DUPLICATE,
    "Look at the other charge. If both are owed, charge this one singly and say why.",
    retry_allowed=True,
)

BY_CODE: dict[str, Block] = {
    "customer_not_checked": Block(
        Reason.TRY_LATER, "Check the rows again, or write the customer's id.", retry_allowed=True
    ),
    "no_payment_method": Block(
        Reason.CARD_DETAILS,
        "Send a setup link; try again when a card is saved.",
        retry_allowed=True,
    ),
    "method_confirming": Block(
        Reason.TRY_LATER,
        "Wait until the bank has confirmed the account; send no second link.",
        retry_allowed=True,
    ),
    "payment_method_unknown": _OTHER_METHOD,
    "payment_method_of_another_customer": _OTHER_METHOD,
    "payment_method_not_usable": _OTHER_METHOD,
    "already_charged": Block(
        Reason.POSSIBLE_DUPLICATE,
        "Nothing to do here: look at the charge of this reference.",
        retry_allowed=False,
    ),
    "incident_open": Block(
        Reason.POSSIBLE_DUPLICATE,
        "Settle the incident first, on the page Incidents; then upload the row again.",
        retry_allowed=True,
    ),
    "do_not_charge": Block(
        Reason.OUR_DATA,
        "Do not charge this customer. If that is over, another person lifts it on the customer's page.",
        retry_allowed=True,
    ),
    "reference_repeated": Block(
        Reason.POSSIBLE_DUPLICATE,
        "Nothing to do: another row has this reference. What is owed twice needs two references.",
        retry_allowed=False,
    ),
    "in_another_run": Block(
        Reason.POSSIBLE_DUPLICATE, "Wait for the other run, or cancel it.", retry_allowed=False
    ),
    "reference_planned": Block(
        Reason.POSSIBLE_DUPLICATE,
        "Try the planned charge again, or cancel it first.",
        retry_allowed=False,
    ),
    HAS_TWIN: Block(
        Reason.POSSIBLE_DUPLICATE,
        "Look at both customers. If this one is meant, charge it singly and say why.",
        retry_allowed=True,
    ),
    "charged_elsewhere": _LOOK,
    "twin_in_another_run": _LOOK,
    "reference_alike": _LOOK,
    "corrected_before": _LOOK,
    paid_otherwise.CODE: Block(
        Reason.POSSIBLE_DUPLICATE,
        "Ask who noted it. If this is owed all the same, charge it singly and say why.",
        retry_allowed=True,
    ),
    announcements.CODE: Block(
        Reason.OUR_DATA,
        "Decide on the payer's answer on the run's page, or charge this one singly and say why.",
        retry_allowed=True,
    ),
    "card_never_again": Block(
        Reason.CARD_STOPPED,
        EXPLANATIONS[Reason.CARD_STOPPED].next_step,
        retry_allowed=False,
    ),
    "currency_not_supported": _CANNOT_TAKE,
    "amount_too_large_for_method": _CANNOT_TAKE,
    "charge_cancelled": Block(
        Reason.OUR_DATA, "If it is still owed, put it into a new run.", retry_allowed=True
    ),
    "outcome_unknown": Block(
        Reason.OUTCOME_UNKNOWN,
        EXPLANATIONS[Reason.OUTCOME_UNKNOWN].next_step,
        retry_allowed=False,
    ),
}
# Refused because of what a bank said before: that reason is the row's reason, too.
BY_AN_EARLIER_TRY = {
    "retry_too_early": True,
    "retry_not_allowed": False,
    "too_many_attempts": False,
}


def block_of(finding: Finding) -> Block:
    """What a red finding means for whoever reads the results; a row to correct unless known better."""
    if finding.code in BY_AN_EARLIER_TRY:
        reason = Reason(finding.reason or Reason.CARD_STOPPED)
        step = EXPLANATIONS[reason].next_step
        if finding.code == "too_many_attempts":
            step = "Do not try again. Ask for another way to pay."
        return Block(reason, step, BY_AN_EARLIER_TRY[finding.code])
    return BY_CODE.get(finding.code, _CORRECT)
