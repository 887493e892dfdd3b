"""Runs made from what did not work: the failures of one run, or every open reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import Charge, ChargeState
from lib.domain.correction_fields import Field
from lib.domain.corrections import Correction, InEffect, in_effect
from lib.domain.runs import OVER_STATES, RowRequest, RowState, Run
from lib.errors import InvalidInput
from lib.money import Money, format_major
from lib.services.ledger.recovery_links import offer_recovery
from lib.services.runs.approve import find_run, require_state
from lib.services.runs.draft import RunDrafts, RunSource
from lib.services.runs.view import RowView, RunViews
from lib.store.unit_of_work import UnitOfWork

OPEN_HEADER = ("customer", "amount", "currency", "reference", "description")
_OPEN_FOR_SECONDS = 90 * 86_400
_MOST_OPEN = 50_000
_AT_ONCE = 500
_FAILED = ("declined", "needs_customer")


@dataclass(frozen=True, slots=True)
class LinkCounts:
    made: int
    had: int
    """Had one before."""
    helpless: int
    """Failed for a reason that no new card mends."""


class RetryRuns:
    def __init__(
        self, uow: UnitOfWork, drafts: RunDrafts, views: RunViews, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._drafts = drafts
        self._views = views
        self._clock = clock

    def create_links(
        self, run_id: str, *, by: Actor, numbers: Collection[int] | None = None
    ) -> LinkCounts:
        """
        A recovery link for each failed row whose customer can mend it with a new card: of these
        rows, or of all. Costs no request to Stripe.

        Raises:
            NotFound: no such run.
        """
        by.must(Permission.MANAGE_LINKS)
        with self._uow.read() as stores:
            find_run(stores, run_id)
        failed = [
            view
            for view in self._views.rows(run_id)
            if view.state in _FAILED and (numbers is None or view.row.number in numbers)
        ]
        mendable = [
            view
            for view in failed
            if view.charge is not None
            and view.charge.failure is not None
            and view.charge.failure.explanation.offers_link
        ]
        without = [
            view.row.charge_id
            for view in mendable
            if view.charge and view.charge.recovery_url is None
        ]
        count = 0
        for start in range(0, len(without), _AT_ONCE):
            count += self._offer(without[start : start + _AT_ONCE], by=by)
        return LinkCounts(count, len(mendable) - count, len(failed) - len(mendable))

    def _offer(self, charge_ids: Sequence[str], *, by: Actor) -> int:
        count = 0
        with self._uow.write() as stores:
            for charge_id in charge_ids:
                charge = stores.charges.find(charge_id)
                # Paid or tried again since it was read: then it needs none.
                if charge is not None and charge.state.value in _FAILED:
                    offer_recovery(stores, charge_id, by=by.username, at=epoch(self._clock()))
                    count += 1
        return count

    def create(self, run_id: str, *, by: Actor, numbers: Collection[int] | None = None) -> Run:
        """
        A draft of a run's rows that failed or were blocked, judged anew: rows that must not be
        tried again, or not yet, are in it as blocked ones. A method that did not fail for the row is
        charged where the customer has one.

        Args:
            numbers: only these rows; all of them when None.

        Raises:
            StaleState: the run is not over.
            InvalidInput: everything worked, or none of these rows failed.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            decided = in_effect(stores.corrections.of(run_id), file_version=run.file_version)
        require_state(run, *OVER_STATES)
        views = [
            view
            for view in self._views.rows(run_id)
            if _is_open(view) and (numbers is None or view.row.number in numbers)
        ]
        requests = [_again(view, decided.get(view.row.number, {})) for view in views]
        if not requests:
            raise InvalidInput("Every row of this run worked.", code="nothing_failed")
        source = RunSource(run.header, f"{run.name[:70]}, again", follows=run.id)
        corrections = [
            replace(entry, id=0, file_version=1)
            for view in views
            for entry in _carried(view, decided.get(view.row.number, {}))
        ]
        return self._drafts.create(source, requests, by=by, corrections=corrections)

    def create_from_open(self, *, by: Actor) -> Run:
        """
        A draft of every charge of the last 90 days that failed and was not made good since, or that
        Stripe never executed.

        Raises:
            InvalidInput: there is none.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            charges = stores.charges.unresolved(
                since=epoch(self._clock()) - _OPEN_FOR_SECONDS, limit=_MOST_OPEN
            )
        return self._of_open(charges, "Open references", by=by)

    def create_from_customer(self, customer_id: str, *, by: Actor) -> Run:
        """
        A draft of all that is open of one customer, of any age: judged like any other file, so that what
        must not be charged is in it as blocked rows.

        Raises:
            InvalidInput: nothing is.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            charges = stores.charges.unresolved_of(customer_id, limit=_MOST_OPEN)
            customer = stores.mirror.customer(customer_id)
        name = customer.label if customer else customer_id
        return self._of_open(charges, f"Open: {name[:70]}", by=by)

    def _of_open(self, charges: Sequence[Charge], name: str, *, by: Actor) -> Run:
        if not charges:
            raise InvalidInput("No reference is open.", code="nothing_failed")
        requests = [_request(number, charge) for number, charge in enumerate(charges, start=2)]
        return self._drafts.create(RunSource(OPEN_HEADER, name), requests, by=by)


def _is_open(view: RowView) -> bool:
    """Failed, kept back by our rules, or never executed by Stripe although it was sent."""
    if view.row.state is RowState.SENT:
        return view.state in (*_FAILED, ChargeState.PLANNED)
    return view.row.state is RowState.BLOCKED


def _again(view: RowView, decided: InEffect) -> RowRequest:
    """As the file says; what was corrected comes along as corrections."""
    row = view.row
    request = row.original or row.request
    # What could not be read stays so; what our rules said is judged anew. A method that was named
    # is given up only because it failed.
    named = None if view.state in _FAILED else request.payment_method
    customer = request.customer if Field.CUSTOMER in decided else row.customer
    return replace(request, customer=customer or request.customer, payment_method=named)


def _carried(view: RowView, decided: InEffect) -> Iterable[Correction]:
    failed = view.state in _FAILED
    return (
        entry for field, entry in decided.items() if not (failed and field is Field.PAYMENT_METHOD)
    )


def _request(number: int, charge: Charge) -> RowRequest:
    amount = format_major(charge.amount, charge.currency)
    cells = (charge.customer, amount, charge.currency, charge.reference, charge.description or "")
    return RowRequest(
        number,
        cells,
        charge.customer,
        Money(charge.amount, charge.currency),
        charge.reference,
        description=charge.description,
    )
