"""Customers: find one, make one at Stripe without making a twin."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.confirmations import Confirmation
from lib.domain.identity import (
    address_key,
    drawn_key,
    id_key,
    pasted_id,
    unreadable,
    visible,
    visible_address,
    writings,
)
from lib.domain.mirror import Customer
from lib.domain.twins import Twin, listed
from lib.domain.typed_codes import hint
from lib.errors import GatewayError, InvalidInput, Missing, NotFound, RuleViolation
from lib.services.collect.addresses import checked_email, checked_name
from lib.services.collect.ambiguous_customers import AddressOfSeveral, IdsLookTheSame
from lib.services.mirror.apply import record_customers
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import MOST_SAVED_ERRORS, StripeGateway

# Stripe's clock and ours may differ.
_CLOCK_MARGIN_SECONDS = 60
# What customers have had since Stripe began is more than a validator of today allows.
_SOMEBODYS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\.[^@\s.]{2,63}\Z")


class DuplicateCustomer(RuleViolation):
    """Customers with this e-mail exist; the caller chooses one or insists on a new one."""

    code = "customer_exists"

    def __init__(self, email: str, twins: list[Twin]) -> None:
        super().__init__(
            f"{email} belongs to several customers: {listed(twins)}. Choose one of them."
        )
        self.twins = twins


class CustomerService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, refetcher: Refetcher, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._refetcher = refetcher
        self._gateway = gateway
        self._clock = clock

    def get(self, customer_id: str) -> Customer:
        """
        A living customer, asked of Stripe when the mirror does not have it yet.

        Raises:
            NotFound: Stripe has no such customer under this key, or it was deleted.
        """
        with self._uow.read() as stores:
            customer = stores.mirror.customer(customer_id)
        if customer is None:
            customer = self.refresh(customer_id)
        if customer.is_deleted:
            raise NotFound("This customer was deleted at Stripe.")
        return customer

    def refresh(self, customer_id: str) -> Customer:
        """
        Read the customer from Stripe into the mirror.

        Raises:
            NotFound: Stripe has no such customer under this key.
        """
        try:
            return self._refetcher.customer(customer_id)
        except Missing as error:
            raise NotFound(
                f"Stripe has no customer {customer_id[:40]} under this key. Check the id, and whether it is a test or a live one.{hint(customer_id)}"
            ) from error

    def id_written(self, text: str) -> str:
        """
        The id that a person wrote or pasted, as the account made it: in its Unicode form. Stripe is
        asked for those that the mirror lacks.

        What nobody has is returned without its invisible letters.

        Raises:
            RuleViolation: several ids look like it (`customer_ambiguous`).
        """
        if not pasted_id(text).isascii():
            self.look_up(text)
        return self.id_here(text)

    def id_pasted(self, text: str) -> str:
        """The very id where a customer here has it, else without letters that are not shown."""
        with self._uow.read() as stores:
            return stores.mirror.id_pasted(text)

    def id_here(self, text: str) -> str:
        """As `id_written`, of customers in the mirror only."""
        with self._uow.read() as stores:
            ids = stores.mirror.ids_that_look_like(pasted_id(text))
            if len(ids) > 1:
                raise IdsLookTheSame(id_key(text), stores.twins.of(ids))
        return ids[0] if ids else pasted_id(text)

    def look_up(self, text: str) -> list[Customer]:
        """Of an id in each form that shows it; those that the mirror lacks are read from Stripe."""
        customers = []
        for writing in writings(text):
            with contextlib.suppress(NotFound):
                customers.append(self.get(writing))
        return customers

    def with_email(self, email: str) -> list[Customer]:
        """
        Customers with this address, however it is written; asks Stripe as well, whose filter is exact.

        Raises:
            InvalidInput: it cannot be anybody's address.
        """
        wanted = visible_address(email)
        if not _SOMEBODYS.match(wanted) or unreadable(wanted):
            checked_email(wanted)
        for writing in dict.fromkeys((wanted, address_key(wanted), drawn_key(wanted))):
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.customers_with(writing)
            with self._uow.write() as stores:
                record_customers(stores, page.items, synced_at_ms=asked_at_ms)
        with self._uow.read() as stores:
            return stores.mirror.customers_with_address(wanted)

    def twins(self, email: str) -> list[Twin]:
        """The same customers and those whose address looks like it, each with what tells it from the others."""
        self.with_email(email)
        return self.twins_here(email)

    def twins_here(self, email: str) -> list[Twin]:
        """As `twins`, of customers in the mirror only."""
        with self._uow.read() as stores:
            some = stores.mirror.customers_drawn_alike(visible_address(email))
            return stores.twins.of([customer.id for customer in some])

    def sharing_address(self, customer_id: str) -> list[Twin]:
        """This customer and those whose address a person takes for theirs; none where there are none."""
        with self._uow.read() as stores:
            return stores.twins.sharing(customer_id)

    def named(self, text: str) -> str:
        """
        The id of the customer whose id or address a person wrote; what nobody has, as `id_written`.

        Raises:
            RuleViolation: several can be meant (`customer_ambiguous`, `customer_exists`).
        """
        id_ = self.id_written(text)
        if "@" not in id_:
            return id_
        ids: list[str] = []
        # An account may have made an id of an address, or of what is none.
        with contextlib.suppress(NotFound):
            ids.append(self.get(id_).id)
        with contextlib.suppress(InvalidInput):
            ids += [one.id for one in self.with_email(text)]
        ids = list(dict.fromkeys(ids))
        if len(ids) > 1:
            with self._uow.read() as stores:
                raise AddressOfSeveral(visible(text), stores.twins.of(ids))
        return ids[0] if ids else id_

    def details(self, customer_ids: Sequence[str]) -> dict[str, str]:
        """What tells customers apart, by id: whether they may be charged, their cards, their last payments."""
        with self._uow.read() as stores:
            held = stores.holds.covering(customer_ids)
            return {
                twin.customer.id: f"do not charge, {twin.details}"
                if twin.customer.id in held
                else twin.details
                for twin in stores.twins.of(customer_ids)
            }

    def confirmation(self, customer_id: str) -> Confirmation | None:
        """A method of this customer that their bank still confirms."""
        with self._uow.read() as stores:
            return stores.confirmations.of([customer_id]).get(customer_id)

    def only_one_with_email(self, email: str) -> Customer | None:
        """
        Raises:
            DuplicateCustomer: more than one customer has it, so choosing is up to a person.
        """
        customers = self.with_email(email)
        if len(customers) > 1:
            with self._uow.read() as stores:
                raise DuplicateCustomer(email, stores.twins.of([one.id for one in customers]))
        return customers[0] if customers else None

    def create(
        self,
        *,
        email: str,
        name: str | None,
        request_key: str,
        by: Actor,
        locale: str | None = None,
    ) -> Customer:
        """
        Make a customer at Stripe; the same `request_key` makes one, however often it is called.

        Args:
            locale: what they read; whoever writes to them afterwards finds it at Stripe.
        """
        by.must(Permission.MANAGE_LINKS)
        params: dict[str, object] = {"email": checked_email(email), "metadata": {"onfile": "1"}}
        if name:
            params["name"] = checked_name(name)
        if locale and locale != "auto":
            params["preferred_locales"] = [locale]
        now = epoch(self._clock())
        with self._uow.write() as stores:
            params = stores.requests.plan(
                request_key, operation="customer.create", params=params, by=by.username, at=now
            )
            done = stores.requests.result(request_key)
        if done is not None:
            return self.get(done)
        asked_at_ms = epoch_ms(self._clock())
        customer = self._made(params, request_key)
        with self._uow.write() as stores:
            stores.requests.finish(request_key, object_id=customer.id, at=now)
            record_customers(stores, [customer], synced_at_ms=asked_at_ms)
            stores.audit.record(
                at=now, actor=by.username, action="customer.create", subject=customer.id, detail={}
            )
        return customer

    def _made(self, params: Mapping[str, object], request_key: str) -> Customer:
        """
        Stripe gives an error that it saved again for a day, so after a saved one the key's number moves
        on; not before looking whether the customer was made behind it.
        """
        key = request_key
        for number in range(2, MOST_SAVED_ERRORS + 1):
            try:
                return self._gateway.create_customer(params, idempotency_key=key)
            except GatewayError as error:
                if not error.is_replayed:
                    raise
            with self._uow.read() as stores:
                since = stores.requests.requested_at(request_key) - _CLOCK_MARGIN_SECONDS
            for one in self._gateway.customers_with(str(params["email"])).items:
                if one.created >= since and one.name == params.get("name"):
                    return one
            key = f"{request_key}:{number}"
        return self._gateway.create_customer(params, idempotency_key=key)
