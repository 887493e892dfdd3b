"""
Limits on what may be charged: above one, a run needs a second approver, and a single charge needs a run.

A currency for which nobody has set one has the default (lib/domain/default_limits.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.admin_changes import SET_LIMITS, AdminChange, AdminProposal
from lib.domain.limits import Limits, LimitsInForce, day_limit, default_limits, in_force
from lib.domain.typed_codes import typed_currency
from lib.errors import Blocked, InvalidInput
from lib.money import Money, checked, format_money
from lib.services.staff import second_admin
from lib.store.meta import LIMITS_CONFIRMED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from lib.domain.files.number_styles import DecimalSign

_NAMES = ("per_charge", "per_run", "per_day")
# Of a run above a limit, besides its maker.
_APPROVERS_ABOVE = 2


class LimitService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def all(self) -> dict[str, Limits]:
        """Those that somebody set, by currency."""
        with self._uow.read() as stores:
            return stores.limits.all()

    def table(self) -> list[LimitsInForce]:
        """Those that somebody set, and the defaults of what is charged besides; where nothing is, of dollars."""
        with self._uow.read() as stores:
            return _table(stores)

    def set(
        self,
        code: str,
        *,
        per_charge: str,
        per_run: str,
        per_day: str,
        by: Actor,
        signs: Mapping[str, DecimalSign | None] = MappingProxyType({}),
    ) -> Limits | AdminProposal:
        """
        Amounts in major units; an empty one means no limit. Where there is a second admin, who has to
        agree, what waits for them.

        Args:
            signs: the decimal sign that a person meant, for what can mean two sums, by `per_charge` …

        Raises:
            InvalidInput: no such currency, or no amount.
        """
        by.must(Permission.MANAGE_USERS)
        by.must_be_asked()
        unit = typed_currency(code).code
        limits = Limits(
            _minor(per_charge, unit, signs.get("per_charge")),
            _minor(per_run, unit, signs.get("per_run")),
            _minor(per_day, unit, signs.get("per_day")),
        )
        ordered = [n for n in (limits.per_charge, limits.per_run, limits.per_day) if n is not None]
        if ordered != sorted(ordered):
            raise InvalidInput(
                "A charge may not be allowed more than a run, nor a run more than a day.",
                field="per_run",
            )
        change = AdminChange(SET_LIMITS, unit, {name: getattr(limits, name) for name in _NAMES})
        now = epoch(self._clock())
        with self._uow.write() as stores:
            waits = second_admin.proposed(stores, change, by=by, now=now)
            if waits is not None:
                return waits
            make_change(stores, change, by=by, at=now)
        return limits

    def are_unconfirmed(self) -> bool:
        """Whether nobody has set a limit, nor said yet that the defaults are right."""
        with self._uow.read() as stores:
            return not stores.limits.all() and stores.meta.value(LIMITS_CONFIRMED) is None

    def confirm_defaults(self, *, by: Actor) -> None:
        """An admin agrees to the defaults: Home asks no more."""
        by.must(Permission.MANAGE_USERS)
        by.must_be_asked()
        now = epoch(self._clock())
        with self._uow.write() as stores:
            stores.meta.set(LIMITS_CONFIRMED, str(now))
            stores.audit.record(
                at=now,
                actor=by.username,
                action="limits.confirm",
                subject="limits",
                detail={
                    one.currency: one.limits.per_charge
                    for one in _table(stores)
                    if one.set_by is None
                },
            )

    def too_few_approvers(self) -> list[str] | None:
        """
        The names of those who could approve above a limit, when nobody's run could get two of them;
        None while it could, or while there is no limit in what is charged.
        """
        with self._uow.read() as stores:
            if not any(one.limits.are_any for one in _table(stores)):
                return None
            people = [user for user in stores.users.all() if user.is_active]
        approvers = [user for user in people if user.actor.may(Permission.APPROVE)]
        makers = [user.username for user in people if user.actor.may(Permission.CHARGE)]
        most = max(
            (sum(one.username != maker for one in approvers) for maker in makers),
            default=len(approvers),
        )
        return None if most >= _APPROVERS_ABOVE else [user.name for user in approvers]


def make_change(
    stores: Stores, change: AdminChange, *, by: Actor, at: int, asked_by: Actor | None = None
) -> None:
    """
    Args:
        asked_by: the admin who asked for it, where `by` is a second one.
    """
    unit, limits = change.subject, Limits(**change.params)
    before = in_force(stores.limits.all(), unit)
    stores.limits.set(unit, limits, by=by.username, at=at)
    stores.audit.record(
        at=at,
        actor=by.username,
        action=SET_LIMITS,
        subject=f"limits:{unit}",
        detail={
            name: {"from": getattr(before, name), "to": getattr(limits, name)} for name in _NAMES
        }
        | second_admin.detail_of(asked_by),
    )


def check_single(stores: Stores, money: Money, *, now: int, run_id: str | None = None) -> None:
    """
    What may be charged singly: without anybody's approval, or by that of a run, for which only its day's limit holds.

    Raises:
        Blocked: over the limit of a charge, or of the day with what was charged since the installation's midnight.
    """
    known = stores.limits.all()
    run = stores.runs.find(run_id) if run_id is not None else None
    limits = in_force(known, money.currency)
    if run is not None:
        limits = Limits(per_day=day_limit(run, money.currency, known))
    whose = "" if money.currency in known else " (the default: nobody has set another)"
    if limits.per_charge is not None and money.amount > limits.per_charge:
        raise Blocked(
            f"{money} is over the limit of {format_money(limits.per_charge, money.currency)} for one charge{whose}. Put it into a run, which two others approve.",
            code="over_limit",
        )
    if limits.per_day is None:
        return
    today = stores.limits.charged_since(stores.limits.today_began(now)).get(money.currency, 0)
    if today + money.amount > limits.per_day:
        raise Blocked(
            f"With {money} more than {format_money(limits.per_day, money.currency)}{whose} would be charged today ({format_money(today, money.currency)} so far). Put it into a run, which two others approve.",
            code="over_limit",
        )


def _table(stores: Stores) -> list[LimitsInForce]:
    by_people = {one.currency: one for one in stores.limits.of_people()}
    charged = stores.limits.currencies_in_use() or ([] if by_people else ["usd"])
    defaults = {code: LimitsInForce(code, default_limits(code)) for code in charged}
    return [limit for _, limit in sorted((defaults | by_people).items())]


def _minor(text: str, code: str, sign: DecimalSign | None) -> int | None:
    from lib.domain.files.typed_sums import (
        typed,  # limits are set seldom, and asked for each charge
    )

    return checked(typed(text, code, sign)).amount if text.strip() else None
