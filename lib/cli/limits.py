"""Limits of what may be charged with one person's agreement: which hold, and setting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.cli.users import waiting
from lib.domain.actors import Actor, Permission
from lib.domain.admin_changes import AdminProposal
from lib.domain.identity import visible
from lib.domain.limits import LimitsInForce, default_limits
from lib.domain.typed_codes import typed_currency
from lib.money import format_money

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments

_NONE = "none"


def listing(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.MANAGE_USERS)
    table = services.limits.table()
    return Answer({"limits": [_as_json(one) for one in table]}, [_line(one) for one in table])


def set_limits(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """All three at once, so that what is left out is no limit that somebody forgot."""
    words = {
        name: "" if visible(text := getattr(arguments, name)).lower() == _NONE else _written(text)
        for name in ("per_charge", "per_run", "per_day")
    }
    code = typed_currency(arguments.currency).code
    made = services.limits.set(
        code,
        per_charge=words["per_charge"],
        per_run=words["per_run"],
        per_day=words["per_day"],
        by=person(actor),
    )
    table = services.limits.table()
    in_force = next((one for one in table if one.currency == code), None)
    if in_force is None:
        in_force = LimitsInForce(code, default_limits(code))
    if isinstance(made, AdminProposal):
        waits = waiting(services, made)
        return Answer(_as_json(in_force) | waits.data, [_line(in_force), *waits.lines])
    return Answer(_as_json(in_force), [_line(in_force)])


def _written(text: str) -> str:
    """An empty word on the command line is a variable that was not set, and no wish to have no limit."""
    return text if text.strip() else "?"


def _as_json(one: LimitsInForce) -> dict[str, object]:
    return {
        "currency": one.currency,
        "per_charge": one.limits.per_charge,
        "per_run": one.limits.per_run,
        "per_day": one.limits.per_day,
        "is_default": one.set_by is None,
        "set_by": one.set_by,
        "set_at": one.set_at,
    }


def _line(one: LimitsInForce) -> str:
    sums = {
        "a charge": one.limits.per_charge,
        "a run": one.limits.per_run,
        "a day": one.limits.per_day,
    }
    words = [
        f"{what} {'no limit' if amount is None else format_money(amount, one.currency)}"
        for what, amount in sums.items()
    ]
    whose = "default" if one.set_by is None else f"set by {one.set_by}"
    return f"{one.currency.upper()}  {', '.join(words)} ({whose})"
