"""The commands of charge runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lib.cli.amounts import sign_of, two_sums_named
from lib.cli.answers import Answer, person, read_file, write_file
from lib.cli.drafts import choices
from lib.cli.run_findings import causes, in_words, objects, stopped
from lib.cli.staff import password_again
from lib.domain import announcements
from lib.domain.actors import Actor, Permission
from lib.domain.control_totals import typed
from lib.domain.files.sheets import Note
from lib.domain.files.typed_sums import listed
from lib.domain.newer_methods import NEWER_METHOD
from lib.domain.runs import LOOK_SECONDS, RowState, Run, RunState, Severity
from lib.money import format_money
from lib.printing.certificates import RESULTS

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.announcements import ToldOfRow
    from lib.domain.files.row_errors import RowError
    from lib.services.runs.run_object import RunView
    from lib.services.runs.view import RowView


_LISTED = 50


def import_file(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    path, by = Path(arguments.file), person(actor)
    upload = services.runs.files.open(read_file(path), path.name, encoding=arguments.encoding)
    run = services.runs.files.create_run(
        upload,
        name=arguments.name or path.stem,
        by=by,
        default_currency=arguments.currency,
        choices=choices(arguments),
    )
    view = services.runs.views.run(run.id)
    rows = list(services.runs.views.rows(run.id))
    errors = [error for row in rows for error in row.errors]
    valid, totals = view.chargeable.rows, view.chargeable.totals
    notes = [*upload.sheet.notes, *(Note("column", doubt) for doubt in upload.guess.doubts)]
    return Answer(
        {
            "run_id": run.id,
            "rows": len(rows),
            "valid": valid,
            "errors": objects(errors, Severity.RED),
            "stopped": objects(errors, Severity.STOPPED),
            "warnings": objects(errors, Severity.AMBER),
            "causes": causes(errors),
            "totals": dict(totals),
            "stopped_rows": view.stopped.as_json(),
            "notes": [asdict(note) for note in notes],
            "reading": run.reading,
            "same_file_as": [earlier.id for earlier in upload.earlier],
        },
        [f"{run.name} ({run.id}): {valid} of {len(rows)} rows can be charged"]
        + [f"  {format_money(amount, code)}" for code, amount in totals.items()]
        + stopped(view)
        + _read(run)
        + [f"  look at this: {note.message}" for note in notes]
        + _one_choice(run, errors)
        + in_words(errors),
    )


def _one_choice(run: Run, errors: Sequence[RowError]) -> list[str]:
    if all(error.code != NEWER_METHOD for error in errors):
        return []
    return [
        f"  one choice for the file: runs newer-methods {run.id} use, or leave to charge the defaults"
    ]


def _read(run: Run) -> list[str]:
    return [f"  {run.reading['words']}"] if run.reading else []


def submit(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    with two_sums_named():
        control = typed(arguments.expect_rows, _expected(services, arguments), sign_of(arguments))
    services.runs.approvals.submit(
        arguments.run,
        by=person(actor),
        control=control,
        canary=arguments.canary,
        charge_new_cards=arguments.charge_new_cards,
        wait_for_cards=arguments.wait_for_cards,
    )
    return _shown(services, arguments)


def _expected(services: Services, arguments: Arguments) -> list[tuple[str, str]]:
    """Totals as AMOUNT:CUR, or as the run shows them."""
    totals: list[tuple[str, str]] = []
    for text in arguments.expect_totals:
        amount, sign, code = text.rpartition(":")
        if sign:
            totals.append((amount, code))
        else:
            currencies = services.runs.views.run(arguments.run).totals
            totals += listed(text, currencies)
    return totals


def approve(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, looked_at = person(actor), services.runs.views.run(arguments.run)
    digest = arguments.digest or looked_at.run.digest or ""
    services.runs.approvals.approve(
        arguments.run,
        digest=digest,
        by=by,
        password=password_again(arguments),
        note=arguments.note,
    )
    return _decided(services, arguments, "Approved", looked_at, digest)


def reject(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, looked_at = person(actor), services.runs.views.run(arguments.run)
    digest = arguments.digest or looked_at.run.digest or ""
    services.runs.approvals.reject(
        arguments.run,
        digest=digest,
        by=by,
        password=password_again(arguments),
        reason=arguments.reason,
    )
    return _decided(services, arguments, "Rejected", looked_at, digest)


def _decided(
    services: Services, arguments: Arguments, word: str, looked_at: RunView, digest: str
) -> Answer:
    """The run, and exactly what was decided on, as it was read before the decision."""
    decision: dict[str, object] = {"digest": digest}
    lines = [f"{word}: digest {digest}"]
    if digest == looked_at.run.digest:
        planned = RowState.PLANNED.value
        rows = looked_at.counts.get(planned, 0)
        totals = {c: of[planned] for c, of in looked_at.totals.items() if planned in of}
        decision |= {"rows": rows, "totals": totals}
        sums = ", ".join(format_money(amount, code) for code, amount in totals.items())
        lines = [f"{word}: {rows} {'row' if rows == 1 else 'rows'}, {sums} (digest {digest})"]
    shown = _shown(services, arguments)
    return Answer(shown.data | {"decided_on": decision}, [*lines, *shown.lines])


def cancel(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.runs.control.cancel(arguments.run, by=person(actor))
    return _shown(services, arguments)


def pause(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.runs.control.pause(arguments.run, by=person(actor))
    return _shown(services, arguments)


def resume(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.runs.control.resume(arguments.run, by=person(actor))
    return _shown(services, arguments)


def start(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.runs.control.start(arguments.run, by=person(actor))
    if arguments.wait:
        # Another process may have it: then watch, and take it over should that one die.
        while services.runs.control.find(arguments.run).state is RunState.RUNNING:
            if not services.runs.executor.execute(arguments.run):
                time.sleep(LOOK_SECONDS)
    return _shown(services, arguments)


def show(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    view = services.runs.views.run(arguments.run)
    rows = list(services.runs.views.rows(arguments.run))
    errors = [error for row in rows for error in row.errors]
    shown = {
        "charges": [row.as_json(by=person(actor)) for row in rows],
        "errors": objects(errors, Severity.RED),
        # `stopped` is why the whole run rests.
        "stopped_findings": objects(errors, Severity.STOPPED),
        "warnings": objects(errors, Severity.AMBER),
        "causes": causes(errors),
    }
    corrections = services.runs.draft_views.corrections(arguments.run)
    entries = services.runs.announcements.told_of(arguments.run)
    shown["announced"] = [asdict(one) for one in entries]
    return Answer(
        view.as_json() | shown | corrections.as_json(),
        [
            *_lines(view, services.settings.timezone),
            *stopped(view),
            *_read(view.run),
            *in_words(errors),
            *(
                f"  {sentence}"
                for sentence in _announced(entries, rows, services.settings.timezone)
            ),
        ]
        + (
            [f"  against the file: {corrections.totals.in_words()}"]
            if corrections.totals.rows
            else []
        ),
    )


def _announced(entries: Sequence[ToldOfRow], rows: Sequence[RowView], timezone: str) -> list[str]:
    to_charge = sum(one.row.state is not RowState.BLOCKED for one in rows)
    return announcements.in_words(entries, rows=to_charge, timezone=timezone)


def certificate(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.runs.certificates.certify(arguments.run, by=person(actor))
    lines = [RESULTS[made.result]]
    if arguments.out:
        target = Path(arguments.out)
        write_file(target, services.runs.papers.printed(made))
        lines.append(f"Certificate in {target}")
    return Answer(
        {"run_id": made.run_id, "result": made.result, "verdict": made.result} | dict(made.content),
        lines,
    )


def list_runs(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """The newest ones, as a page shows them."""
    person(actor).must(Permission.VIEW)
    views = services.runs.views.newest(_LISTED)
    return Answer(
        {"runs": [view.as_json() for view in views]},
        [f"{view.run.id}  {_state(view)}  {view.run.name}" for view in views],
    )


def _state(view: RunView) -> str:
    words = view.run.state.value.replace("_", " ")
    return f"{words}, {view.outcome.value.replace('_', ' ')}" if view.outcome else words


def _shown(services: Services, arguments: Arguments) -> Answer:
    view = services.runs.views.run(arguments.run)
    return Answer(view.as_json(), _lines(view, services.settings.timezone))


def _lines(view: RunView, timezone: str) -> list[str]:
    lines = [f"{view.run.name}: {_state(view)}"]
    if view.run.digest:
        lines.append(f"  digest {view.run.digest}")
    stop = view.standing.stop if view.standing else None
    if view.run.stop_message or stop:
        lines.append(view.run.stop_message or (stop.message if stop else ""))
    if view.standing and view.standing.until:
        until = datetime.fromtimestamp(view.standing.until, ZoneInfo(timezone))
        lines.append(f"  approved; the approval holds until {until:%Y-%m-%d %H:%M} ({timezone})")
    for code, states in view.totals.items():
        lines += [
            f"  {state:<16} {format_money(n, code)}" for state, n in _sums(view, code, states)
        ]
    return lines


def _sums(view: RunView, code: str, states: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """By state; of what is planned, what is stopped by itself."""
    held = view.stopped.totals.get(code, 0)
    for state, amount in states.items():
        if state != RowState.PLANNED or not held:
            yield state, amount
            continue
        if amount > held:
            yield state, amount - held
        yield "stopped", held
