"""The run object and the results of a run, row by row in the order of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from lib.clock import Clock, epoch
from lib.domain.blocked_rows import block_of
from lib.domain.charges import ChargeState
from lib.domain.declines import shown_code
from lib.domain.files.row_errors import RowError
from lib.domain.files.run_columns import RESULT_COLUMNS
from lib.domain.mirror import Decline
from lib.domain.runs import ApprovalDecision, CollectedElsewhere, RowState, Run, RunRow, Severity
from lib.services.charges.view import ChargeView, views_of
from lib.services.runs.approve import find_run
from lib.services.runs.messages import MESSAGE_PARTS, message_about, needs_message
from lib.store.unit_of_work import Stores, UnitOfWork

MESSAGE_COLUMNS = ("email", "name", *MESSAGE_PARTS)
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class RunView:
    run: Run
    decisions: tuple[ApprovalDecision, ...]
    counts: Mapping[str, int]
    """Rows by state; of those that were sent, by the state of their own try in this run."""
    totals: Mapping[str, Mapping[str, int]]
    """Minor units by currency and state."""
    elsewhere: tuple[CollectedElsewhere, ...] = ()
    """Part of what failed here; in no state of these totals a success."""
    failed_still: int = 0
    """Rows that failed and were not collected elsewhere since, nor are being tried again."""

    def as_json(self) -> dict[str, object]:
        """The run object of the contract."""
        run = self.run
        return {
            "run_id": run.id,
            "name": run.name,
            "status": run.state.value,
            "digest": run.digest,
            "approvals_needed": run.approvals_needed,
            "control": None if run.control is None else run.control.as_json(),
            "reading": run.reading,
            "decisions": [
                {
                    "decision": d.decision,
                    # The name until 0.1.0.
                    "verdict": d.decision,
                    "by": d.by,
                    "at": d.at,
                    "reason": d.reason,
                    "is_current": d.digest == run.digest,
                }
                for d in self.decisions
            ],
            "counts": dict(self.counts),
            "totals": {code: dict(states) for code, states in self.totals.items()},
            "collected_elsewhere": [asdict(one) for one in self.elsewhere],
            "stopped": {"code": run.stop_code, "message": run.stop_message}
            if run.stop_code
            else None,
        }


@dataclass(frozen=True, slots=True)
class RowView:
    row: RunRow
    charge: ChargeView | None
    """None until the row is sent."""

    @property
    def state(self) -> str:
        if self.row.state is RowState.SENT and self.charge is not None:
            return self.charge.charge.state.value
        return self.row.state.value

    @property
    def reasons(self) -> str:
        """Why our own rules keep the row back, in words."""
        return " ".join(f.message for f in self.row.findings if f.severity is Severity.RED)

    def as_json(self) -> dict[str, object]:
        """The charge object of the contract, with the row's number."""
        row = self.row
        findings = {"findings": [asdict(finding) for finding in row.findings]}
        if self.charge is not None and row.state is RowState.SENT:
            return {"row": row.number, **self.charge.as_json(), **findings}
        return {
            "row": row.number,
            "charge_id": row.charge_id,
            "reference": row.reference,
            "customer": row.customer or row.request.customer,
            "payment_method": row.payment_method,
            "amount": row.amount,
            "currency": row.currency,
            "state": row.state.value,
            "payment_intent": None,
            "attempts": 0,
            "failure": self._blocked(),
            **findings,
        }

    @property
    def errors(self) -> list[RowError]:
        """What was found of the row, red and amber."""
        return [
            RowError(self.row.number, f.column or "", f.code, f.message, f.severity)
            for f in self.row.findings
        ]

    def results(self) -> tuple[str, ...]:
        """The cells under `RESULT_COLUMNS`, without the last: that is the file's."""
        sent = self.charge if self.row.state is RowState.SENT else None
        if sent is None:
            blocked = self._blocked()
            if blocked is None:
                return (self.state, "", "", "", "", "", "")
            reason, step = str(blocked["reason"]), f"{self.reasons} {blocked['next_step']}"
            return (self.state, "", str(blocked["code"]), reason, step, "", "")
        last, failure = sent.last, sent.failure
        is_paid = sent.charge.state in (ChargeState.SUCCEEDED, ChargeState.PROCESSING)
        charged_at = last.outcome_at if last is not None and is_paid else None
        decline = last.decline if last is not None and failure is not None else Decline()
        code = shown_code(decline.decline_code or decline.code)
        return (
            self.state,
            (last.payment_intent if last else None) or "",
            str(code or ""),
            failure.reason.value if failure else "",
            sent.next_step or "",
            sent.recovery_url or "",
            datetime.fromtimestamp(charged_at, UTC).isoformat() if charged_at else "",
        )

    def _blocked(self) -> dict[str, object] | None:
        red = [f for f in self.row.findings if f.severity is Severity.RED]
        if self.row.state is not RowState.BLOCKED or not red:
            return None
        block = block_of(red[0])
        return {
            "code": red[0].code,
            "decline_code": None,
            "advice_code": None,
            "reason": block.reason.value,
            "message": self.reasons,
            "next_step": block.next_step,
            "retry_allowed": all(block_of(finding).retry_allowed for finding in red),
            "retry_not_before": red[0].not_before,
            "recovery_url": None,
            "request_id": None,
        }


class RunViews:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, public_url: str) -> None:
        self._uow = uow
        self._clock = clock
        self._public_url = public_url

    def run(self, run_id: str) -> RunView:
        """
        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            counts, totals = stores.run_rows.sums(run_id)
            return RunView(
                run=find_run(stores, run_id),
                decisions=tuple(stores.runs.decisions(run_id)),
                counts=counts,
                totals=totals,
                elsewhere=tuple(stores.run_rows.collected_elsewhere(run_id)),
                failed_still=stores.run_rows.failed_still(run_id),
            )

    def unreadable(self, run_id: str) -> int:
        """Rows whose amount could not be read: they are in no sum."""
        with self._uow.read() as stores:
            return stores.run_rows.file_totals(run_id).unreadable

    def rows(self, run_id: str) -> Iterator[RowView]:
        """All rows in the order of the file, read page by page."""
        after = 0
        while True:
            with self._uow.read() as stores:
                page = self._page(stores, run_id, after)
            if not page:
                return
            yield from page
            after = page[-1].row.number

    def results(self, run_id: str) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
        """
        The header and the rows of the results file: the columns of the file, then those of the outcome.

        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
        width, read = len(run.header), str((run.reading or {}).get("words", ""))

        def lines() -> Iterator[tuple[str, ...]]:
            for view in self.rows(run_id):
                cells = view.row.cells[:width]
                yield (*cells, *("",) * (width - len(cells)), *view.results(), read)

        return (*run.header, *RESULT_COLUMNS), lines()

    def messages(
        self, run_id: str, *, numbers: Collection[int] | None = None
    ) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
        """
        The header and a row for each customer who can do something about what failed, for a mail
        merge: one message about all of it, with one link. Raises like `results`.

        Args:
            numbers: only of these rows; of all when None.
        """
        with self._uow.read() as stores:
            find_run(stores, run_id)
            # Whoever saved a new card has done their part; it is ours to try again.
            done = {card.charge_id for card in stores.new_cards.arrived(run_id, since=0)}
        failed: dict[str, dict[str, ChargeView]] = {}
        for view in self.rows(run_id):
            charge = view.charge
            if charge is None or view.row.state is not RowState.SENT or not needs_message(charge):
                continue
            if charge.charge.id not in done and (numbers is None or view.row.number in numbers):
                # By charge: two rows may have tried the same one.
                failed.setdefault(charge.charge.customer, {})[charge.charge.id] = charge

        def lines() -> Iterator[tuple[str, ...]]:
            with self._uow.read() as stores:
                for customer_id, charges in failed.items():
                    message = message_about(list(charges.values()))
                    if message is not None:
                        customer = stores.mirror.customer(customer_id)
                        email, name = (customer.email, customer.name) if customer else ("", "")
                        yield (email or "", name or "", *message)

        return MESSAGE_COLUMNS, lines()

    def _page(self, stores: Stores, run_id: str, after: int) -> list[RowView]:
        rows = stores.run_rows.of(run_id, after=after, limit=_PAGE)
        charges = views_of(
            stores,
            [row.charge_id for row in rows],
            public_url=self._public_url,
            now=epoch(self._clock()),
        )
        return [RowView(row, charges.get(row.charge_id)) for row in rows]
