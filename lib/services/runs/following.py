"""Runs made from what did not work: the failures of one run, or every open reference."""

from __future__ import annotations

from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import Charge
from lib.domain.runs import RowRequest, RowState, Run, RunState
from lib.errors import InvalidInput
from lib.money import Money, format_major
from lib.services.runs.approving import found, must_be
from lib.services.runs.making import RunMaker, Source
from lib.services.runs.viewing import RowView, RunViewer
from lib.store.unit_of_work import UnitOfWork

OPEN_HEADER = ("customer", "amount", "currency", "reference", "description")
_OPEN_FOR_SECONDS = 90 * 86_400
_MOST_OPEN = 50_000
_FAILED = ("declined", "needs_customer")


class RunFollower:
    def __init__(
        self, uow: UnitOfWork, maker: RunMaker, viewer: RunViewer, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._maker = maker
        self._viewer = viewer
        self._clock = clock

    def again(self, run_id: str, *, by: Actor) -> Run:
        """
        A draft of a run's rows that failed or were blocked, judged anew: rows that must not be
        tried again, or not yet, are in it as blocked ones. The newest card is charged, not the one
        that failed.

        Raises:
            StaleState: the run is not over.
            InvalidInput: everything worked.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            run = found(stores, run_id)
        must_be(run, RunState.FINISHED, RunState.CANCELLED)
        requests = [
            _again(view)
            for view in self._viewer.rows(run_id)
            if view.state in _FAILED or view.row.state is RowState.BLOCKED
        ]
        if not requests:
            raise InvalidInput("Every row of this run worked.", code="nothing_failed")
        source = Source(run.header, f"{run.name[:70]}, again", follows=run.id)
        return self._maker.make(source, requests, by=by)

    def open_references(self, *, by: Actor) -> Run:
        """
        A draft of every charge of the last 90 days that failed and was not made good since.

        Raises:
            InvalidInput: there is none.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            charges = stores.charges.unresolved(
                since=epoch(self._clock()) - _OPEN_FOR_SECONDS, limit=_MOST_OPEN
            )
        if not charges:
            raise InvalidInput("No reference is open.", code="nothing_failed")
        requests = [_request(number, charge) for number, charge in enumerate(charges, start=2)]
        return self._maker.make(Source(OPEN_HEADER, "Open references"), requests, by=by)


def _again(view: RowView) -> RowRequest:
    row = view.row
    # What could not be read stays so; what our rules said is judged anew.
    return replace(row.request, customer=row.customer or row.request.customer, payment_method=None)


def _request(number: int, charge: Charge) -> RowRequest:
    amount = format_major(charge.amount, charge.currency)
    cells = (charge.customer, amount, charge.currency, charge.reference, charge.description or "")
    return RowRequest(
        number, cells, charge.customer, Money(charge.amount, charge.currency), charge.reference,
        description=charge.description,
    )  # fmt: skip
