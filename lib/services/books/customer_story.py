"""The customer's story: what happened, read for the page and printed as evidence, and notes by staff."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.customer_story import (
    CustomerNote,
    CustomerStory,
    DisputedPayment,
    GivenBack,
    MethodLife,
    clean_note,
)
from lib.domain.typed_codes import unknown_customer
from lib.ids import new_id
from lib.printing.customer_story import to_html
from lib.store.customer_story import OpenSum
from lib.store.meta import ACCOUNT
from lib.store.unit_of_work import UnitOfWork


class CustomerStories:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, timezone: str) -> None:
        self._uow = uow
        self._clock = clock
        self._timezone = timezone

    def methods(self, customer_id: str, *, limit: int) -> list[MethodLife]:
        with self._uow.read() as stores:
            return stores.story.methods(customer_id, limit=limit)

    def refunds(self, customer_id: str, *, limit: int) -> list[GivenBack]:
        with self._uow.read() as stores:
            return stores.story.refunds(customer_id, limit=limit)

    def disputes(self, customer_id: str, *, limit: int) -> list[DisputedPayment]:
        with self._uow.read() as stores:
            return stores.story.disputes(customer_id, limit=limit)

    def notes(self, customer_id: str, *, limit: int) -> list[CustomerNote]:
        with self._uow.read() as stores:
            return stores.story.notes(customer_id, limit=limit)

    def open_sums(self, customer_id: str) -> list[OpenSum]:
        """What failed and nobody collected since, by currency."""
        with self._uow.read() as stores:
            return stores.story.open_sums(customer_id)

    def note(self, customer_id: str, text: str, *, by: Actor) -> CustomerNote:
        """
        Write something down about a customer. Nobody changes or deletes it.

        Raises:
            NotPermitted: neither an operator nor an approver.
            NotFound: no such customer here.
            InvalidInput: an empty note, or one that cannot be shown.
        """
        by.must(Permission.NOTE)
        now = epoch(self._clock())
        note = CustomerNote(new_id("note"), customer_id, clean_note(text), by.username, now)
        with self._uow.write() as stores:
            if stores.mirror.customer(customer_id) is None:
                raise unknown_customer(customer_id)
            stores.story.add_note(note)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="customer.note",
                subject=customer_id,
                detail={"note": note.id},
            )
        return note

    def printed(self, customer_id: str, *, by: Actor) -> bytes:
        """
        All of it as one page of HTML that prints as it is, in the installation's time zone.

        Raises:
            NotFound: no such customer here.
        """
        by.must(Permission.VIEW)
        with self._uow.read() as stores:
            customer = stores.mirror.customer(customer_id)
            if customer is None:
                raise unknown_customer(customer_id)
            methods = stores.story.methods(customer_id)[::-1]
            agreed = {one.method.id: stores.agreements.of_method(one.method.id) for one in methods}
            story = CustomerStory(
                customer=customer,
                holds=stores.holds.of([customer_id])[::-1],
                methods=methods,
                links=stores.story.links(customer_id),
                charges=stores.story.charges(customer_id),
                refunds=stores.story.refunds(customer_id)[::-1],
                disputes=stores.story.disputes(customer_id)[::-1],
                notes=stores.story.notes(customer_id)[::-1],
                agreements={method: one for method, one in agreed.items() if one is not None},
                people={user.username: user.name for user in stores.users.all()},
                account=stores.meta.value(ACCOUNT),
                audit_head=str(stores.audit.head()),
                timezone=self._timezone,
                printed_by=by.username,
                printed_at=epoch(self._clock()),
            )
        with self._uow.write() as stores:
            stores.audit.record(
                at=story.printed_at,
                actor=by.username,
                action="customer.print",
                subject=customer_id,
                detail={"charges": len(story.charges), "audit_head": story.audit_head},
            )
        return to_html(story)
