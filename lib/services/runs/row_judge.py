"""Judges rows of drafts by what is known now, here and, where the mirror may lag, at Stripe."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain import statement_descriptors
from lib.domain.corrections import DraftRow, findings_of
from lib.domain.preflight import PreflightResult, judge
from lib.domain.references import repeated
from lib.domain.runs import Finding, RowRequest, RowState, RunRow, Severity, severity_of
from lib.errors import GatewayError, InvalidInput, Missing, NotFound
from lib.ids import new_id
from lib.services.collect.customers import CustomerService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.mirror.result import SyncIncomplete
from lib.services.mirror.sync import SyncService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

# Findings that a fresh look at Stripe may lift: the mirror may be minutes behind.
_MAY_BE_STALE = frozenset(
    {
        "customer_unknown",
        "no_payment_method",
        "payment_method_unknown",
        "payment_method_not_usable",
    }
)
# At Stripe's limit of requests these take seconds; a file with more such rows is mostly wrong.
MOST_LOOKS = 200
_NOT_CHECKED = Finding(
    "customer_not_checked",
    Severity.RED,
    "Stripe could not be asked about this customer. Check the rows again; as long as Onfile has not read everything (see Sync health), write ids instead of addresses.",
    "customer",
)
Doubt = tuple[str, str | None]
"""A customer's id or address, and the method that was named."""


class RowJudge:
    """One for all: rows of a new file, of a draft that is checked again, and corrected ones."""

    def __init__(
        self,
        uow: UnitOfWork,
        customers: CustomerService,
        methods: PaymentMethodService,
        sync: SyncService,
        *,
        clock: Clock,
        statement_prefix: Callable[[], str | None],
    ) -> None:
        """`statement_prefix` asks Stripe what stands before a suffix on statements."""
        self._statement_prefix = statement_prefix
        self._uow = uow
        self._customers = customers
        self._methods = methods
        self.sync = sync
        self._clock = clock

    def judged(self, run_id: str, rows: Sequence[DraftRow]) -> list[RunRow]:
        """
        In their order. May take requests to Stripe, so not inside a transaction.

        Args:
            rows: all of the run, or all that have one of some references: which is there twice can
                only be said of all.
        """
        requests = self._with_lengths([row.corrected for row in rows])
        is_whole = self._catch_up()
        with self._uow.read() as stores:
            judged = self._judge(stores, run_id, requests)
        doubtful = [_doubt(*pair, is_whole) for pair in zip(requests, judged, strict=True)]
        unasked = self._look_at_stripe({doubt for doubt in doubtful if doubt is not None})
        if len(unasked) < len(set(doubtful) - {None}):
            with self._uow.read() as stores:
                judged = self._judge(stores, run_id, requests)
        judged = [
            replace(result, findings=_not_checked(result.findings)) if doubt in unasked else result
            for result, doubt in zip(judged, doubtful, strict=True)
        ]
        named_in_file = self._named_in_file(rows)
        # What is left out is not charged, so it is no first of two.
        stay = [not row.is_left_out for row in rows]
        twice = repeated(
            (request for request, stays in zip(requests, stay, strict=True) if stays),
            (result.customer for result, stays in zip(judged, stay, strict=True) if stays),
        )
        return [
            _row(
                run_id,
                row,
                request,
                result,
                twice.get(request.number),
                file_customer=named_in_file.get(request.number),
            )
            for row, request, result in zip(rows, requests, judged, strict=True)
        ]

    def _named_in_file(self, rows: Sequence[DraftRow]) -> dict[int, str]:
        """Whom the file means in rows with a corrected cell, by row; nobody where that is not one."""
        corrected = [row.request for row in rows if row.has_corrected_cells]
        if not corrected:
            return {}
        with self._uow.read() as stores:
            named = stores.preflight.named(
                customers={one.customer for one in corrected},
                emails={one.customer for one in corrected if "@" in one.customer},
            )
        meant = ((one.number, named.of(one)) for one in corrected if one.customer)
        return {number: one.id for number, one in meant if not isinstance(one, Finding)}

    def _with_lengths(self, requests: Sequence[RowRequest]) -> list[RowRequest]:
        """Each suffix measured against the account's prefix as it is now."""
        if all(request.suffix is None for request in requests):
            return list(requests)
        try:
            prefix = self._statement_prefix()
        except GatewayError:
            logger.info("the statement prefix could not be read", exc_info=True)
            prefix = None
        return [_measured(request, prefix) for request in requests]

    def _judge(
        self, stores: Stores, run_id: str, requests: Sequence[RowRequest]
    ) -> list[PreflightResult]:
        now = epoch(self._clock())
        facts = stores.preflight.facts(
            customers={r.customer for r in requests},
            emails={r.customer for r in requests if "@" in r.customer},
            methods={r.payment_method for r in requests if r.payment_method},
            except_run=run_id,
            now=now,
        )
        return [judge(request, facts, now=now) for request in requests]

    def _catch_up(self) -> bool:
        """
        Bring the mirror up to date: two requests when nothing changed.

        False when it may lack customers: it was never read whole, or Stripe cannot be asked now.
        """
        if self.sync.needs_backfill():
            return False
        try:
            self.sync.run()
        except (GatewayError, SyncIncomplete):
            logger.warning("the mirror could not be brought up to date", exc_info=True)
            return False
        return True

    def _look_at_stripe(self, doubtful: Set[Doubt]) -> set[Doubt]:
        """Ask Stripe about what the mirror may not know yet; returns what could not be asked."""
        left = deque(sorted(doubtful, key=str))
        for _ in range(min(len(left), MOST_LOOKS)):
            try:
                self._look(*left[0])
            except (Missing, NotFound, InvalidInput):
                pass  # it is as the finding says
            except GatewayError:
                logger.warning("rows could not be checked at Stripe", exc_info=True)
                break
            left.popleft()
        return set(left)

    def _look(self, customer: str, method: str | None) -> None:
        if "@" in customer:
            found_here = self._customers.with_email(customer)
            ids = [one.id for one in found_here]
        elif customer.isascii():
            ids = [self._customers.refresh(customer).id]
        else:
            ids = [one.id for one in self._customers.look_up(customer)]
        if method is not None:
            self._methods.refresh(method)
        elif len(ids) == 1:
            self._methods.refresh_newest(ids[0])


def _measured(request: RowRequest, prefix: str | None) -> RowRequest:
    others = [one for one in request.findings if one.code != statement_descriptors.CODE]
    finding = statement_descriptors.finding(request.suffix, prefix)
    return replace(request, findings=(*others, finding) if finding else tuple(others))


def _doubt(request: RowRequest, result: PreflightResult, is_whole: bool) -> Doubt | None:
    """What has to be asked of Stripe before this result counts; None when nothing."""
    # That an address, or an id in one Unicode form, is one customer's alone can only be said by whoever
    # knows all customers.
    is_unsure = not is_whole and ("@" in request.customer or not request.customer.isascii())
    is_stale = any(finding.code in _MAY_BE_STALE for finding in result.findings)
    if not request.customer or not (is_unsure or is_stale):
        return None
    customer = request.customer if is_unsure else result.customer or request.customer
    return customer, request.payment_method


def _not_checked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return (*(f for f in findings if f.code not in _MAY_BE_STALE), _NOT_CHECKED)


def _row(
    run_id: str,
    row: DraftRow,
    request: RowRequest,
    result: PreflightResult,
    twice: Finding | None,
    *,
    file_customer: str | None,
) -> RunRow:
    findings = (
        *result.findings,
        *((twice,) if twice else ()),
        *findings_of(row.corrections),
    )
    state = RowState.BLOCKED if severity_of(findings) == Severity.RED else RowState.PLANNED
    return RunRow(
        run_id=run_id,
        number=request.number,
        cells=request.cells,
        request=request,
        customer=result.customer,
        payment_method=result.payment_method,
        amount=request.money.amount if request.money else None,
        currency=request.money.currency if request.money else None,
        reference=request.reference,
        description=request.description,
        suffix=request.suffix,
        state=RowState.CANCELLED if row.is_left_out else state,
        charge_id=row.charge_id or new_id("chg"),
        findings=findings,
        original=row.request if row.has_corrected_cells else None,
        file_customer=file_customer,
    )
