"""
The certificate of a charge run: its file, our ledger and Stripe, tied together to the minor unit.

Red when one of them says another sum, amber while an outcome is open, green otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lib.domain.control_totals import uncounted
from lib.money import format_money

PAID = "succeeded"
_OPEN = ("attempting", "unknown", "processing")
_FAILED = ("declined", "needs_customer")


class Weight(StrEnum):
    """How much a remark weighs; the heaviest decides."""

    RED = "red"
    AMBER = "amber"
    NOTE = "note"
    """To be known, and no difference."""


_ORDER = (Weight.RED, Weight.AMBER, Weight.NOTE)


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
    is_disputed: bool = False
    elsewhere: tuple[Elsewhere, ...] = ()
    """Where else its charge was collected. That is not part of this run's sums."""


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


@dataclass(frozen=True, slots=True)
class CertificateRemark:
    weight: Weight
    text: str
    row: int | None = None
    reference: str | None = None


@dataclass(slots=True)
class CertificateLine:
    """Sums of one currency in minor units."""

    file: int = 0
    sent: int = 0
    kept_back: int = 0
    """Blocked by our own rules, left out, or cancelled before it was sent."""
    ledger: int = 0
    """What we say was paid."""
    stripe: int = 0
    """What Stripe says was paid."""
    failed: int = 0
    open: int = 0
    refunded: int = 0
    elsewhere: int = 0
    """Of what failed: collected later by another run, or singly."""

    @property
    def agrees(self) -> bool:
        return self.ledger == self.stripe and self.file == self.sent + self.kept_back


@dataclass(slots=True)
class Findings:
    lines: dict[str, CertificateLine] = field(default_factory=dict)
    """By currency."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows by state."""
    remarks: list[CertificateRemark] = field(default_factory=list)

    @property
    def result(self) -> str:
        """green, amber or red"""
        weights = {remark.weight for remark in self.remarks}
        if Weight.RED in weights or not all(line.agrees for line in self.lines.values()):
            return "red"
        return "amber" if Weight.AMBER in weights else "green"


def compare(
    rows: Iterable[LedgerRow], payments: Sequence[Payment], *, digest_fits: bool
) -> Findings:
    """Tie the rows of a run to the payments at Stripe; remarks come heaviest first, then by row."""
    findings = Findings()
    by_charge: dict[str | None, list[Payment]] = {}
    for payment in payments:
        by_charge.setdefault(payment.charge_id, []).append(payment)
    if not digest_fits:
        findings.remarks.append(
            CertificateRemark(
                Weight.RED, "The rows are not what was approved: their digest differs."
            )
        )
    unreadable = 0
    for row in rows:
        unreadable += row.amount is None or row.currency is None
        _row(findings, row, by_charge.pop(row.charge_id, []))
    if unreadable:
        findings.remarks.append(CertificateRemark(Weight.NOTE, uncounted(unreadable)))
    for orphans in by_charge.values():
        for payment in orphans:
            _orphan(findings, payment)
    for code, line in findings.lines.items():
        if not line.agrees:
            findings.remarks.append(
                CertificateRemark(
                    Weight.RED,
                    f"{code.upper()}: the ledger says {format_money(line.ledger, code)}, Stripe {format_money(line.stripe, code)}.",
                )
            )
    findings.remarks.sort(key=lambda remark: (_ORDER.index(remark.weight), remark.row or 0))
    return findings


def _row(findings: Findings, row: LedgerRow, payments: Sequence[Payment]) -> None:
    findings.counts[row.state] = findings.counts.get(row.state, 0) + 1
    _add(findings, row)
    known = {one.payment_intent: one for one in row.elsewhere}
    paid = [payment for payment in payments if payment.status == PAID]
    # A payment that only Stripe counts elsewhere, or only our ledger, is a difference of this run.
    # One with a new card names this run, whose approval covers it.
    other = [
        payment
        for payment in paid
        if payment.id in known and payment.is_of_this_run == known[payment.id].is_new_card
    ]
    own = [payment for payment in paid if payment not in other]
    for payment in own:
        findings.lines.setdefault(payment.currency, CertificateLine()).stripe += payment.amount
    for weight, text in (*_remarks(row, own), *_elsewhere(row, other)):
        findings.remarks.append(CertificateRemark(weight, text, row.number, row.reference))


def _add(findings: Findings, row: LedgerRow) -> None:
    if row.amount is None or row.currency is None:
        return
    line = findings.lines.setdefault(row.currency, CertificateLine())
    line.file += row.amount
    line.elsewhere += row.amount * len(row.elsewhere)
    if row.state in ("blocked", "cancelled", "planned"):
        line.kept_back += row.amount
        return
    line.sent += row.amount
    line.refunded += row.refunded
    if row.state == PAID:
        line.ledger += row.amount
    elif row.state in _OPEN:
        line.open += row.amount
    else:
        line.failed += row.amount


def _remarks(row: LedgerRow, paid: Sequence[Payment]) -> Iterable[tuple[Weight, str]]:
    if not row.sent_as_approved:
        yield Weight.RED, "A try asked for something else than this row."
    if row.state == PAID:
        yield from _differences(row, paid)
    elif paid and row.state not in _OPEN:
        ids = ", ".join(payment.id for payment in paid)
        yield Weight.RED, f"Stripe says it was paid ({ids}); our ledger does not."
    if row.state in _OPEN:
        yield Weight.AMBER, f"The outcome is open: {row.state.replace('_', ' ')}."
    if row.by_hand:
        yield Weight.NOTE, "Its outcome was settled by two people, without evidence."
    if row.state in _FAILED:
        yield Weight.NOTE, f"Not paid: {row.state.replace('_', ' ')}."
    if row.state in ("blocked", "cancelled", "planned"):
        owed = "Not taken by Stripe, and still owed." if row.state == "planned" else "Not sent."
        yield Weight.NOTE, f"{owed} {row.why}".strip()
    if row.refunded and row.currency:
        yield Weight.NOTE, f"{format_money(row.refunded, row.currency)} went back since."
    if row.is_disputed:
        yield Weight.NOTE, "The customer disputed it since."


def _differences(row: LedgerRow, paid: Sequence[Payment]) -> Iterable[tuple[Weight, str]]:
    if not paid:
        yield Weight.RED, "Our ledger says it was paid; Stripe has no such payment."
    if len(paid) > 1:
        yield Weight.RED, f"Paid {len(paid)} times at Stripe."
    for payment in paid:
        if payment.id != row.payment_intent:
            yield Weight.RED, f"Stripe's payment {payment.id} is not the one in our ledger."
        if (payment.amount, payment.currency) != (row.amount, row.currency):
            yield Weight.RED, _other_sum(payment)
        if payment.customer != row.customer:
            yield Weight.RED, "Stripe charged another customer."


def _elsewhere(row: LedgerRow, paid: Sequence[Payment]) -> Iterable[tuple[Weight, str]]:
    """What was collected after this run had failed to: nothing of its sums, and nothing twice."""
    if len(row.elsewhere) + (row.state == PAID) > 1:
        yield Weight.RED, "Paid more than once: here and elsewhere, or elsewhere twice."
    for one in row.elsewhere:
        matches = [payment for payment in paid if payment.id == one.payment_intent]
        yield Weight.NOTE, f"Collected later {one.where}; not part of this run's sums."
        if not matches:
            yield (
                Weight.RED,
                f"Our ledger says it was paid {one.where}; Stripe has no such payment.",
            )
        for payment in matches:
            if (payment.amount, payment.currency) != (row.amount, row.currency):
                yield Weight.RED, _other_sum(payment)


def _other_sum(payment: Payment) -> str:
    money = format_money(payment.amount, payment.currency)
    return f"Stripe moved {money}, which is not the row's sum."


def _orphan(findings: Findings, payment: Payment) -> None:
    unknown_to_us = f"for this run, which the ledger does not know: {payment.id}."
    if payment.status != PAID:
        findings.remarks.append(
            CertificateRemark(Weight.NOTE, f"Stripe has an unpaid payment {unknown_to_us}")
        )
        return
    findings.lines.setdefault(payment.currency, CertificateLine()).stripe += payment.amount
    money = format_money(payment.amount, payment.currency)
    findings.remarks.append(
        CertificateRemark(Weight.RED, f"Stripe has a payment of {money} {unknown_to_us}")
    )


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one comparison found, as it is kept."""

    run_id: str
    at: int
    by: str
    result: str
    """green, amber or red"""
    content: Mapping[str, Any]
    """JSON: `lines` by currency, `counts`, `remarks`, `left_out` (remarks beyond the kept ones)."""
