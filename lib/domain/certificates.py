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
from lib.domain.ledger_rows import LedgerRow, Payment
from lib.money import format_money

PAID = "succeeded"
# Money is on its way, or held: more than one such payment of a row is one too many.
_MOVING = ("processing", "requires_capture")
_NOT_SEARCHED = "Stripe's Search is not open to this key: payments that name this run under a customer who is not in it were not looked for."
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
class CertificateRemark:
    weight: Weight
    text: str
    row: int | None = None
    reference: str | None = None


@dataclass(slots=True)
class CertificateLine:
    """Sums of one currency in minor units."""

    file: int = 0
    """As it came, without corrections."""
    corrected: int = 0
    """What corrections added to that, or took away."""
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
        file = self.file + self.corrected
        return self.ledger == self.stripe and file == self.sent + self.kept_back


@dataclass(slots=True)
class CertificateFindings:
    lines: dict[str, CertificateLine] = field(default_factory=dict)
    """By currency."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows by state."""
    remarks: list[CertificateRemark] = field(default_factory=list)

    def say(self, weight: Weight, text: str) -> None:
        """Of no row."""
        self.remarks.append(CertificateRemark(weight, text))

    @property
    def result(self) -> str:
        """green, amber or red"""
        weights = {remark.weight for remark in self.remarks}
        if Weight.RED in weights or not all(line.agrees for line in self.lines.values()):
            return "red"
        return "amber" if Weight.AMBER in weights else "green"


def compare(
    rows: Iterable[LedgerRow],
    payments: Sequence[Payment],
    *,
    digest_fits: bool,
    unread_intents: Sequence[str] = (),
    is_searched: bool = True,
    announced: Sequence[str] = (),
) -> CertificateFindings:
    """Tie rows to payments; `announced`: what payers were told before. Remarks come heaviest first, then by row."""
    findings = CertificateFindings()
    by_charge: dict[str | None, list[Payment]] = {}
    for payment in payments:
        by_charge.setdefault(payment.charge_id, []).append(payment)
    if not digest_fits:
        findings.say(Weight.RED, "The rows are not what was approved: their checksum differs.")
    unreadable = 0
    for row in rows:
        unreadable += row.amount is None or row.currency is None
        _row(findings, row, by_charge.pop(row.charge_id, []))
    if unreadable:
        findings.say(Weight.NOTE, uncounted(unreadable))
    if not is_searched:
        findings.say(Weight.NOTE, _NOT_SEARCHED)
    for words in announced:
        findings.say(Weight.NOTE, words)
    for intent_id in unread_intents:
        text = f"Stripe's payment {intent_id} cannot be read; whether it is of this run is open."
        findings.say(Weight.AMBER, text)
    for orphans in by_charge.values():
        for payment in orphans:
            _orphan(findings, payment)
    for code, line in findings.lines.items():
        if not line.agrees:
            findings.say(
                Weight.RED,
                f"{code.upper()}: the ledger says {format_money(line.ledger, code)}, Stripe {format_money(line.stripe, code)}.",
            )
    findings.remarks.sort(key=lambda remark: (_ORDER.index(remark.weight), remark.row or 0))
    return findings


def _row(findings: CertificateFindings, row: LedgerRow, payments: Sequence[Payment]) -> None:
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
    moving = [payment for payment in payments if payment.status in _MOVING]
    for weight, text in (
        *_remarks(row, own),
        *_too_many(row, own, moving),
        *_elsewhere(row, other),
    ):
        findings.remarks.append(CertificateRemark(weight, text, row.number, row.reference))


def _add(findings: CertificateFindings, row: LedgerRow) -> None:
    for code, change in row.correction.items():
        line = findings.lines.setdefault(code, CertificateLine())
        line.corrected += change
        line.file -= change
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
    for opened in row.opened:
        yield Weight.NOTE, opened
    if row.is_disputed:
        yield Weight.NOTE, "The customer disputed it since."
    for words in row.corrections:
        yield Weight.NOTE, words


def _too_many(
    row: LedgerRow, paid: Sequence[Payment], moving: Sequence[Payment]
) -> Iterable[tuple[Weight, str]]:
    ids = ", ".join(payment.id for payment in moving)
    if row.state == PAID and moving:
        yield Weight.RED, f"It is paid, and Stripe is taking another payment ({ids})."
    elif row.state in _OPEN and len(moving) + len(paid) > 1:
        yield Weight.RED, f"Stripe has {len(moving) + len(paid)} payments for this row."
    elif any(not payment.is_known for payment in moving):
        yield Weight.RED, f"Stripe is taking a payment ({ids}) that our ledger does not know."


def _back(row: LedgerRow, payment: Payment) -> Iterable[tuple[Weight, str]]:
    """What went back of a payment, and whether its customer disputes it: at Stripe and here."""
    code = row.currency or payment.currency
    if payment.refunded is not None and payment.refunded != row.refunded:
        yield (
            Weight.RED,
            f"Stripe gave back {format_money(payment.refunded, code)}; our ledger knows of {format_money(row.refunded, code)}.",
        )
    if payment.refunded is not None and payment.refunded < row.ordered_back:
        yield (
            Weight.RED,
            f"Refunds of {format_money(row.ordered_back, code)} were ordered here; Stripe gave back {format_money(payment.refunded, code)}.",
        )
    if payment.is_disputed is not None and payment.is_disputed != row.is_disputed:
        whose = "Stripe says that" if payment.is_disputed else "Our ledger says that"
        other = "our ledger does not" if payment.is_disputed else "Stripe does not"
        yield Weight.RED, f"{whose} the customer disputed it; {other}."


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
        if payment.id == row.payment_intent:
            yield from _back(row, payment)


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


def _orphan(findings: CertificateFindings, payment: Payment) -> None:
    unknown_to_us = f"for this run, which the ledger does not know: {payment.id}."
    if payment.status != PAID:
        findings.say(Weight.NOTE, f"Stripe has an unpaid payment {unknown_to_us}")
        return
    findings.lines.setdefault(payment.currency, CertificateLine()).stripe += payment.amount
    money = format_money(payment.amount, payment.currency)
    findings.say(Weight.RED, f"Stripe has a payment of {money} {unknown_to_us}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one comparison found, as it is kept."""

    run_id: str
    at: int
    by: str
    result: str
    """green, amber or red"""
    content: Mapping[str, Any]
    """JSON: `lines` by currency, `counts`, `remarks`, `left_out` (remarks beyond the kept ones), `audit_head`."""
