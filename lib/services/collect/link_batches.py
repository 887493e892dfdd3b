"""
Makes links for many customers at once: judged before a person's click, made in slices after it.

A link costs no request: its customer and its page at Stripe are made when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.link_batches import (
    BatchState,
    LinkBatch,
    LinkRequest,
    LinkRow,
    LinkRowState,
    will_be_made,
)
from lib.domain.links import LINK_LIFETIME_SECONDS, SetupLink
from lib.domain.mirror import Customer
from lib.errors import InvalidInput, NotFound, StaleState
from lib.ids import new_id, new_token
from lib.services.collect.addresses import checked_email
from lib.services.collect.batch_judge import BatchJudge
from lib.services.collect.batch_views import BatchViews, batch_of
from lib.services.collect.customers import CustomerService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

# In one transaction: some 50 ms, so that nobody waits long for the write lock.
_AT_ONCE = 200


class LinkBatches:
    def __init__(
        self,
        uow: UnitOfWork,
        customers: CustomerService,
        judge: BatchJudge,
        *,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._uow = uow
        self._customers = customers
        self._judge = judge
        self._clock = clock
        self.views = BatchViews(uow, clock=clock, public_url=public_url)

    def draft(self, batch: LinkBatch, requests: Sequence[LinkRequest], *, by: Actor) -> LinkBatch:
        """
        Rows judged by what is known now. Brings the mirror up to date first, so not inside a transaction.

        Raises:
            InvalidInput: no rows.
        """
        by.must(Permission.MANAGE_LINKS)
        if not requests:
            raise InvalidInput("There are no rows in this file.", code="no_rows")
        unasked = self._judge.look_up(requests)
        with self._uow.read() as stores:
            rows = self._judge.judged(stores, requests, batch=batch, unasked=unasked)
        with self._uow.write(in_bulk=True) as stores:
            stores.link_batches.add(batch, rows)
            stores.audit.record(
                at=batch.created_at,
                actor=by.username,
                action="link.draft_batch",
                subject=batch.id,
                detail={
                    "name": batch.name,
                    "rows": len(rows),
                    "file": batch.file_name,
                    "file_digest": batch.file_digest,
                    "reading": batch.reading and batch.reading["words"],
                },
            )
        return batch

    def choose_customer(self, batch_id: str, number: int, customer: str, *, by: Actor) -> LinkRow:
        """
        Of a draft's row that can mean several customers, the one that is meant.

        Raises:
            NotFound: no such batch, row or customer.
            StaleState: it is no draft any more.
        """
        by.must(Permission.MANAGE_LINKS)
        self._customers.get(customer)
        with self._uow.write() as stores:
            batch = _must_be(stores, batch_id, BatchState.DRAFT)
            rows = stores.link_batches.rows(batch.id)
            if all(row.number != number for row in rows):
                raise NotFound("There is no such row.")
            requests = [
                replace(row.request, customer=customer, email="", customer_is_chosen=True)
                if row.number == number
                else row.request
                for row in rows
            ]
            judged = self._judge.judged(stores, requests, batch=batch)
            stores.link_batches.update(judged)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="link.choose_customer",
                subject=batch.id,
                detail={"row": number, "customer": customer},
            )
        return next(row for row in judged if row.number == number)

    def start(
        self, batch_id: str, *, by: Actor, despite_card: bool = False, renew: bool = False
    ) -> None:
        """
        Let the links of a draft be made, by whoever calls `work` next.

        Args:
            despite_card: also for customers who have a card that can be charged.
            renew: also where the last link that asked the same was revoked or expired.

        Raises:
            NotFound: no such batch.
            StaleState: it was started or discarded before.
        """
        by.must(Permission.MANAGE_LINKS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            batch = _must_be(stores, batch_id, BatchState.DRAFT)
            stores.link_batches.start(batch.id, despite_card=despite_card, renew=renew, at=now)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="link.make_batch",
                subject=batch.id,
                detail={"despite_card": despite_card, "renew": renew},
            )

    def discard(self, batch_id: str, *, by: Actor) -> None:
        """
        Raises:
            NotFound: no such batch.
            StaleState: it is no draft any more.
        """
        by.must(Permission.MANAGE_LINKS)
        with self._uow.write() as stores:
            batch = _must_be(stores, batch_id, BatchState.DRAFT)
            stores.link_batches.discard(batch.id)
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="link.discard_batch",
                subject=batch.id,
                detail={},
            )

    def work(self, batch_id: str, *, should_stop: Callable[[], bool] = lambda: False) -> LinkBatch:
        """Make the links of a started batch that are not made yet; another process may do so, too."""
        while not should_stop():
            with self._uow.write(in_bulk=True) as stores:
                batch = batch_of(stores, batch_id)
                rows = stores.link_batches.undecided(batch_id, limit=_AT_ONCE)
                if batch.state is not BatchState.MAKING or not rows:
                    stores.link_batches.finish(batch_id, at=epoch(self._clock()))
                    break
                stores.link_batches.update(self._decided(stores, batch, rows))
        return self.views.find(batch_id)

    def work_due(self, *, should_stop: Callable[[], bool]) -> None:
        """Every batch that was started, oldest first."""
        with self._uow.read() as stores:
            waiting = stores.link_batches.waiting()
        for batch_id in waiting:
            self.work(batch_id, should_stop=should_stop)

    # Making

    def _decided(self, stores: Stores, batch: LinkBatch, rows: Sequence[LinkRow]) -> list[LinkRow]:
        """
        What a person saw decides what is made; what is there by now decides what need not be.

        Under the write lock, so that of two batches that ask the same one makes the link.
        """
        now = epoch(self._clock())
        again = [
            row
            for row in rows
            if row.state is LinkRowState.EXISTING or _is_wanted(batch, row.state)
        ]
        judged = {
            row.number: row
            for row in self._judge.judged(stores, [row.request for row in again], batch=batch)
        }
        decided, made = [], {}
        for row in rows:
            result = judged.get(row.number, row)
            if _is_wanted(batch, row.state) and _is_wanted(batch, result.state):
                made[row.number] = _add_link(stores, batch, result, at=now)
                result = replace(result, state=LinkRowState.CREATED, link_id=made[row.number])
            elif result.same_as is not None:
                result = replace(result, link_id=made.get(result.same_as))
            decided.append(replace(result, decided_at=now))
        return decided


def _is_wanted(batch: LinkBatch, state: LinkRowState) -> bool:
    return will_be_made(state, despite_card=batch.despite_card, renew=batch.renew)


def _add_link(stores: Stores, batch: LinkBatch, row: LinkRow, *, at: int) -> str:
    """The link of a row, which is judged; its id."""
    request = row.request
    customer = stores.mirror.customer(row.customer) if row.customer else None
    earlier = row.link_id if row.state is LinkRowState.ENDED else None
    link = SetupLink(
        id=new_id("link"),
        token=new_token(),
        customer=row.customer,
        email=_email(customer, request),
        name=customer.name if customer else request.name,
        currency=request.currency,
        reference=request.reference,
        locale=request.locale,
        charge_id=request.charge_id,
        created_by=batch.created_by,
        created_at=at,
        expires_at=at + LINK_LIFETIME_SECONDS,
        revoked_at=None,
        completed_at=None,
        completed_session=None,
        expiring_method=request.expiring_method,
        batch_id=batch.id,
        replaces=earlier,
    )
    stores.links.add(link, form_key=f"batch:{batch.id}:{row.number}")
    stores.audit.record(
        at=at,
        actor=batch.created_by,
        action="link.create",
        subject=link.id,
        detail={"customer": link.customer, "reference": link.reference, "batch": batch.id},
    )
    return link.id


def _email(customer: Customer | None, request: LinkRequest) -> str | None:
    return customer.email if customer else checked_email(request.who)


def _must_be(stores: Stores, batch_id: str, state: BatchState) -> LinkBatch:
    batch = batch_of(stores, batch_id)
    if batch.state is not state:
        raise StaleState(f"This batch is {batch.state} by now. Reload to see it.")
    return batch
