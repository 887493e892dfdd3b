"""Batches of links for customers who are chosen here, and not by a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.days import day_of
from lib.domain.link_batches import BatchSource, BatchState, LinkBatch, LinkRequest, clean_name
from lib.errors import InvalidInput, NotFound
from lib.ids import new_id
from lib.services.collect.link_batches import LinkBatches
from lib.store.link_choices import LinkChoice
from lib.store.unit_of_work import UnitOfWork

HEADER = ("customer", "email", "name", "reference")
MOST_CUSTOMERS = 50_000


class LinkChoices:
    """Each makes a judged batch; no link is made before somebody says so."""

    def __init__(self, uow: UnitOfWork, batches: LinkBatches, *, clock: Clock) -> None:
        self._uow = uow
        self._batches = batches
        self._clock = clock

    def these(self, customer_ids: Sequence[str], *, name: str, by: Actor) -> LinkBatch:
        """
        Customers who were marked, or all that a search found.

        Raises:
            InvalidInput: none of them is there, or there are more than MOST_CUSTOMERS.
        """
        with self._uow.read() as stores:
            choices = stores.link_choices.these(list(customer_ids))
        return self._draft(choices, name=name, by=by)

    def without_card(self, *, name: str, by: Actor) -> LinkBatch:
        """
        Every customer who has nothing that can be charged.

        Raises:
            InvalidInput: there is none, or there are more than MOST_CUSTOMERS.
        """
        with self._uow.read() as stores:
            today = day_of(epoch(self._clock()), stores.meta.timezone)
            choices = stores.link_choices.without_method(
                year=today.year, month=today.month, limit=MOST_CUSTOMERS + 1
            )
        return self._draft(choices, name=name, by=by)

    def expiring_before(self, day: date, *, name: str, by: Actor) -> LinkBatch:
        """
        Every customer whose cards have all expired by this day: a card is good to the end of its month.

        Raises:
            InvalidInput: there is none, or there are more than MOST_CUSTOMERS.
        """
        with self._uow.read() as stores:
            choices = stores.link_choices.expiring(
                year=day.year, month=day.month, limit=MOST_CUSTOMERS + 1
            )
        return self._draft(choices, name=name, by=by)

    def failed_in_run(self, run_id: str, *, name: str, by: Actor) -> LinkBatch:
        """
        For each charge that failed in a run and was not collected since; most have a link already.

        Raises:
            NotFound: no such run.
            InvalidInput: nothing failed in it, or there are more than MOST_CUSTOMERS.
        """
        with self._uow.read() as stores:
            if stores.runs.find(run_id) is None:
                raise NotFound("There is no such run.")
            choices = stores.link_choices.failed_in(run_id)
        return self._draft(choices, name=name, by=by, source=BatchSource.RUN)

    def _draft(
        self,
        choices: Sequence[LinkChoice],
        *,
        name: str,
        by: Actor,
        source: BatchSource = BatchSource.CUSTOMERS,
    ) -> LinkBatch:
        by.must(Permission.MANAGE_LINKS)
        if not choices:
            raise InvalidInput("There is nobody to ask.", code="no_rows")
        if len(choices) > MOST_CUSTOMERS:
            # A part of them would pass for all.
            raise InvalidInput(
                f"That means more than {MOST_CUSTOMERS:,} customers, too many for one list. "
                "Choose fewer by a search or an earlier day, or take them from a file.",
                code="too_many_rows",
            )
        batch = LinkBatch(
            id=new_id("batch"),
            state=BatchState.DRAFT,
            source=source,
            name=clean_name(name),
            header=HEADER,
            created_by=by.username,
            created_at=epoch(self._clock()),
        )
        requests = [
            LinkRequest(
                number=number,
                cells=(one.customer, one.email or "", one.name or "", one.reference or ""),
                customer=one.customer,
                reference=one.reference,
                charge_id=one.charge_id,
                expiring_method=one.expiring_method,
                customer_is_chosen=True,
            )
            for number, one in enumerate(choices, start=2)
        ]
        return self._batches.draft(batch, requests, by=by)
