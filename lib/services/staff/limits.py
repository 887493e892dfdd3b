"""
Limits on what may be charged: above one, a run needs a second approver, and a single charge needs a run.
"""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.files.typed_sums import typed
from lib.domain.runs import Limits
from lib.errors import Blocked, InvalidInput
from lib.money import Money, checked, currency, format_money
from lib.store.unit_of_work import Stores, UnitOfWork


class LimitService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def all(self) -> dict[str, Limits]:
        """By currency."""
        with self._uow.read() as stores:
            return stores.limits.all()

    def set(self, code: str, *, per_charge: str, per_run: str, per_day: str, by: Actor) -> Limits:
        """
        Amounts in major units; an empty one means no limit.

        Raises:
            InvalidInput: no such currency, or no amount.
        """
        by.must(Permission.MANAGE_USERS)
        unit = currency(code).code
        limits = Limits(_minor(per_charge, unit), _minor(per_run, unit), _minor(per_day, unit))
        ordered = [n for n in (limits.per_charge, limits.per_run, limits.per_day) if n is not None]
        if ordered != sorted(ordered):
            raise InvalidInput(
                "A charge may not be allowed more than a run, nor a run more than a day.",
                field="per_run",
            )
        now = epoch(self._clock())
        with self._uow.write() as stores:
            before = stores.limits.all().get(unit, Limits())
            stores.limits.set(unit, limits, by=by.username, at=now)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="limits.set",
                subject=f"limits:{unit}",
                detail={
                    name: {"from": getattr(before, name), "to": getattr(limits, name)}
                    for name in ("per_charge", "per_run", "per_day")
                },
            )
        return limits


def check_single(stores: Stores, money: Money, *, now: int, is_approved: bool = False) -> None:
    """
    What one person may charge without anybody's approval; the day's limit holds for approved ones, too.

    Raises:
        Blocked: over the limit of a charge, or of the day with what was charged since the installation's midnight.
    """
    limits = stores.limits.all().get(money.currency, Limits())
    if not is_approved and limits.per_charge is not None and money.amount > limits.per_charge:
        raise Blocked(
            f"{money} is over the limit of {format_money(limits.per_charge, money.currency)} for one charge. Put it into a run, which two others approve.",
            code="over_limit",
        )
    today = stores.limits.charged_since(stores.limits.today_began(now)).get(money.currency, 0)
    if limits.per_day is not None and today + money.amount > limits.per_day:
        raise Blocked(
            f"With {money} more than {format_money(limits.per_day, money.currency)} would be charged today ({format_money(today, money.currency)} so far). Put it into a run, which two others approve.",
            code="over_limit",
        )


def _minor(text: str, code: str) -> int | None:
    return checked(typed(text, code)).amount if text.strip() else None
