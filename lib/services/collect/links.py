"""Setup links: make one, mint its Checkout Session, expire it, and open the durable address."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.charges import RETRYABLE_STATES, SAME_KEY_SECONDS, clean_reference
from lib.domain.idempotency_keys import customer_key
from lib.domain.identity import address_key
from lib.domain.links import (
    LINK_LIFETIME_SECONDS,
    LOCALES,
    SETUP_SESSION,
    UNASKED_PAGE_SECONDS,
    EndReason,
    LinkRefusal,
    LinkSession,
    LinkState,
    LinkStatus,
    ListedLink,
    SetupLink,
    state_of,
)
from lib.domain.method_types import NOT_OFFERED
from lib.domain.mirror import Customer
from lib.domain.typed_codes import typed_currency
from lib.errors import (
    Busy,
    GatewayError,
    InvalidInput,
    KeyReused,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.ids import new_id, new_token
from lib.services.collect import refusals
from lib.services.collect.addresses import checked_email, checked_name
from lib.services.collect.agreements import AgreementService
from lib.services.collect.ambiguous_customers import why_meant, why_new
from lib.services.collect.charge_notices import PageWords, link_until
from lib.services.collect.customers import CustomerService
from lib.services.collect.language import CustomerLanguages
from lib.services.collect.page_ends import end_page
from lib.services.ledger.recovery_links import offer_recovery
from lib.services.mirror.apply import record_bundles
from lib.store.agreements import MARK as AGREEMENT_MARK
from lib.store.meta import INSTALLATION, LINKS_REFUSED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

_NOTHING = "No link was made."


@dataclass(frozen=True, slots=True)
class CreatedLink:
    link: SetupLink
    session_id: str
    url: str
    """Stripe's page; whoever has it can use it until `session_expires_at`."""
    durable_url: str
    """Onfile's own address; makes a new page at Stripe when the last one ended."""
    session_expires_at: int | None


@dataclass(frozen=True, slots=True)
class LinkGone:
    status: LinkStatus | None
    """None: there never was such a link."""
    is_confirming: bool = False
    """It was used, and the customer's bank still confirms what they entered."""
    is_done: bool = False
    """It ended as the customer has saved a card another way."""


@dataclass(frozen=True, slots=True)
class ButtonFirst:
    """A page is made when a person asks for it: openings alone had theirs within a day."""


class _NobodyAsked(Exception):
    pass


class LinkService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        customers: CustomerService,
        *,
        agreements: AgreementService,
        languages: CustomerLanguages,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._customers = customers
        self._agreements = agreements
        self._languages = languages
        self._clock = clock
        self._public_url = public_url

    def create(
        self,
        *,
        form_key: str,
        by: Actor,
        customer: str | None = None,
        email: str | None = None,
        name: str | None = None,
        guest: bool = False,
        currency: str | None = None,
        reference: str | None = None,
        locale: str | None = None,
        allow_twin: bool = False,
        despite: Mapping[str, str] | None = None,
    ) -> CreatedLink:
        """
        Make a link for an existing customer, a new one (`email`), or nobody yet (`guest`).

        `form_key` is made when the form is opened: calling again with the same key, after a double
        click, a rerun or a crash, continues the same link and makes no second one. `currency` None
        means cards only. With `email` of one existing customer, that customer is used.

        Raises:
            DuplicateCustomer: customers with this e-mail exist; pass `customer` or `allow_twin`.
            NotAdmitted: another customer has the address of `customer`, or one that looks like it or like
                `email` (`customer_has_twin`), and `despite` does not say why this one, or a new one, is meant.
            InvalidInput, NotPermitted, GatewayError
        """
        by.must(Permission.MANAGE_LINKS)
        if sum((customer is not None, email is not None, guest)) != 1:
            raise InvalidInput(
                "Choose one: an existing customer, a new customer's e-mail, or nobody yet.",
                field="customer",
            )
        name = checked_name(name) if name else None
        currency = typed_currency(currency).code if currency else None
        reference = clean_reference(reference) if reference and reference.strip() else None
        if locale is not None and locale not in LOCALES:
            raise InvalidInput(f"Languages: {', '.join(LOCALES)}.", field="locale")
        link = self._find_or_add(
            form_key,
            customer=customer,
            email=email,
            name=name,
            currency=currency,
            reference=reference,
            locale=locale,
            by=by,
            allow_twin=allow_twin,
            despite=despite or {},
        )
        with refusals.kept(self._uow, link.id, clock=self._clock):
            self._make_customer(link, by=by)
            return self._created(link.id)

    def offer(
        self, customer: str, *, occasion: str, by: Actor, despite: Mapping[str, str] | None = None
    ) -> tuple[SetupLink, bool]:
        """
        An open link for this customer, and whether it is new: one for each occasion, until it ended.

        Its page at Stripe is made when the customer opens it, so that hundreds cost no request.
        Raises like `create` with a customer.
        """
        by.must(Permission.MANAGE_LINKS)
        now = epoch(self._clock())
        for number in itertools.count(1):
            form_key = f"{occasion}:{customer}:{number}"
            with self._uow.read() as stores:
                earlier = stores.links.by_form_key(form_key)
            if earlier is not None and earlier.status(now) is LinkStatus.OPEN:
                return earlier, False
            if earlier is None:
                break
        link = self._find_or_add(
            form_key,
            customer=customer,
            email=None,
            name=None,
            currency=None,
            reference=None,
            locale=None,
            by=by,
            allow_twin=False,
            despite=despite or {},
        )
        return link, True

    def recover(self, charge_id: str, *, by: Actor) -> CreatedLink:
        """The link by which a customer saves another method for a failed charge; made once."""
        by.must(Permission.MANAGE_LINKS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            charge = stores.charges.find(charge_id)
            if charge is None:
                raise NotFound("There is no such charge.")
            if charge.state not in RETRYABLE_STATES:
                raise StaleState("This charge needs no new card. Reload to see its state.")
            until = link_until(stores, charge_id, now=now)
            link = offer_recovery(stores, charge_id, by=by.username, at=now, until=until)
        with refusals.kept(self._uow, link.id, clock=self._clock):
            return self._created(link.id)

    def refusal(self) -> LinkRefusal | None:
        """Why no link works at present; None: the last one asked for was made."""
        with self._uow.read() as stores:
            value = stores.meta.value(LINKS_REFUSED)
        return None if value is None else LinkRefusal.from_json(value)

    def show(self, link_id: str) -> tuple[SetupLink, LinkSession | None]:
        with self._uow.read() as stores:
            link = stores.links.find(link_id)
            if link is None:
                raise NotFound("There is no such link.")
            return link, stores.link_sessions.last_of(link_id)

    def listing(self, *, state: LinkState | None = None, limit: int = 1000) -> list[ListedLink]:
        """Newest first."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            return [
                ListedLink(
                    link, stores.link_sessions.last_of(link.id), state_of(link.status(now), setup)
                )
                for link, setup in stores.links.listing(state, now=now, limit=limit)
            ]

    def durable_url(self, link: SetupLink) -> str:
        return f"{self._public_url}/l/{link.token}"

    def expire(self, link_id: str, *, by: Actor) -> SetupLink:
        """
        End an open link for good: its page at Stripe and its durable address.

        Raises:
            StaleState: the customer finished it first, or it had ended before.
        """
        by.must(Permission.MANAGE_LINKS)
        link, session = self.show(link_id)
        now = epoch(self._clock())
        if link.status(now) is not LinkStatus.OPEN:
            raise StaleState("This link is no longer open. Reload to see its state.")
        if session is not None and session.session_id is not None and session.closed_at is None:
            self._expire_session(session.session_id)
        with self._uow.write() as stores:
            if not stores.links.revoke(link_id, at=now, why=EndReason.STAFF):
                raise StaleState("The customer finished this link just now. The card is saved.")
            stores.link_sessions.close(link_id, at=now)
            stores.audit.record(
                at=now, actor=by.username, action="link.expire", subject=link_id, detail={}
            )
        return self.show(link_id)[0]

    def known(self, token: str) -> str | LinkGone | None:
        """What the database alone says of a durable address: its page at Stripe, or None yet."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            link = stores.links.by_token(token)
            if link is None:
                return LinkGone(None)
            if link.status(now) is not LinkStatus.OPEN:
                waits = stores.confirmations.has(link.completed_session)
                return LinkGone(
                    link.status(now),
                    is_confirming=waits,
                    is_done=link.end_reason == EndReason.CARD_SAVED,
                )
            session = stores.link_sessions.last_of(link.id)
        return session.url if session is not None and session.is_usable(now) else None

    def note_cancel(self, link_id: str) -> None:
        """The customer came back from the page of this link; whoever names another is not heard."""
        with self._uow.read() as stores:
            link = stores.links.find(link_id)
        if link is not None:
            with self._uow.write() as stores:
                stores.links.mark_opened(link_id, at=epoch(self._clock()))
                stores.link_sessions.mark_person(link_id)

    def open_durable(self, token: str, *, by_person: bool = False) -> str | LinkGone | ButtonFirst:
        """
        Where to send the customer who opened the durable address: a live page at Stripe, minted
        when needed, or LinkGone.

        Args:
            by_person: they pressed its button. Who only opens it may be a scanner.

        Raises:
            Busy, OutcomeUnknown: Stripe cannot be asked just now.
            GatewayError: Stripe makes no page until somebody mends what is wrong; it is kept for staff.
        """
        now = epoch(self._clock())
        with self._uow.read() as stores:
            link = stores.links.by_token(token)
        if link is None:
            return LinkGone(None)
        if link.status(now) is LinkStatus.OPEN:
            self._look_at_session(link)
        known = self.known(token)
        if isinstance(known, LinkGone):
            return known
        link = self.show(link.id)[0]
        try:
            with refusals.kept(self._uow, link.id, clock=self._clock):
                if known is None:
                    self._find_or_make_customer(link)
                    link = self.show(link.id)[0]
                session = self._live_session(link, by_person=by_person)
        except _NobodyAsked:
            return ButtonFirst()
        except Refused:
            if link.customer is None or not self._is_gone(link.customer):
                raise
            return LinkGone(LinkStatus.REVOKED)
        if session is None or session.url is None:
            with self._uow.read() as stores:
                again = stores.links.find(link.id)
            return LinkGone(again.status(now) if again else None)
        return session.url

    def _look_at_session(self, link: SetupLink) -> None:
        """
        Learn whether the last page was finished meanwhile: a customer who opens an old mail again
        should read that the card is saved, not save it twice. Whoever opens it next looks again, so that
        Stripe in trouble is asked no oftener than Stripe in health.
        """
        session = self.show(link.id)[1]
        if session is None or session.session_id is None or session.closed_at is not None:
            return
        asked_at_ms = epoch_ms(self._clock())
        try:
            bundle = self._gateway.retrieve_session(session.session_id, attempts=1)
        except (Busy, OutcomeUnknown, Misconfigured):
            # The page we know is the best answer while Stripe cannot say, or not to this key.
            return
        with self._uow.write() as stores:
            record_bundles(stores, [bundle], synced_at_ms=asked_at_ms)

    def _is_gone(self, customer_id: str) -> bool:
        try:
            return self._customers.refresh(customer_id).is_deleted
        except NotFound:
            return True

    def _known(self, email: str, despite: Mapping[str, str]) -> Customer | None:
        """
        The customer with this address; None where one is to be made.

        Raises:
            AddressOfSeveral
            NotAdmitted: a person takes somebody's address for this one, and `despite` does not say why one is made.
        """
        known = self._customers.only_one_with_email(email)
        alike = [] if known else self._customers.twins_here(email)
        if any(address_key(twin.customer.email or "") == address_key(email) for twin in alike):
            # Made since, as by the same click: two that arrive at once.
            return self._customers.only_one_with_email(email)
        why_new(email, alike, despite, nothing=_NOTHING)
        return known

    def _find_or_add(
        self,
        form_key: str,
        *,
        customer: str | None,
        email: str | None,
        name: str | None,
        currency: str | None,
        reference: str | None,
        locale: str | None,
        by: Actor,
        allow_twin: bool,
        despite: Mapping[str, str],
    ) -> SetupLink:
        with self._uow.read() as stores:
            existing = stores.links.by_form_key(form_key)
        if existing is not None:
            return existing
        recipient: Customer | None = None
        if customer is not None:
            recipient = self._customers.get(customer)
        elif email is not None and not allow_twin:
            recipient = self._known(email, despite)
        if recipient is not None:
            sharing = self._customers.sharing_address(recipient.id)
            why_meant(sharing, despite, nothing=_NOTHING)
        if email is not None and recipient is None:
            email = checked_email(email)
        now = epoch(self._clock())
        link = SetupLink(
            id=new_id("link"),
            token=new_token(),
            customer=recipient.id if recipient else None,
            email=recipient.email if recipient else email,
            name=recipient.name if recipient else name,
            currency=currency,
            reference=reference,
            locale=locale,
            charge_id=None,
            created_by=by.username,
            created_at=now,
            expires_at=now + LINK_LIFETIME_SECONDS,
            revoked_at=None,
            completed_at=None,
            completed_session=None,
        )
        with self._uow.write() as stores:
            raced = stores.links.by_form_key(form_key)
            if raced is not None:
                return raced
            stores.links.add(link, form_key=form_key)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="link.create",
                subject=link.id,
                detail={"customer": link.customer, "reference": reference}
                | ({"despite": dict(despite)} if despite else {}),
            )
        return link

    def _make_customer(self, link: SetupLink, *, by: Actor) -> None:
        """The customer of a link for a new one; made once, also when the first try failed."""
        if link.customer is None and link.email is not None:
            customer = self._customers.create(
                email=link.email,
                name=link.name,
                locale=link.locale,
                request_key=customer_key(link.id),
                by=by,
            )
            with self._uow.write() as stores:
                stores.links.set_customer(link.id, customer.id)

    def _find_or_make_customer(self, link: SetupLink) -> None:
        """
        The customer of a link that was made without asking Stripe, when it is opened: one with its
        address, or one that looks like it, may have come meanwhile. Where a person has to choose, what is saved waits for a person.
        """
        if link.customer is not None or link.email is None:
            return
        with self._uow.read() as stores:
            is_being_made = stores.requests.is_planned(customer_key(link.id))
        if not is_being_made:
            same = self._customers.with_email(link.email)
            sharing = self._customers.twins_here(link.email)
            if len(same) == len(sharing) == 1:
                with self._uow.write() as stores:
                    stores.links.set_customer(link.id, same[0].id)
            if sharing:
                return
        self._make_customer(link, by=SYSTEM)

    def _created(self, link_id: str) -> CreatedLink:
        link, _ = self.show(link_id)
        now = epoch(self._clock())
        if link.status(now) is not LinkStatus.OPEN:
            raise StaleState(f"This link is {link.status(now)} already.")
        session = self._live_session(link, by_person=True)
        if session is None or session.session_id is None or session.url is None:
            raise StaleState("The customer finished this link just now. The card is saved.")
        return CreatedLink(
            link=link,
            session_id=session.session_id,
            url=session.url,
            durable_url=self.durable_url(link),
            session_expires_at=session.expires_at,
        )

    def _live_session(self, link: SetupLink, *, by_person: bool) -> LinkSession | None:
        """
        An open Checkout Session of the link; None when the link turns out to be finished.

        Raises:
            _NobodyAsked
        """
        if not self._outdated_page_ended(link):
            return None
        session = self._planned_session(link, by_person=by_person)
        if session.is_usable(epoch(self._clock())):
            return session
        try:
            return self._minted(link, session)
        except GatewayError as error:
            if not _is_of_the_key(error):
                raise
        # Once: where Stripe saves error after error, whoever asks again gets the next key.
        return self._minted(link, self._planned_session(link, by_person=by_person))

    def _minted(self, link: SetupLink, session: LinkSession) -> LinkSession | None:
        asked_at_ms = epoch_ms(self._clock())
        try:
            bundle = self._gateway.create_session(
                json.loads(session.params), idempotency_key=session.idempotency_key
            )
        except GatewayError as error:
            # The link gets another page: a new row, with a key and parameters of its own. A page that
            # was made behind a saved error has an address that nobody knows, and expires.
            if _is_of_the_key(error):
                with self._uow.write() as stores:
                    stores.link_sessions.close(link.id, at=epoch(self._clock()))
            raise
        with self._uow.write() as stores:
            stores.link_sessions.record(
                link.id,
                session.number,
                session_id=bundle.session.id,
                url=bundle.session.url,
                expires_at=bundle.session.expires_at,
            )
            refusals.forget(stores, link.id)
            record_bundles(stores, [bundle], synced_at_ms=asked_at_ms)
            current = stores.link_sessions.last_of(link.id)
        return current if current is not None and current.url is not None else None

    def _outdated_page_ended(self, link: SetupLink) -> bool:
        """
        End a page that is open and says something else of what is charged than is true now; False when the
        customer finished it first.
        """
        with self._uow.read() as stores:
            last = stores.link_sessions.last_of(link.id)
        if last is None or last.session_id is None or not last.is_usable(epoch(self._clock())):
            return True
        if self._agreements.page_of(link).fits(json.loads(last.params)):
            return True
        try:
            self._expire_session(last.session_id)
        except StaleState:
            return False
        with self._uow.write() as stores:
            stores.link_sessions.close(link.id, at=epoch(self._clock()))
        return True

    def _planned_session(self, link: SetupLink, *, by_person: bool) -> LinkSession:
        """
        The link's newest session row; a new one, committed, when the last cannot be used.

        Raises:
            _NobodyAsked
        """
        now = epoch(self._clock())
        page = self._agreements.page_of(link)
        with self._uow.write() as stores:
            last = stores.link_sessions.last_of(link.id)
            params = self._session_params(stores, link, page)
            if last is not None and last.closed_at is None:
                unanswered = last.session_id is None and now - last.requested_at < SAME_KEY_SECONDS
                # One that was planned before Onfile was upgraded, say, is not asked for again.
                is_as_now = json.loads(last.params) == params
                if (unanswered and is_as_now) or last.is_usable(now):
                    return last
            earlier = stores.link_sessions.of_nobody(link.id, after=now - UNASKED_PAGE_SECONDS)
            # One that says something else of what is charged was made for what staff have changed since.
            if not by_person and any(page.fits(json.loads(one.params)) for one in earlier):
                raise _NobodyAsked
            stores.link_sessions.close(link.id, at=now)
            number = last.number + 1 if last else 1
            stores.link_sessions.plan(
                link.id,
                number=number,
                idempotency_key=f"onfile:{link.id}:{number}",
                params=json.dumps(params, sort_keys=True),
                by_person=by_person,
                at=now,
            )
            session = stores.link_sessions.last_of(link.id)
        if session is None:
            raise LookupError(link.id)
        return session

    def _session_params(
        self, stores: Stores, link: SetupLink, page: PageWords
    ) -> dict[str, object]:
        metadata = {
            "onfile_link_id": link.id,
            "onfile_installation": stores.meta.value(INSTALLATION) or "",
            # With the text, which is in these parameters, it is kept once the customer is done.
            AGREEMENT_MARK: f"{page.agreement.version} {page.agreement.language}",
            **page.metadata,
        }
        if link.reference:
            metadata["onfile_reference"] = link.reference
        if link.charge_id:
            metadata["onfile_charge_id"] = link.charge_id
        params: dict[str, object] = {
            **SETUP_SESSION,
            # The braces are Stripe's template and must arrive as they are.
            "success_url": self._public_url + "/setup/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": f"{self._public_url}/setup/cancelled?link={link.id}",
            "custom_text": page.custom_text,
            "client_reference_id": link.id,
            "metadata": metadata,
            # Metadata is not copied from the Session to the SetupIntent.
            "setup_intent_data": {"metadata": metadata},
        }
        if link.currency:
            # What could be saved and not be charged is not offered. Stripe takes this list or that of
            # the allowed types, not both.
            params |= {
                "currency": link.currency,
                "excluded_payment_method_types": sorted(NOT_OFFERED),
            }
        else:
            # Link comes along with cards, and may pay from a bank account or by Klarna.
            params |= {
                "allowed_payment_method_types": ["card"],
                "wallet_options": {"link": {"display": "never"}},
            }
        if link.customer:
            params["customer"] = link.customer
        # Stripe's page has the language of our words on it, and some more that can be chosen at the link.
        known = self._languages.known(stores, link)
        is_chosen = link.locale not in {None, "auto"}
        locale = known.code if known and not is_chosen else link.locale
        if locale:
            params["locale"] = locale
        return params

    def _expire_session(self, session_id: str) -> None:
        asked_at_ms = epoch_ms(self._clock())
        bundle = end_page(self._gateway, session_id)
        with self._uow.write() as stores:
            record_bundles(stores, [bundle], synced_at_ms=asked_at_ms)
        if bundle.session.status == "complete":
            raise StaleState("The customer finished this link just now. The card is saved.")


def _is_of_the_key(error: GatewayError) -> bool:
    """Saved under the key, or about it: Stripe would answer nothing else under it for a day."""
    return error.is_replayed or isinstance(error, KeyReused)
