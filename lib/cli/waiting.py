"""Charges that wait for a card: the list, and the two ways to end one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.money import format_money

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor


def listing(services: Services, _: Arguments, __: Actor | None) -> Answer:
    rows = services.reports.waiting_charges.waiting()
    late = services.reports.waiting_charges.not_charged()
    lines = [
        f"{row['charge_id']}  {format_money(row['amount'], row['currency'])} for {row['reference']}: {row['name']}"
        for row in rows
    ]
    return Answer({"charges": rows, "not_charged": late}, lines)


def cancel(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, waiting = person(actor), services.runs.waiting_charges
    end = waiting.note_paid_otherwise if arguments.paid_otherwise else waiting.cancel
    end(arguments.charge, by=by)
    view = services.charges.view(arguments.charge)
    return Answer(view.as_json(by=by), ["It does not wait any more. Nothing was charged."])
