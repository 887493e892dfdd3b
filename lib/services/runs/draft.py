"""Makes a run of charges from rows, and judges them before anybody approves. No money moves here."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from lib.clock import Clock, epoch
from lib.domain import statement_descriptors
from lib.domain.actors import Actor, Permission
from lib.domain.preflight import PreflightResult, judge
from lib.domain.references import repeated
from lib.domain.runs import (
    Finding,
    RowRequest,
    RowState,
    Run,
    RunRow,
    RunState,
    Severity,
    clean_name,
    severity_of,
)
from lib.errors import GatewayError, InvalidInput, Missing, NotFound
from lib.ids import new_id
from lib.services.collect.customers import CustomerService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.mirror.result import SyncIncomplete
from lib.services.mirror.sync import SyncService
from lib.services.runs.approve import find_run, require_state
from lib.store.unit_of_work import Stores, UnitOfWork

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
_MOST_LOOKS = 200
_NOT_CHECKED = Finding(
    "customer_not_checked",
    Severity.RED,
    "Stripe could not be asked about this customer. Check the rows again; as long as Onfile has not read everything (see Sync health), write ids instead of addresses.",
    "customer",
)
Doubt = tuple[str, str | None]
"""A customer's id or address, and the method that was named."""


@dataclass(frozen=True, slots=True)
class RunSource:
    """Where the rows of a run come from."""

    header: tuple[str, ...]
    name: str
    file_name: str | None = None
    file_digest: str | None = None
    """SHA-256 of the file's bytes."""
    follows: str | None = None
    reading: Mapping[str, Any] | None = None


class RunDrafts:
    def __init__(
        self,
        uow: UnitOfWork,
        customers: CustomerService,
        methods: PaymentMethodService,
        sync: SyncService,
        *,
        clock: Clock,
        livemode: bool,
        statement_prefix: Callable[[], str | None],
    ) -> None:
        """`statement_prefix` asks Stripe what stands before a suffix on statements."""
        self._statement_prefix = statement_prefix
        self._uow = uow
        self._customers = customers
        self._methods = methods
        self.sync = sync
        self._clock = clock
        self._livemode = livemode

    def create(self, source: RunSource, requests: Sequence[RowRequest], *, by: Actor) -> Run:
        """
        A draft with every row, judged. Rows that cannot be charged are kept, with their reasons.

        Raises:
            InvalidInput: no rows, or no name.
        """
        by.must(Permission.CHARGE)
        if not requests:
            raise InvalidInput("There are no rows in this file.", code="no_rows")
        now = epoch(self._clock())
        run = Run(
            id=new_id("run"),
            name=clean_name(source.name),
            state=RunState.DRAFT,
            header=source.header,
            file_name=source.file_name,
            file_digest=source.file_digest,
            follows=source.follows,
            reading=source.reading,
            created_by=by.username,
            created_at=now,
        )
        rows = self._judged(run.id, requests)
        with self._uow.write(in_bulk=True) as stores:
            stores.runs.add(run, livemode=self._livemode)
            stores.run_rows.add(rows)
            stores.runs.sum_up(run.id)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="run.make",
                subject=run.id,
                detail={
                    "name": run.name,
                    "rows": len(rows),
                    "file": source.file_name,
                    "file_digest": source.file_digest,
                    "reading": source.reading and source.reading["words"],
                },
            )
        return run

    def check_again(self, run_id: str, *, by: Actor) -> Run:
        """Judge the rows of a draft by what is known now; rows left out by hand stay out."""
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            require_state(run, RunState.DRAFT)
            before = stores.run_rows.of(run_id)
        rows = self._judged(run_id, [row.request for row in before])
        left_out = {row.number for row in before if row.state is RowState.CANCELLED}
        with self._uow.write(in_bulk=True) as stores:
            require_state(find_run(stores, run_id), RunState.DRAFT)
            stores.run_rows.drop(run_id)
            stores.run_rows.add(
                replace(row, state=RowState.CANCELLED) if row.number in left_out else row
                for row in rows
            )
            stores.runs.sum_up(run_id)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="run.check_again",
                subject=run_id,
                detail={"rows": len(rows)},
            )
        return run

    def leave_out(self, run_id: str, numbers: Iterable[int], *, by: Actor) -> None:
        """Take rows out of a draft; they stay in the results as cancelled."""
        self._set(run_id, numbers, RowState.PLANNED, RowState.CANCELLED, "run.leave_out", by)

    def take_back(self, run_id: str, numbers: Iterable[int], *, by: Actor) -> None:
        """Undo `leave_out`."""
        self._set(run_id, numbers, RowState.CANCELLED, RowState.PLANNED, "run.take_back", by)

    def _set(
        self,
        run_id: str,
        numbers: Iterable[int],
        before: RowState,
        after: RowState,
        action: str,
        by: Actor,
    ) -> None:
        by.must(Permission.CHARGE)
        changed = sorted(set(numbers))
        with self._uow.write() as stores:
            require_state(find_run(stores, run_id), RunState.DRAFT)
            for number in changed:
                row = stores.run_rows.find(run_id, number)
                is_red = row is not None and severity_of(row.findings) == Severity.RED
                stores.run_rows.mark(
                    run_id,
                    number,
                    before=before,
                    after=RowState.BLOCKED if is_red else after,
                )
            stores.runs.sum_up(run_id)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action=action,
                subject=run_id,
                detail={"rows": changed},
            )

    def _judged(self, run_id: str, requests: Sequence[RowRequest]) -> list[RunRow]:
        requests = self._with_lengths(requests)
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
        twice = repeated(requests, [result.customer for result in judged])
        return [
            _row(run_id, request, result, twice.get(request.number))
            for request, result in zip(requests, judged, strict=True)
        ]

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
        for _ in range(min(len(left), _MOST_LOOKS)):
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
        else:
            ids = [self._customers.refresh(customer).id]
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
    # That an address is one customer's alone can only be said by whoever knows all customers.
    is_unsure = "@" in request.customer and not is_whole
    is_stale = any(finding.code in _MAY_BE_STALE for finding in result.findings)
    if not request.customer or not (is_unsure or is_stale):
        return None
    customer = request.customer if is_unsure else result.customer or request.customer
    return customer, request.payment_method


def _not_checked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return (*(f for f in findings if f.code not in _MAY_BE_STALE), _NOT_CHECKED)


def _row(
    run_id: str, request: RowRequest, result: PreflightResult, twice: Finding | None
) -> RunRow:
    findings = (*result.findings, *((twice,) if twice else ()))
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
        state=RowState.BLOCKED if severity_of(findings) == Severity.RED else RowState.PLANNED,
        charge_id=new_id("chg"),
        findings=findings,
    )
