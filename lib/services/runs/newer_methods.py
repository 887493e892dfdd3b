"""One choice for a draft: which method is charged where customers saved one after their default."""

from __future__ import annotations

from collections.abc import Sequence

from lib.clock import Clock, epoch
from lib.domain.actors import Actor
from lib.domain.corrections import DraftVersion
from lib.domain.days import day_of
from lib.domain.newer_methods import NEWER_METHOD, newer_untried
from lib.domain.runs import RunRow
from lib.services.runs.corrections import RunCorrections
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


class NewerMethods:
    def __init__(self, uow: UnitOfWork, corrections: RunCorrections, *, clock: Clock) -> None:
        self._uow = uow
        self._corrections = corrections
        self._clock = clock

    def rows(self, run_id: str) -> list[int]:
        """Those of which it is asked."""
        return self._corrections.rows_with(run_id, NEWER_METHOD)

    def choose(
        self,
        run_id: str,
        *,
        use: bool,
        reason: str,
        by: Actor,
        seen: DraftVersion | None = None,
    ) -> int:
        """
        Name a method for each of these rows; returns how many. It is part of what is approved, as every
        correction is.

        Args:
            use: the method saved last; else the default, which is what would be charged.

        Raises:
            InvalidInput: no reason, or there is nothing to choose.
            StaleState: it is no draft, or somebody else changed these rows.
        """
        numbers = self.rows(run_id)
        now = epoch(self._clock())
        with self._uow.read() as stores:
            rows = stores.run_rows.some(run_id, numbers)
            named = _named(stores, rows, use=use, except_run=run_id, now=now)
        return self._corrections.name_methods(run_id, named, reason=reason, by=by, seen=seen)


def _named(
    stores: Stores, rows: Sequence[RunRow], *, use: bool, except_run: str, now: int
) -> dict[int, str | None]:
    facts = stores.preflight.facts(
        customers={row.customer for row in rows if row.customer},
        emails=(),
        methods=(),
        except_run=except_run,
        now=now,
    )
    named: dict[int, str | None] = {}
    for row in rows:
        customer = facts.named.by_id.get(row.customer or "")
        if customer is None or row.payment_method is None or row.request.payment_method:
            continue
        saved = facts.methods.get(customer.id, ())
        newer = newer_untried(
            next((one for one in saved if one.id == row.payment_method), None),
            customer.default_payment_method,
            saved,
            tried=facts.tried.get((customer.id, row.reference or ""), ()),
            never_again=facts.debts.never_again,
            today=day_of(now, facts.timezone),
        )
        if not use or newer is not None:
            named[row.number] = newer.id if use and newer else row.payment_method
    return named
