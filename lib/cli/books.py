"""The books: charges of a period with their sums, and files for accountants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person, write_file
from lib.domain.actors import Actor, Permission
from lib.domain.books import JournalFilter, day_of, in_words, line_of, state_of
from lib.domain.charges import ChargeState
from lib.domain.list_columns import RUN_RESULTS
from lib.domain.month_end import month_of
from lib.money import format_money
from lib.services.staff.downloads import Download

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.services.books.charges import Totals


def charges(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by = person(actor)
    customer = arguments.customer and services.customers.id_here(arguments.customer)
    which = _filter(arguments, customer=customer, reference=arguments.reference)
    views, totals = services.books.listing(which, by=by)
    lines = [
        f"{view.charge.state.value:<15} {format_money(view.charge.amount, view.charge.currency):>14}"
        f"  {view.charge.reference}  {view.charge.customer}  {view.charge.id}"
        for view in views
    ]
    data: dict[str, object] = {"charges": [view.as_json(by=by) for view in views], "totals": totals}
    return Answer(data, [*lines, *_sums(totals)])


def export_charges(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    export = services.books.export(_filter(arguments), arguments.out, by=person(actor))
    write_file(Path(arguments.out), export.content)
    return Answer(
        {"rows": export.rows, "totals": export.totals},
        [f"{export.rows:,} charges written to {arguments.out}.", *_sums(export.totals)],
    )


def run_results(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    target, by = Path(arguments.out), person(actor)
    if arguments.for_accounting:
        services.runs.views.run(arguments.run)
        lines = [line_of(row, RUN_RESULTS) for row in services.reports.runs.results(arguments.run)]
        rows = len(lines)
        data = services.account_files.make("Run results", RUN_RESULTS, lines, target.name)
    else:
        rows, data = services.runs.files.results(arguments.run, target.name, by=by)
    filters = {"run": arguments.run}
    services.downloads.note(Download(target.name, data), by=by, filters=filters, rows=rows)
    write_file(target, data)
    return Answer({"rows": rows, "path": str(target)}, [f"{rows} rows in {target}"])


def month_end(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """Stripe's news is read first: a month is closed on what is known today."""
    month, by = month_of(arguments.month), person(actor)
    notes: list[str] = []
    if arguments.closing is None and by.may(Permission.SYNC):
        notes = services.month_news.read(by=by)
    pack = services.month_end.pack(month, by=by, number=arguments.closing)
    write_file(Path(arguments.out), pack.content)
    closing, facts = pack.closing, pack.closing.facts
    totals: Totals = {}
    for one in facts["sums"]:
        totals.setdefault(one["currency"].lower(), {})[state_of(one["state"])] = one["amount"]
    failed = [check["name"] for check in facts["checks"] if not check["ok"]]
    lines = [
        f"{month.in_words}, closing {closing.number}: {len(pack.files)} files in {arguments.out}.",
        *_sums(totals),
        *(f"DOES NOT AGREE: {name}." for name in failed),
    ]
    if facts["fees_unknown"]:
        lines.append(f"The fee of {facts['fees_unknown']:,} paid charges is not known yet.")
    return Answer(
        {
            "month": str(month),
            "closing": closing.number,
            "files": list(pack.files),
            "totals": totals,
            "fees_unknown": facts["fees_unknown"],
            "checks": facts["checks"],
            "differences": len(closing.differences),
            "audit_head": closing.audit_head,
            "notes": notes,
        },
        [*lines, *notes],
        failed=bool(failed),
    )


def _filter(
    arguments: Arguments, *, customer: str | None = None, reference: str | None = None
) -> JournalFilter:
    return JournalFilter(
        first=day_of(arguments.from_, field="from") if arguments.from_ else None,
        last=day_of(arguments.to, field="to") if arguments.to else None,
        state=ChargeState(arguments.state) if arguments.state else None,
        customer=customer,
        reference=reference,
    )


def _sums(totals: Totals) -> list[str]:
    return [
        f"{currency.upper()}  {in_words(state)}: {format_money(amount, currency)}"
        for currency, states in totals.items()
        for state, amount in states.items()
    ]
