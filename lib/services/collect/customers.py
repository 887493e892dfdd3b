"""Customers: find one, make one at Stripe without making a twin."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import Actor, Permission
from lib.domain.confirmations import Confirmation
from lib.domain.identity import address_key, unreadable, visible
from lib.domain.mirror import Customer
from lib.domain.twins import Twin, listed
from lib.errors import InvalidInput, Missing, NotFound, RuleViolation
from lib.services.mirror.refetch import Refetcher
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_LONGEST_NAME = 200
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
                f"Stripe has no customer {customer_id[:40]} under this key. Check the id, and whether it is a test or a live one."
            ) from error

    def with_email(self, email: str) -> list[Customer]:
        """
        Customers with this address, however it is written; asks Stripe as well, whose filter is exact.

        Raises:
            InvalidInput: it cannot be anybody's address.
        """
        wanted = visible(email)
        if not _SOMEBODYS.match(wanted) or unreadable(wanted):
            checked_email(wanted)
        for writing in dict.fromkeys((wanted, address_key(wanted))):
            asked_at_ms = epoch_ms(self._clock())
            page = self._gateway.customers_with(writing)
            with self._uow.write() as stores:
                stores.mirror.save_customers(page.items, synced_at_ms=asked_at_ms)
        with self._uow.read() as stores:
            return stores.mirror.customers_with_address(wanted)

    def twins(self, email: str) -> list[Twin]:
        """The same customers, each with what tells it from the others."""
        ids = [customer.id for customer in self.with_email(email)]
        with self._uow.read() as stores:
            return stores.twins.of(ids)

    def details(self, customer_ids: Sequence[str]) -> dict[str, str]:
        """What tells customers apart, by id: their cards and last payments."""
        with self._uow.read() as stores:
            return {twin.customer.id: twin.details for twin in stores.twins.of(customer_ids)}

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

    def create(self, *, email: str, name: str | None, request_key: str, by: Actor) -> Customer:
        """Make a customer at Stripe; the same `request_key` makes one, however often it is called."""
        by.must(Permission.MANAGE_LINKS)
        params: dict[str, object] = {"email": checked_email(email), "metadata": {"onfile": "1"}}
        if name:
            params["name"] = checked_name(name)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            params = stores.requests.plan(
                request_key, operation="customer.create", params=params, by=by.username, at=now
            )
            done = stores.requests.result(request_key)
        if done is not None:
            return self.get(done)
        asked_at_ms = epoch_ms(self._clock())
        customer = self._gateway.create_customer(params, idempotency_key=request_key)
        with self._uow.write() as stores:
            stores.requests.finish(request_key, object_id=customer.id, at=now)
            stores.mirror.save_customers([customer], synced_at_ms=asked_at_ms)
            stores.audit.record(
                at=now, actor=by.username, action="customer.create", subject=customer.id, detail={}
            )
        return customer


def checked_email(email: str) -> str:
    """
    An address as a person reads it.

    Raises:
        InvalidInput: no mail can reach it; the message says what is wrong.
    """
    from email_validator import EmailNotValidError, validate_email

    cleaned = visible(email)
    letter = unreadable(cleaned)
    try:
        # Whether the domain has a mail server is not asked: that would be a question to a stranger.
        # Domains that end in .test belong to sandboxes.
        validate_email(cleaned, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        why = f"It holds {letter}, which cannot be shown." if letter else str(error)
        raise InvalidInput(
            f"“{cleaned[:40]}” is not an e-mail address. {why}", field="email", code="email_invalid"
        ) from error
    return cleaned


def checked_name(name: str) -> str:
    """
    Raises:
        InvalidInput: too long, or with a letter that cannot be shown.
    """
    cleaned = " ".join(visible(name).split())
    letter = unreadable(cleaned)
    if len(cleaned) > _LONGEST_NAME or letter is not None:
        raise InvalidInput(
            f"The name holds {letter}, which cannot be shown. Type it again by hand."
            if letter is not None
            else f"A name has at most {_LONGEST_NAME} characters.",
            field="name",
            code="name_invalid",
        )
    return cleaned
