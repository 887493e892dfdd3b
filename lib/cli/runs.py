"""The commands of charge runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lib.bootstrap import Services
from lib.cli.answers import Answer, person
from lib.cli.parser import Arguments
from lib.cli.staff import password_again
from lib.domain.actors import Actor, Permission
from lib.domain.control_totals import typed
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices, Hidden
from lib.domain.files.row_errors import OF_THE_FILE, RowError, problems
from lib.domain.files.sheets import Note
from lib.domain.runs import LOOK_SECONDS, RowState, Run, RunState, Severity
from lib.errors import InvalidInput
from lib.money import format_money
from lib.printing.certificates import RESULTS
from lib.services.runs.view import RunView


def import_file(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    path = Path(arguments.file)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path.name} cannot be read: {error.strerror}.") from error
    by = person(actor)
    choices = Choices(
        decimal=DecimalSign(arguments.decimal) if arguments.decimal else None,
        hidden=Hidden(arguments.hidden) if arguments.hidden else None,
    )
    upload = services.runs.files.open(data, path.name, encoding=arguments.encoding)
    run = services.runs.files.create_run(
        upload,
        name=arguments.name or path.stem,
        by=by,
        default_currency=arguments.currency,
        choices=choices,
    )
    view = services.runs.views.run(run.id)
    rows = list(services.runs.views.rows(run.id))
    errors = [error for row in rows for error in row.errors]
    valid = sum(1 for row in rows if row.row.state is RowState.PLANNED)
    totals = {
        code: states[RowState.PLANNED]
        for code, states in view.totals.items()
        if RowState.PLANNED in states
    }
    notes = [*upload.sheet.notes, *(Note("column", doubt) for doubt in upload.guess.doubts)]
    return Answer(
        {
            "run_id": run.id,
            "rows": len(rows),
            "valid": valid,
            "errors": _listed(errors, Severity.RED),
            "stopped": _listed(errors, Severity.STOPPED),
            "warnings": _listed(errors, Severity.AMBER),
            "totals": totals,
            "notes": [asdict(note) for note in notes],
            "reading": run.reading,
            "same_file_as": [earlier.id for earlier in upload.earlier],
        },
        [f"{run.name} ({run.id}): {valid} of {len(rows)} rows can be charged"]
        + [f"  {format_money(amount, code)}" for code, amount in totals.items()]
        + _read(run)
        + [f"  look at this: {note.message}" for note in notes]
        + _problems(errors),
    )


def _listed(errors: Sequence[RowError], severity: Severity) -> list[dict[str, object]]:
    """Row by row; what has one cause in the whole file once, with its first row and all of them."""
    of_rows = [error for error in errors if error.severity is severity]
    each = [error for error in of_rows if error.code not in OF_THE_FILE]
    shared = problems(error for error in of_rows if error.code in OF_THE_FILE)
    return [
        {
            "row": problem.rows[0],
            "rows": list(problem.rows),
            "column": problem.column,
            "code": problem.code,
            "message": problem.message,
        }
        for problem in shared
    ] + [
        {"row": error.row, "column": error.column, "code": error.code, "message": error.message}
        for error in each
    ]


def _problems(errors: Sequence[RowError]) -> list[str]:
    """Each cause in one line, whatever cannot be charged first."""
    ordered = sorted(problems(errors), key=lambda problem: problem.severity is not Severity.RED)
    return [
        f"  {'' if problem.severity is Severity.RED else 'look at '}{problem.places}"
        f"{f', {problem.column}' if problem.column else ''}: {problem.message}"
        for problem in ordered
    ]


def _read(run: Run) -> list[str]:
    return [f"  {run.reading['words']}"] if run.reading else []


def submit(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    totals = [text.rpartition(":") for text in arguments.expect_totals]
    control = typed(arguments.expect_rows, [(amount, code) for amount, _, code in totals])
    services.runs.approvals.submit(
        arguments.run,
        by=person(actor),
        control=control,
        canary=arguments.canary,
        charge_new_cards=arguments.charge_new_cards,
    )
    return _shown(services, arguments)


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
        "charges": [row.as_json() for row in rows],
        "warnings": _listed(errors, Severity.AMBER),
    }
    return Answer(view.as_json() | shown, [*_lines(view), *_read(view.run), *_problems(errors)])


def results(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    target = Path(arguments.out)
    rows, data = services.runs.files.results(arguments.run, target.name)
    _write(target, data)
    return Answer({"rows": rows, "path": str(target)}, [f"{rows} rows in {target}"])


def certificate(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.runs.certificates.certify(arguments.run, by=person(actor))
    lines = [RESULTS[made.result]]
    if arguments.out:
        target = Path(arguments.out)
        _write(target, services.runs.files.certificate(arguments.run))
        lines.append(f"Certificate in {target}")
    return Answer(
        {"run_id": made.run_id, "result": made.result, "verdict": made.result} | dict(made.content),
        lines,
    )


def _write(target: Path, data: bytes) -> None:
    try:
        target.write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{target.name} cannot be written: {error.strerror}.") from error


def _shown(services: Services, arguments: Arguments) -> Answer:
    view = services.runs.views.run(arguments.run)
    return Answer(view.as_json(), _lines(view))


def _lines(view: RunView) -> list[str]:
    lines = [f"{view.run.name}: {view.run.state.value.replace('_', ' ')}"]
    if view.run.digest:
        lines.append(f"  digest {view.run.digest}")
    if view.run.stop_message:
        lines.append(view.run.stop_message)
    for code, states in view.totals.items():
        lines += [f"  {state:<16} {format_money(n, code)}" for state, n in states.items()]
    return lines
