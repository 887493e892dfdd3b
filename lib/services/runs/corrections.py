"""
Rows of a draft, mended in place: cells corrected, customers and methods chosen, rows left out.

What the file says stays. Each change is an entry with who and why, and the row is judged anew by the
rules for every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain import payment_methods
from lib.domain.actors import Actor, Permission
from lib.domain.correction_fields import Field
from lib.domain.corrections import (
    OUT,
    Correction,
    DraftRow,
    DraftVersion,
    clean_reason,
    read,
    value_of,
)
from lib.domain.draft_decisions import (
    Changes,
    CorrectionDecision,
    entries_of,
    judged_together,
    touched_keys,
)
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.row_orders import clean_customer
from lib.domain.identity import pasted_id
from lib.domain.runs import Run, RunRow, RunState
from lib.errors import InvalidInput, NotFound, StaleState
from lib.services.runs.approve import find_run, require_state
from lib.services.runs.draft import being_changed, draft_rows, is_as_read
from lib.services.runs.row_judge import RowJudge
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# How often rows are judged again because somebody decided something meanwhile.
_TRIES = 5
_IN_BULK = 100

Decide = Callable[[DraftRow, RunRow], Changes | None]
"""What is decided of a row; None: the file's values again."""


class RunCorrections:
    def __init__(self, uow: UnitOfWork, judge: RowJudge, *, clock: Clock) -> None:
        self._uow = uow
        self._judge = judge
        self._clock = clock

    def correct(
        self,
        run_id: str,
        numbers: Iterable[int],
        changes: Mapping[Field, str],
        *,
        reason: str,
        by: Actor,
        sign: DecimalSign | None = None,
        seen: DraftVersion | None = None,
    ) -> int:
        """
        Put other values into cells of these rows, as a person wrote them; returns how many changed.

        Args:
            sign: the decimal sign of an amount that can mean two sums.
            seen: what stood on the page. Refused when the file was replaced since, or somebody else
                decided something of these rows.

        Raises:
            InvalidInput: a value that cannot stand there, no reason, or nothing that changes.
            StaleState: it is no draft, or somebody else changed these rows.
        """
        customer = changes.get(Field.CUSTOMER, "")
        with self._uow.read() as stores:
            # A results file brings the id back without what nobody sees: then it is another customer's.
            if stores.mirror.id_pasted(customer) == customer != pasted_id(customer):
                clean_customer(customer)

        def decide(row: DraftRow, _: RunRow) -> Changes:
            effective = row.corrected
            code = changes.get(Field.CURRENCY) or value_of(effective, Field.CURRENCY)
            # The currency is read first, whatever comes first in the form.
            return {
                field: read(field, changes[field], code=code, sign=sign)
                for field in sorted(changes, key=lambda one: one is not Field.CURRENCY)
            }

        return self._decide(run_id, numbers, decide, "run.correct", reason, by, seen)

    def charge_newest_methods(
        self,
        run_id: str,
        numbers: Iterable[int],
        *,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """
        Name the newest usable method of each row's customer; rows of customers without one stay.

        Raises like `correct`.
        """
        numbers = sorted(set(numbers))
        with self._uow.read() as stores:
            today = stores.meta.today(epoch(self._clock()))
            rows = stores.run_rows.some(run_id, numbers)
            twins = stores.twins.of(sorted({row.customer for row in rows if row.customer}))
        newest = {
            twin.customer.id: next(
                (m.id for m in twin.methods if payment_methods.why_not_usable(m, today) is None),
                None,
            )
            for twin in twins
        }

        methods = {row.number: newest.get(row.customer or "") for row in rows}
        return self.name_methods(run_id, methods, reason=reason, by=by, seen=seen)

    def name_methods(
        self,
        run_id: str,
        methods: Mapping[int, str | None],
        *,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """One for each row, by its number; rows without one stay. Raises like `correct`."""

        def decide(_: DraftRow, row: RunRow) -> Changes:
            method = methods.get(row.number)
            return {Field.PAYMENT_METHOD: method} if method else {}

        return self._decide(run_id, methods, decide, "run.correct", reason, by, seen)

    def undo(
        self,
        run_id: str,
        numbers: Iterable[int],
        *,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """The file's values again, and rows that were left out back in; raises like `correct`."""
        return self._decide(run_id, numbers, lambda *_: None, "run.correct", reason, by, seen)

    def leave_out(
        self,
        run_id: str,
        numbers: Iterable[int],
        *,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """Not to be charged by this run; they stay in it and in its results. Raises like `correct`."""
        out: Changes = {Field.LEFT_OUT: OUT}
        return self._decide(run_id, numbers, lambda *_: out, "run.leave_out", reason, by, seen)

    def take_back(
        self,
        run_id: str,
        numbers: Iterable[int],
        *,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """Undo `leave_out`: the rows are judged anew. Raises like `correct`."""
        back: Changes = {Field.LEFT_OUT: None}
        return self._decide(run_id, numbers, lambda *_: back, "run.take_back", reason, by, seen)

    def rows_with(self, run_id: str, code: str) -> list[int]:
        """Of which this was found, without those that are left out."""
        with self._uow.read() as stores:
            return stores.run_rows.numbers_with(run_id, code)

    def _decide(
        self,
        run_id: str,
        numbers: Iterable[int],
        decide: Decide,
        action: str,
        reason: str,
        by: Actor,
        seen: DraftVersion | None,
    ) -> int:
        by.must(Permission.CHARGE)
        reason = clean_reason(reason)
        wanted = set(numbers)
        for _ in range(_TRIES):
            now = epoch(self._clock())
            with self._uow.read() as stores:
                run = find_run(stores, run_id)
                require_state(run, RunState.DRAFT)
                log = stores.corrections.of(run_id)
                rows = {row.number: row for row in stores.run_rows.some(run_id, sorted(wanted))}
            seen = _must_be_seen(run, log, wanted, seen, by)
            before = {one.request.number: one for one in draft_rows([*rows.values()], run, log)}
            if wanted - before.keys():
                raise NotFound(f"This run has no row {min(wanted - before.keys())}.")
            entries: list[Correction] = []
            for number in sorted(wanted):
                row = before[number]
                changes = decide(row, rows[number])
                decision = CorrectionDecision(by.username, now, reason)
                entries += entries_of(run, row, changes, decision, rows[number].findings)
            if not entries:
                raise InvalidInput("Nothing would change.", code="nothing_changed")
            with self._uow.read() as stores:
                entries = _beside(stores, entries)
            changed = sorted({entry.row for entry in entries})
            with self._uow.read() as stores:
                # Whatever was decided since then is noticed before anything is written.
                keys = touched_keys(run, before, log, entries)
                others = stores.run_rows.with_references(run_id, sorted(keys))
            before |= {one.request.number: one for one in draft_rows(others, run, log)}
            judged = self._judge.judged(run_id, judged_together(run, before, log, entries))
            with self._uow.write(in_bulk=len(judged) > _IN_BULK) as stores:
                if not is_as_read(stores, run, log):
                    continue
                stores.corrections.add(run_id, entries)
                stores.run_rows.drop(run_id, [row.number for row in judged])
                stores.run_rows.add(judged)
                stores.runs.sum_up(run_id)
                _audit(stores, now, by, action, run_id, entries, reason)
            return len(changed)
        raise being_changed()


def _beside(stores: Stores, entries: Iterable[Correction]) -> list[Correction]:
    """With whom each customer is chosen beside: whoever comes later was not shown."""
    customers = {
        e.value for e in entries if e.field is Field.CUSTOMER and e.value and not e.is_undo
    }
    others = {id_: stores.twins.beside(id_) for id_ in customers}
    return [
        replace(entry, beside=others.get(entry.value or "", ()))
        if entry.field is Field.CUSTOMER
        else entry
        for entry in entries
    ]


def _must_be_seen(
    run: Run, log: Sequence[Correction], numbers: set[int], seen: DraftVersion | None, by: Actor
) -> DraftVersion:
    """
    Raises:
        StaleState: these rows are not what the person looked at.
    """
    # Without a page, rows are those of the file as it was read first, whoever corrected them.
    seen = seen or DraftVersion(run.file_version, log[-1].id if log else 0)
    if run.file_version != seen.file:
        raise StaleState("This draft got another file a moment ago. Look at its rows again.")
    for entry in reversed(log):
        if entry.id > seen.entry and entry.row in numbers and entry.by != by.username:
            raise StaleState(
                f"{entry.by} changed row {entry.row} a moment ago. Look at it again before you change it."
            )
    return seen


def _audit(
    stores: Stores,
    at: int,
    by: Actor,
    action: str,
    run_id: str,
    entries: Sequence[Correction],
    reason: str,
) -> None:
    values = {
        entry.field.value: entry.value for entry in entries if entry.field is not Field.LEFT_OUT
    }
    stores.audit.record(
        at=at,
        actor=by.username,
        action=action,
        subject=run_id,
        detail={
            "rows": sorted({entry.row for entry in entries}),
            "reason": reason,
        }
        | ({"changed": sorted(values)} if values else {}),
    )
