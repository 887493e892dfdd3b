"""The commands that mend drafts of charge runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.amounts import sign_of, two_sums_named
from lib.cli.answers import Answer, person, read_file, write_file
from lib.domain.correction_fields import CELLS, Field
from lib.domain.files.readings import Choices, Hidden
from lib.errors import InvalidInput
from lib.money import format_money
from lib.services.runs.draft_links import to_csv

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor


def correct(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, service, run_id = person(actor), services.runs.corrections, arguments.run
    rows: Collection[int] = arguments.rows or service.rows_with(run_id, arguments.found or "")
    if not rows:
        raise InvalidInput(f"No row has the finding {arguments.found}.", code="no_rows")
    reason, changes = arguments.reason, _changes(arguments.changes)
    customer = changes.get(Field.CUSTOMER)
    if customer and "@" not in customer:
        changes[Field.CUSTOMER] = services.customers.id_written(customer)
    if changes:
        with two_sums_named():
            service.correct(run_id, rows, changes, reason=reason, by=by, sign=sign_of(arguments))
    if arguments.newest_method:
        service.charge_newest_methods(run_id, rows, reason=reason, by=by)
    elif arguments.leave_out:
        service.leave_out(run_id, rows, reason=reason, by=by)
    elif arguments.take_back:
        service.take_back(run_id, rows, reason=reason, by=by)
    elif arguments.undo:
        service.undo(run_id, rows, reason=reason, by=by)
    elif not changes:
        raise InvalidInput("Say what changes: --set, --leave-out, --undo …", code="nothing_changed")
    return _state(services, run_id, set(rows), by=person(actor))


def newer_methods(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, chooser = person(actor), services.runs.newer_methods
    rows = chooser.rows(arguments.run)
    use = arguments.choice == "use"
    changed = chooser.choose(arguments.run, use=use, reason=arguments.reason, by=by)
    state = _state(services, arguments.run, rows, by=person(actor))
    which = "the method saved last" if use else "the default"
    line = f"{changed} {'row' if changed == 1 else 'rows'}: {which} is charged"
    return Answer({**state.data, "changed": changed}, [line, *state.lines])


def _changes(texts: Collection[str]) -> dict[Field, str]:
    changes: dict[Field, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name not in CELLS:
            raise InvalidInput(
                f"“{text[:40]}”: write FIELD=VALUE, with one of {', '.join(CELLS)}.",
                code="field_unknown",
            )
        changes[Field(name)] = value
    return changes


def _state(services: Services, run_id: str, numbers: Collection[int], *, by: Actor) -> Answer:
    """What holds of these rows now, and what was decided of the whole draft."""
    view = services.runs.draft_views.corrections(run_id)
    rows = [row for row in services.runs.views.rows(run_id) if row.row.number in numbers]
    lines = []
    for row in rows:
        money = (
            format_money(row.row.amount, row.row.currency)
            if row.row.amount and row.row.currency
            else "no amount"
        )
        lines.append(f"row {row.row.number}: {row.state}, {money}, {row.row.reference or ''}")
        lines += [f"  {finding.message}" for finding in row.row.findings]
    data = {"run_id": run_id, "rows": [row.as_json(by=by) for row in rows]} | view.as_json()
    return Answer(data, [*lines, view.totals.in_words()])


def replace(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    path, by = Path(arguments.file), person(actor)
    upload = services.runs.files.open(read_file(path), path.name, encoding=arguments.encoding)
    replacement = services.runs.files.replace(
        arguments.run,
        upload,
        by=by,
        default_currency=arguments.currency,
        choices=choices(arguments),
    )
    view = services.runs.views.run(arguments.run)
    return Answer(
        {
            "run_id": arguments.run,
            "counts": dict(view.counts),
            "totals": {code: dict(states) for code, states in view.totals.items()},
            "reading": replacement.run.reading,
            "kept": replacement.kept,
            "dropped": [asdict(one) for one in replacement.dropped],
        },
        [
            f"File replaced. Rows whose decisions were kept: {replacement.kept}.",
            *(
                f"  not kept: row {one.row} ({one.reference or 'no reference'}), {one.what}: {one.why}"
                for one in replacement.dropped
            ),
        ],
    )


def choices(arguments: Arguments) -> Choices:
    """What was said where a file can be read in several ways."""
    return Choices(
        decimal=sign_of(arguments),
        hidden=Hidden(arguments.hidden) if arguments.hidden else None,
    )


def links(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.runs.draft_links.make(arguments.run, by=person(actor))
    if arguments.out:
        write_file(Path(arguments.out), to_csv(made.links))
    refusal = services.links.refusal() if made.links else None
    return Answer(
        {
            "created": made.new,
            "existing": len(made.links) - made.new,
            "failed": [one.as_json() for one in made.none],
            "refusal": refusal.reason if refusal else None,
            "links": [
                {
                    "customer": one.link.customer,
                    "link_id": one.link.id,
                    "durable_url": one.url,
                    "rows": [row.number for row in one.rows],
                }
                for one in made.links
            ],
        },
        [
            *(f"{one.link.email or one.link.customer}: {one.url}" for one in made.links),
            *(f"no link for {one.in_words()}" for one in made.none),
            *([f"Stripe makes no pages for links at present: {refusal.reason}"] if refusal else []),
        ]
        or ["Every customer of this draft has a method that can be charged."],
    )
