"""Limits of what may be charged with one person's agreement: which hold, and which some rows pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.domain.default_limits import CHARGES_A_DAY, default_charge
from lib.domain.runs import Run, RunRow, totals_of


@dataclass(frozen=True, slots=True)
class Limits:
    """In minor units of one currency; None where there is none."""

    per_charge: int | None = None
    per_run: int | None = None
    per_day: int | None = None

    @property
    def are_any(self) -> bool:
        return (self.per_charge, self.per_run, self.per_day) != (None, None, None)


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    currency: str
    limits: Limits
    set_by: str | None = None
    """User name; None for the default."""
    set_at: int | None = None


def default_limits(code: str) -> Limits:
    charge = default_charge(code)
    return Limits(charge, charge * CHARGES_A_DAY, charge * CHARGES_A_DAY)


def in_force(limits: Mapping[str, Limits], code: str) -> Limits:
    """What was set for the currency, also that there be none; otherwise the default."""
    return limits[code] if code in limits else default_limits(code)


def default_day_limits(codes: Iterable[str], limits: Mapping[str, Limits]) -> dict[str, int]:
    """Of those currencies for which nobody has set a limit."""
    return {code: default_charge(code) * CHARGES_A_DAY for code in codes if code not in limits}


def day_limit(run: Run, code: str, limits: Mapping[str, Limits]) -> int | None:
    """
    Of what is charged by the approval of a run: none where two people agreed, otherwise what was set,
    or the default of when it was submitted. A default that came later stops no run.
    """
    if run.approvals_needed > 1:
        return None
    if code in limits:
        return limits[code].per_day
    return (run.day_limits or {}).get(code)


def over_limits(
    rows: Sequence[RunRow], limits: Mapping[str, Limits], charged_today: Mapping[str, int]
) -> tuple[str, ...]:
    """
    Which limits the rows pass, as `per_charge:eur`; each asks for a second approver.

    `charged_today` is in minor units by currency, without these rows.
    """
    passed: list[str] = []
    for code, total in totals_of(rows).items():
        limit = in_force(limits, code)
        largest = max(row.amount or 0 for row in rows if row.currency == code)
        for name, value, most in (
            ("per_charge", largest, limit.per_charge),
            ("per_run", total, limit.per_run),
            ("per_day", charged_today.get(code, 0) + total, limit.per_day),
        ):
            if most is not None and value > most:
                passed.append(f"{name}:{code}")
    return tuple(passed)
