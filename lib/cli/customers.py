"""Customers on the command line: who must not be charged, set by one person and lifted by another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person, write_file
from lib.domain.actors import Actor, Permission
from lib.domain.typed_codes import unknown_customer

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.holds import Hold


def hold(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.holds.set(_customer(services, arguments), reason=arguments.reason, by=person(actor))
    return _answer(services, _customer(services, arguments), "Nothing is charged to {} any more.")


def release(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.holds.lift(_customer(services, arguments), reason=arguments.reason, by=person(actor))
    return _answer(services, _customer(services, arguments), "{} may be charged again.")


def show(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    if services.reports.customers.find(_customer(services, arguments)) is None:
        raise unknown_customer(arguments.customer)
    return _answer(services, _customer(services, arguments), "{}")


def note(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.stories.note(_customer(services, arguments), arguments.text, by=person(actor))
    return _answer(services, _customer(services, arguments), "Noted about {}.")


def print_record(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    content = services.stories.printed(_customer(services, arguments), by=person(actor))
    write_file(Path(arguments.out), content)
    return Answer(
        {"customer": _customer(services, arguments), "bytes": len(content)},
        [f"Written to {arguments.out}."],
    )


def listing(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    limit = max(arguments.limit, 1)
    if arguments.on_hold:
        holds = services.holds.newest(limit=limit)
        ids = list(dict.fromkeys(one.customer for one in holds))
    else:
        ids = services.reports.customers.ids(search=arguments.search, limit=limit)
    customers = [_object(services, one) for one in ids]
    return Answer({"customers": customers}, [_line(one) for one in customers])


def _customer(services: Services, arguments: Arguments) -> str:
    """In whichever Unicode form it was typed."""
    return services.customers.id_written(str(arguments.customer))


def _object(services: Services, customer_id: str) -> dict[str, object]:
    row = services.reports.customers.find(customer_id) or {"name": None, "email": None}
    covering = services.holds.covering(customer_id)
    return {
        "customer": customer_id,
        "name": row["name"],
        "email": row["email"],
        "do_not_charge": covering is not None,
        "hold": _hold_object(covering) if covering else None,
    }


def _hold_object(hold: Hold) -> dict[str, object]:
    return {
        "hold_id": hold.id,
        "customer": hold.customer,
        "reason": hold.reason,
        "set_by": hold.set_by,
        "set_at": hold.set_at,
        "from_stripe": hold.is_from_stripe,
        "lifted_by": hold.lifted_by,
        "lifted_at": hold.lifted_at,
        "lift_reason": hold.lift_reason,
    }


def _line(one: dict[str, object]) -> str:
    word = "do not charge" if one["do_not_charge"] else ""
    return f"{one['customer']!s:<24} {word:<14} {one['name'] or ''} {one['email'] or ''}".rstrip()


def _answer(services: Services, customer_id: str, sentence: str) -> Answer:
    waiting = services.holds.waiting(customer_id)
    data = _object(services, customer_id)
    data["holds"] = [_hold_object(one) for one in services.holds.of(customer_id)]
    data["is_written_to_stripe"] = waiting is None
    data["open"] = {
        one.currency: {"count": one.count, "amount": one.amount}
        for one in services.stories.open_sums(customer_id)
    }
    data["notes"] = [
        {"text": one.text, "by": one.written_by, "at": one.written_at}
        for one in services.stories.notes(customer_id, limit=100)
    ]
    lines = [sentence.format(customer_id)]
    if waiting is not None:
        lines.append(f"Stripe could not be told yet, and is told by the worker: {waiting.error}")
    return Answer(data, lines)
