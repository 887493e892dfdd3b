"""Rows of a run that lack a card: let into what is submitted, and handed over to wait when it is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lib.domain.actors import Actor
from lib.domain.approvals import APPROVAL_DAYS
from lib.domain.charges import Charge, ChargeState
from lib.domain.runs import Run, RunRow
from lib.domain.waiting_charges import CODE, WaitingCharge, blocked_again, may_wait, waiting
from lib.errors import AlreadyCharged, NotFound
from lib.money import Money
from lib.services.charges.admit import findings_of, must_be_opened
from lib.services.charges.orders import ChargeOrder
from lib.services.ledger.recovery_links import offer_recovery
from lib.services.runs.opened import opened
from lib.services.staff import dual_approval
from lib.store.stores import Stores


def let_wait(stores: Stores, run_id: str) -> None:
    """Of a draft: rows that lack nothing but a card, of debts that nobody tried before."""
    _change(
        stores,
        run_id,
        (row for row in _rows(stores, run_id, may_wait) if _is_new(stores, row)),
        waiting,
    )


def let_none_wait(stores: Stores, run_id: str) -> None:
    """Of a run that is a draft again: such rows are blocked as before."""
    _change(stores, run_id, _rows(stores, run_id, lambda row: row.waits_for_card), blocked_again)


def hand_over(
    stores: Stores, run: Run, row: RunRow, *, by: Actor, now: int, livemode: bool
) -> None:
    """
    The charge of an approved row begins to wait, with the link that its customer gets: in the transaction
    in which the row counts as sent. Nothing is asked of Stripe.

    Raises:
        RuleViolation: our own rules keep it back; nothing was written.
    """
    customer = stores.mirror.customer(row.customer or "")
    if customer is None or customer.is_deleted:
        raise NotFound("This customer was deleted at Stripe.")
    order = opened(stores, run, row, order_of(row))
    must_be_opened(findings_of(stores, order, None, now=now, in_run=True), order)
    charge = Charge(
        id=row.charge_id,
        customer=order.customer,
        payment_method="",
        amount=order.money.amount,
        currency=order.money.currency,
        reference=order.reference,
        description=order.description,
        state=ChargeState.PLANNED,
        created_by=by.username,
        created_at=now,
        updated_at=now,
    )
    if not stores.charges.add(charge, livemode=livemode):
        raise AlreadyCharged(
            "Another charge for this reference was started a moment ago.", charge_id=""
        )
    stores.run_rows.send(run.id, row.number, charge_id=charge.id)
    stores.waiting_charges.add(WaitingCharge(charge.id, run.id, row.number, now))
    until = dual_approval.standing(stores, run, now=now).until or now + APPROVAL_DAYS * 86_400
    link = offer_recovery(stores, charge.id, by=by.username, at=now, until=until)
    detail = {"run": run.id, "row": row.number, "link": link.id}
    stores.charges.note(
        charge.id, attempt=None, at=now, actor=by.username, kind=CODE, detail=detail
    )
    stores.audit.record(
        at=now, actor=by.username, action="charge.wait", subject=charge.id, detail=detail
    )


def order_of(row: RunRow) -> ChargeOrder:
    return ChargeOrder(
        customer=row.customer or "",
        money=Money(row.amount or 0, row.currency or ""),
        reference=row.reference or "",
        payment_method=row.payment_method or None,
        description=row.description,
        chosen_beside=row.request.chosen_beside,
    )


def _rows(stores: Stores, run_id: str, wanted: Callable[[RunRow], bool]) -> list[RunRow]:
    return [row for row in stores.run_rows.of(run_id) if wanted(row)]


def _is_new(stores: Stores, row: RunRow) -> bool:
    """A debt that was tried has a charge and a link of its own."""
    debt = (row.customer or "", row.reference or "")
    return (
        stores.charges.live_for(*debt) is None
        and not stores.charges.tried_for(*debt)
        and stores.charges.find(row.charge_id) is None
    )


def _change(
    stores: Stores, run_id: str, rows: Iterable[RunRow], change: Callable[[RunRow], RunRow]
) -> None:
    changed = [change(row) for row in rows]
    if changed:
        stores.run_rows.drop(run_id, [row.number for row in changed])
        stores.run_rows.add(changed)
        stores.runs.sum_up(run_id)
