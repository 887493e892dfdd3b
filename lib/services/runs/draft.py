"""Makes a run of charges from rows, judged before anybody approves. No money moves here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.correction_fields import Field
from lib.domain.corrections import Correction, DraftRow, in_effect
from lib.domain.kept_decisions import Dropped, kept_decisions
from lib.domain.runs import RowRequest, RowState, Run, RunRow, RunState, clean_name
from lib.errors import InvalidInput, StaleState
from lib.ids import new_id
from lib.services.runs.approve import find_run, require_state
from lib.services.runs.row_judge import RowJudge
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# How often a draft is judged again because somebody changed it meanwhile.
_TRIES = 5


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


@dataclass(frozen=True, slots=True)
class Replacement:
    """What became of the decisions when a draft got another file."""

    run: Run
    kept: int
    """Rows."""
    dropped: tuple[Dropped, ...]


class RunDrafts:
    def __init__(self, uow: UnitOfWork, judge: RowJudge, *, clock: Clock, livemode: bool) -> None:
        self._uow = uow
        self.judge = judge
        self._clock = clock
        self._livemode = livemode

    def create(
        self,
        source: RunSource,
        requests: Sequence[RowRequest],
        *,
        by: Actor,
        corrections: Sequence[Correction] = (),
    ) -> Run:
        """
        A draft with every row, judged. Rows that cannot be charged are kept, with their reasons.

        Args:
            corrections: that come along from an earlier run.

        Raises:
            InvalidInput: no rows, or no name.
        """
        by.must(Permission.IMPORT)
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
        decided = in_effect(corrections, file_version=run.file_version)
        rows = self.judge.judged(run.id, [_draft_row(one, decided) for one in requests])
        with self._uow.write(in_bulk=True) as stores:
            stores.runs.add(run, livemode=self._livemode)
            stores.corrections.add(run.id, corrections)
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
        """Judge the rows of a draft by what is known now; corrections stay, and what was left out."""
        by.must(Permission.IMPORT)
        for _ in range(_TRIES):
            with self._uow.read() as stores:
                run = find_run(stores, run_id)
                require_state(run, RunState.DRAFT)
                log = stores.corrections.of(run_id)
                before = draft_rows(stores.run_rows.of(run_id), run, log)
            # New charge ids: nothing of a draft was sent.
            rows = self.judge.judged(run_id, [replace(row, charge_id=None) for row in before])
            with self._uow.write(in_bulk=True) as stores:
                if not is_as_read(stores, run, log):
                    continue
                stores.run_rows.drop(run_id)
                stores.run_rows.add(rows)
                stores.runs.sum_up(run_id)
                stores.audit.record(
                    at=epoch(self._clock()),
                    actor=by.username,
                    action="run.check_again",
                    subject=run_id,
                    detail={"rows": len(rows)},
                )
                return run
        raise being_changed()

    def replace_file(
        self,
        run_id: str,
        source: RunSource,
        requests: Sequence[RowRequest],
        *,
        by: Actor,
        corrections: Sequence[Correction] = (),
    ) -> Replacement:
        """
        Another file under a draft. What was decided of a row is kept where its customer, reference,
        amount and currency are unchanged.

        Args:
            corrections: that come along with the file; what was decided here goes before them.

        Raises:
            InvalidInput: no rows.
            StaleState: it is no draft.
        """
        by.must(Permission.IMPORT)
        if not requests:
            raise InvalidInput("There are no rows in this file.", code="no_rows")
        for _ in range(_TRIES):
            now = epoch(self._clock())
            with self._uow.read() as stores:
                run = find_run(stores, run_id)
                require_state(run, RunState.DRAFT)
                log = stores.corrections.of(run_id)
                before = draft_rows(stores.run_rows.of(run_id), run, log)
            replaced = replace(
                run,
                header=source.header,
                file_name=source.file_name,
                file_digest=source.file_digest,
                reading=source.reading,
                file_version=run.file_version + 1,
            )
            kept, dropped = kept_decisions(
                before, requests, file_version=replaced.file_version, by=by.username, at=now
            )
            along = [replace(one, file_version=replaced.file_version) for one in corrections]
            entries = [*along, *kept]
            decided = in_effect(entries, file_version=replaced.file_version)
            rows = self.judge.judged(run_id, [_draft_row(one, decided) for one in requests])
            with self._uow.write(in_bulk=True) as stores:
                if not is_as_read(stores, run, log) or not stores.corrections.replace_file(
                    replaced
                ):
                    continue
                stores.run_rows.drop(run_id)
                stores.corrections.add(run_id, entries)
                stores.run_rows.add(rows)
                stores.runs.sum_up(run_id)
                stores.audit.record(
                    at=now,
                    actor=by.username,
                    action="run.replace_file",
                    subject=run_id,
                    detail={
                        "rows": len(rows),
                        "file": source.file_name,
                        "file_digest": source.file_digest,
                        "file_digest_before": run.file_digest,
                        "kept": len({entry.row for entry in kept}),
                        "dropped": [one.row for one in dropped],
                    },
                )
                return Replacement(
                    find_run(stores, run_id), len({entry.row for entry in kept}), tuple(dropped)
                )
        raise being_changed()


def draft_rows(rows: Sequence[RunRow], run: Run, log: Sequence[Correction]) -> list[DraftRow]:
    """As they were before they were judged."""
    decided = in_effect(log, file_version=run.file_version)
    return [
        DraftRow(
            request=row.original or row.request,
            corrections=decided.get(row.number, {}),
            is_left_out=row.state is RowState.CANCELLED,
            charge_id=row.charge_id,
        )
        for row in rows
    ]


def is_as_read(stores: Stores, run: Run, log: Sequence[Correction]) -> bool:
    """
    Whether nobody decided anything of this draft since, nor gave it another file.

    Raises:
        StaleState: it is no draft any more.
    """
    current = find_run(stores, run.id)
    require_state(current, RunState.DRAFT)
    last = log[-1].id if log else 0
    return current.file_version == run.file_version and stores.corrections.last_id(run.id) == last


def being_changed() -> StaleState:
    return StaleState("Somebody else is changing this draft right now. Look at it and try again.")


def _draft_row(request: RowRequest, decided: Mapping[int, Mapping[Field, Correction]]) -> DraftRow:
    corrections = decided.get(request.number, {})
    return DraftRow(request, corrections, is_left_out=Field.LEFT_OUT in corrections)
