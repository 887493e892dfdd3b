"""The run object and the results of a run, row by row in the order of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor
from lib.domain.announcements import ToldOfRow
from lib.domain.approvals import NOT_OPENED_STATES, is_renewable
from lib.domain.blocked_rows import block_of
from lib.domain.books import local
from lib.domain.charges import ChargeState
from lib.domain.correction_fields import Field
from lib.domain.corrections import NOTHING, InEffect, in_effect
from lib.domain.declines import shown_code
from lib.domain.files.row_errors import RowError
from lib.domain.files.run_columns import ANNOUNCEMENT_COLUMNS, CORRECTION_COLUMNS, RESULT_COLUMNS
from lib.domain.mirror import Decline
from lib.domain.runs import RowState, RunRow, RunState, Severity
from lib.domain.waiting_charges import CODE, IN_WORDS, NEXT_STEP, NO_CARD
from lib.services.charges.view import ChargeView, views_of
from lib.services.messages.compose import MessageComposer
from lib.services.messages.composed import Composed
from lib.services.messages.failures import is_told
from lib.services.runs.approve import find_run
from lib.services.runs.messages import MESSAGE_COLUMNS, message_row
from lib.services.runs.run_object import Counted, RunView
from lib.services.staff import dual_approval
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_PAGE = 1_000


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

    def as_json(self, *, by: Actor) -> dict[str, object]:
        """The charge object of the contract as this person sees it, with the row's number."""
        row = self.row
        findings = {"findings": [asdict(finding) for finding in row.findings]}
        if self.charge is not None and row.state is RowState.SENT:
            return {"row": row.number, **self.charge.as_json(by=by), **findings}
        return {
            "row": row.number,
            "charge_id": row.charge_id,
            "reference": row.reference,
            "customer": row.customer or row.request.customer,
            "payment_method": row.payment_method or None,
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

    def corrections(self, in_effect: InEffect) -> tuple[str, ...]:
        """The cells under `CORRECTION_COLUMNS`: what was corrected, and by whom and why."""
        values = [
            "" if field not in in_effect else in_effect[field].value or NOTHING for field in Field
        ]
        why = "; ".join(entry.in_words for entry in in_effect.values())
        return (*values, why)

    def results(self, timezone: str, *, by: Actor) -> tuple[str, ...]:
        """
        The cells under `RESULT_COLUMNS` as this person sees them, without the last: that is the file's.
        Times as they were in this zone, with its offset.
        """
        charge = self.charge if self.row.state is RowState.SENT else None
        sent = charge.seen_by(by) if charge is not None else None
        if sent is None:
            blocked = self._blocked()
            if blocked is None:
                return (self.state, "", "", "", "", "", "")
            reason, step = str(blocked["reason"]), f"{self.reasons} {blocked['next_step']}"
            return (self.state, "", str(blocked["code"]), reason, step, "", "")
        if sent.waits:
            url = sent.recovery_url or ""
            return (self.state, "", CODE, CODE, f"{IN_WORDS} {NEXT_STEP}", url, "")
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
            local(charged_at, timezone).isoformat() if charged_at else "",
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
    def __init__(
        self,
        uow: UnitOfWork,
        composer: MessageComposer,
        *,
        clock: Clock,
        public_url: str,
        timezone: str,
    ) -> None:
        self._uow = uow
        self._composer = composer
        self._clock = clock
        self._public_url = public_url
        self._timezone = timezone

    def run(self, run_id: str) -> RunView:
        """
        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            counts, totals = stores.run_rows.sums(run_id)
            run = find_run(stores, run_id)
            lacking = (
                stores.run_rows.numbers_with(run_id, NO_CARD) if run.state is RunState.DRAFT else ()
            )
            return RunView(
                run=run,
                standing=dual_approval.standing(stores, run, now=epoch(self._clock()))
                if is_renewable(run)
                else None,
                decisions=tuple(stores.run_decisions.of(run_id)),
                counts=counts,
                totals=totals,
                elsewhere=tuple(stores.run_rows.collected_elsewhere(run_id)),
                failed_still=stores.run_rows.failed_still(run_id),
                waiting=len(stores.waiting_charges.of_run(run_id)),
                without_card=len(lacking),
                stopped=Counted(*stores.run_rows.stopped(run_id))
                if run.state in NOT_OPENED_STATES
                else Counted(),
            )

    def newest(self, most: int) -> list[RunView]:
        with self._uow.read() as stores:
            ids = stores.runs.newest(most)
        return [self.run(id_) for id_ in ids]

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

    def results(
        self, run_id: str, *, by: Actor
    ) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
        """
        The header and the rows of the results file as this person sees it: the columns of the file,
        those of the outcome, and, where rows were corrected, what is charged in the place of what the
        file says; where payers were told, when and of which day.

        Raises:
            NotFound: no such run.
        """
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            decided = in_effect(stores.corrections.of(run_id), file_version=run.file_version)
            entries = {one.number: one for one in stores.announcements.told_of(run_id)}
        width, read = len(run.header), str((run.reading or {}).get("words", ""))

        def lines() -> Iterator[tuple[str, ...]]:
            for view in self.rows(run_id):
                cells = view.row.cells[:width]
                outcome = view.results(self._timezone, by=by)
                line = (*cells, *("",) * (width - len(cells)), *outcome, read)
                if decided:
                    line = (*line, *view.corrections(decided.get(view.row.number, {})))
                if entries:
                    line = (*line, *_announced(entries.get(view.row.number), self._timezone))
                yield line

        more = CORRECTION_COLUMNS if decided else ()
        last = ANNOUNCEMENT_COLUMNS if entries else ()
        return (*run.header, *RESULT_COLUMNS, *more, *last), lines()

    def messages(
        self, run_id: str, *, numbers: Collection[int] | None = None
    ) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
        """The header and the rows of a file for a mail merge, of what `composed` has."""
        return MESSAGE_COLUMNS, map(message_row, self.composed(run_id, numbers=numbers))

    def composed(
        self, run_id: str, *, numbers: Collection[int] | None = None
    ) -> Iterator[Composed]:
        """
        A message for each customer who can do something about what failed: one about all of it, with
        one link. Raises like `results`.

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
            if charge is None or view.row.state is not RowState.SENT or not is_told(charge):
                continue
            if charge.charge.id not in done and (numbers is None or view.row.number in numbers):
                # By charge: two rows may have tried the same one.
                failed.setdefault(charge.charge.customer, {})[charge.charge.id] = charge
        return self._composed(failed)

    def _composed(self, failed: Mapping[str, Mapping[str, ChargeView]]) -> Iterator[Composed]:
        with self._uow.read() as stores:
            for charges in failed.values():
                composed = self._composer.about_charges(stores, list(charges.values()))
                if composed is not None:
                    yield composed

    def _page(self, stores: Stores, run_id: str, after: int) -> list[RowView]:
        rows = stores.run_rows.of(run_id, after=after, limit=_PAGE)
        charges = views_of(
            stores,
            [row.charge_id for row in rows],
            public_url=self._public_url,
            now=epoch(self._clock()),
        )
        return [RowView(row, charges.get(row.charge_id)) for row in rows]


def _announced(one: ToldOfRow | None, timezone: str) -> tuple[str, str]:
    """The cells under `ANNOUNCEMENT_COLUMNS`; both empty until the message has left."""
    if one is None or one.told_at is None:
        return "", ""
    return local(one.told_at, timezone).isoformat(), one.charge_on
