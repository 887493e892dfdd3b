"""References that are one debt: charged already, twice in a file, or the same written differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lib.domain.charges import Charge, ChargeState
from lib.domain.reference_keys import reference_key
from lib.domain.runs import Finding, RowRequest, Severity
from lib.money import format_money


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that is not over, with a planned row for a reference."""

    name: str
    customer: str
    is_submitted: bool
    """Nobody has asked to charge what is in a draft."""


def why_live(charge: Charge) -> tuple[str, str]:
    """Code and words for a reference that cannot be charged, as this charge of it is paid or under way."""
    amount = format_money(charge.amount, charge.currency)
    match charge.state:
        case ChargeState.SUCCEEDED:
            return "already_charged", f"{charge.reference} was charged already: {amount}."
        case ChargeState.PROCESSING:
            return "already_charged", f"{charge.reference} is on its way: {amount} is processing."
        case ChargeState.UNKNOWN:
            return (
                "outcome_unknown",
                f"Nobody knows yet whether {amount} for {charge.reference} was charged. See Unknown.",
            )
        case ChargeState.PLANNED:
            return (
                "reference_planned",
                f"A charge of {amount} for {charge.reference} is planned. Try that one again or cancel it.",
            )
        case _:
            return "already_charged", f"{charge.reference} is being charged right now."


def corrected_before(customer: str, reference: str, charges: Iterable[Charge]) -> Iterator[Finding]:
    """
    A file that is uploaded again, or the next one of its program, says what it said before it was corrected.

    Args:
        charges: for rows in which this debt was corrected to another one, or the other way round.
    """
    others = [one for one in charges if (one.customer, one.reference) != (customer, reference)]
    for charge in others[:1]:
        whose = "" if charge.customer == customer else f" of customer {charge.customer}"
        yield Finding(
            "corrected_before",
            Severity.STOPPED,
            f"A row of a file was corrected between this and “{charge.reference}”{whose}. {why_live(charge)[1]} Is it the same debt?",
            "reference",
            about=tuple(sorted({one.id for one in others})),
        )


def repeated(requests: Iterable[RowRequest], customers: Iterable[str | None]) -> dict[int, Finding]:
    """
    Rows that name a customer and reference which an earlier row has, perhaps in another writing,
    or a reference that an earlier row has for another customer.

    Args:
        customers: the one that each row means, in the order of the rows.
    """
    first: dict[tuple[str, str], RowRequest] = {}
    keys: dict[tuple[str, str], RowRequest] = {}
    anybodys: dict[str, RowRequest] = {}
    findings: dict[int, Finding] = {}
    for request, customer in zip(requests, customers, strict=True):
        reference = request.reference
        if customer is None or reference is None:
            continue
        same = first.setdefault((customer, reference), request)
        alike = keys.setdefault((customer, reference_key(reference)), request)
        earlier = anybodys.setdefault(reference, request)
        if same is not request:
            findings[request.number] = _finding(
                "reference_repeated",
                Severity.RED,
                f"Row {same.number} charges {reference} of this customer already.",
            )
        elif alike is not request:
            findings[request.number] = _finding(
                "reference_alike",
                Severity.STOPPED if alike.money == request.money else Severity.AMBER,
                f"Row {alike.number} charges “{alike.reference}” of this customer: is “{reference}” the same, written in another way?",
                about=(alike.reference or "",),
            )
        elif earlier is not request:
            findings[request.number] = _finding(
                "reference_of_another",
                Severity.AMBER,
                f"Row {earlier.number} has this reference for another customer.",
            )
    return findings


def _finding(
    code: str, severity: Severity, message: str, *, about: tuple[str, ...] = ()
) -> Finding:
    return Finding(code, severity, message, "reference", about=about)
