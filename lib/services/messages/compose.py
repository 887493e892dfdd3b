"""Messages as a customer would read them now: from a link, or from charges that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lib.clock import Clock, epoch
from lib.domain.declines import EXPLANATIONS, Reason
from lib.domain.links import LINK_LIFETIME_SECONDS, LinkPurpose, SetupLink
from lib.domain.messages import Message, MessageKind, fill
from lib.domain.mirror import Customer
from lib.domain.outbox import OutboxMessage
from lib.errors import NotFound
from lib.languages import ENGLISH, Language, Words, first_of
from lib.services.charges.view import ChargeView, views_of
from lib.services.collect import charge_notices as notices
from lib.services.collect.language import CustomerLanguages
from lib.services.collect.sender import SenderService
from lib.services.messages import cards
from lib.services.messages.composed import Composed
from lib.services.messages.failures import is_told, newest_link, offers_link, owed_of_view
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.wording import messages as wording
from lib.wording.catalogues import day, month, words
from lib.wording.messages import Owed

_KIND_OF = {
    LinkPurpose.NEW_CARD: MessageKind.LINK,
    LinkPurpose.FAILED_CHARGE: MessageKind.RECOVERY,
    LinkPurpose.EXPIRING_CARD: MessageKind.CARD_EXPIRES,
}


class MessageComposer:
    """Writes nothing and asks nobody: what it says is what the database knows."""

    def __init__(
        self,
        uow: UnitOfWork,
        senders: SenderService,
        languages: CustomerLanguages,
        *,
        clock: Clock,
        public_url: str,
        timezone: str,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._senders = senders
        self._languages = languages
        self._public_url = public_url
        self._timezone = timezone

    def about_charge(self, charge_id: str) -> Composed | None:
        """As `about_charges`, of one."""
        with self._uow.read() as stores:
            return self.about_charges(stores, self._views(stores, charge_id))

    def about_link(self, link_id: str) -> Composed | None:
        """
        What goes with this link: of a recovery link, about the charge it recovers. None when the
        customer has nothing to do about that charge any more.

        Raises:
            NotFound: no such link.
        """
        with self._uow.read() as stores:
            link = stores.links.find(link_id)
            if link is None:
                raise NotFound("There is no such link.")
            return self.about(stores, link)

    def about(
        self, stores: Stores, link: SetupLink, kind: MessageKind | None = None
    ) -> Composed | None:
        """
        As `about_link`; `kind` None: by what the link is for. While a charge waits for the card of this
        link, whatever asks for a card says what is charged.
        """
        kind = kind or _KIND_OF[link.purpose]
        if kind in _KIND_OF.values() and notices.waiting_charge(stores, link) is not None:
            kind = MessageKind.CARD_FOR_CHARGE
        if kind is MessageKind.RECOVERY:
            views = self._views(stores, link.charge_id) if link.charge_id else []
            return self.about_charges(stores, views)
        return self.of_link(stores, link, kind)

    def html(self, message: OutboxMessage) -> str:
        """The page that goes out beside the text."""
        language = first_of([message.language]) or ENGLISH
        return wording.html(message.message, language, kind=message.kind, link=message.url)

    def preview_html(self, message: Message, kind: MessageKind, language: Language) -> str:
        """The same of a message with made-up values."""
        return wording.html(message, language, kind=kind, link=self._example_url)

    @property
    def _example_url(self) -> str:
        return f"{self._public_url}/l/example"

    def sample(
        self, stores: Stores, kind: MessageKind, language: Language, *, address: str, name: str
    ) -> Composed:
        """With made-up values, to whoever wants to see it."""
        values = {**self.sample_values(stores, language), "name": name}
        return self._composed(
            stores, kind, language, values, link=None, customer=None, address=address
        )

    def sample_values(self, stores: Stores, language: Language) -> dict[str, str]:
        """Of every field there is."""
        say, now = words(language), epoch(self._clock())
        owed = [
            Owed("INV-1042", 12_450, "eur", EXPLANATIONS[Reason.NOT_ENOUGH_MONEY].customer_message),
            Owed("INV-1043", 5_000, "jpy", EXPLANATIONS[Reason.NOT_ENOUGH_MONEY].customer_message),
        ]
        today = self._clock()
        return {
            **self._values(stores, say, "Anna Example"),
            "link": self._example_url,
            "until": day(now + LINK_LIFETIME_SECONDS, self._timezone, language),
            "reference": "INV-1042",
            "failures": wording.failures(owed, say),
            "invoices": wording.invoices(owed, say),
            "total": wording.total(owed, say),
            "to_charge": wording.to_charge(owed[0], self._senders.of(stores), say),
            "card": "Visa •••• 4242",
            "day": day(now + 3 * 86_400, self._timezone, language),
            "charges": wording.charges([(one, "Visa •••• 4242") for one in owed], say),
            "answer": self._example_url,
            "expiry": month(today.year, today.month, language),
        }

    def of_link(
        self,
        stores: Stores,
        link: SetupLink,
        kind: MessageKind,
        more: Mapping[str, str] | None = None,
    ) -> Composed:
        """`more`: values of fields that this kind has besides those of every link."""
        customer = stores.mirror.customer(link.customer) if link.customer else None
        language = self._languages.of_link(stores, link)
        say = words(language)
        name = (customer.name if customer else None) or link.name
        values = {
            **self._values(stores, say, name),
            **self._of_link(link, say),
            "reference": link.reference or "",
            **self._still_owed(stores, link, say),
            **cards.expiring(stores, link, say),
            **self._to_charge(stores, link, say),
            **(cards.saved(stores, link, say) if kind is MessageKind.THANKS else {}),
        }
        return self._composed(stores, kind, language, values, link=link, customer=customer)

    def about_charges(self, stores: Stores, views: Sequence[ChargeView]) -> Composed | None:
        """
        One message about all of a customer's charges that failed, with their newest link; None when
        the customer can do nothing about any of these.

        A card that is saved by the link is charged by itself only for the charge whose link it is; the
        run's page offers the others.
        """
        shown = [view for view in views if is_told(view)]
        link = newest_link(shown)
        if link is None:
            shown = [view for view in shown if not offers_link(view)]
        if not shown:
            return None
        customer_id = shown[0].charge.customer
        customer = stores.mirror.customer(customer_id)
        language = (
            self._languages.of_link(stores, link)
            if link
            else self._languages.of_customer(stores, customer_id)
        )
        say = words(language)
        owed = [owed_of_view(view) for view in shown]
        values = {
            **self._values(stores, say, customer.name if customer else None),
            **(self._of_link(link, say) if link else {}),
            "failures": wording.failures(owed, say),
            "invoices": wording.invoices(owed, say),
            "total": wording.total(owed, say),
            "reference": ", ".join(one.reference for one in owed),
        }
        return self._composed(
            stores,
            MessageKind.RECOVERY,
            language,
            values,
            link=link,
            customer=customer,
            about=tuple(shown),
        )

    def of_customer(
        self,
        stores: Stores,
        customer: Customer,
        kind: MessageKind,
        fields: Callable[[Words], Mapping[str, str]],
    ) -> Composed:
        """About none of their links; `fields`: those that this kind has besides everybody's."""
        language = self._languages.of_customer(stores, customer.id)
        say = words(language)
        values = {**self._values(stores, say, customer.name), **fields(say)}
        return self._composed(stores, kind, language, values, link=None, customer=customer)

    def _views(self, stores: Stores, charge_id: str) -> list[ChargeView]:
        now = epoch(self._clock())
        views = views_of(stores, [charge_id], public_url=self._public_url, now=now)
        return list(views.values())

    def _values(self, stores: Stores, say: Words, name: str | None) -> dict[str, str]:
        sender = self._senders.of(stores)
        return {
            "greeting": wording.greeting(name, say),
            "name": " ".join((name or "").split()),
            "company": wording.company_of(sender, say),
            "contact": sender.contact,
            "signature": wording.signature(sender, say),
        }

    def _of_link(self, link: SetupLink, say: Words) -> dict[str, str]:
        return {
            "link": self._url(link),
            # Its last whole day: what ends at noon would be promised for the evening.
            "until": day(link.expires_at - 86_400, self._timezone, say.language),
        }

    def _still_owed(self, stores: Stores, link: SetupLink, say: Words) -> dict[str, str]:
        """Of a recovery link, what it recovers, as long as that failed."""
        views = self._views(stores, link.charge_id) if link.charge_id else []
        owed = [owed_of_view(view) for view in views if is_told(view)]
        return {"invoices": wording.invoices(owed, say), "total": wording.total(owed, say)}

    def _to_charge(self, stores: Stores, link: SetupLink, say: Words) -> dict[str, str]:
        charge = notices.waiting_charge(stores, link)
        if charge is None:
            return {}
        return {"to_charge": wording.to_charge(notices.owed(charge), self._senders.of(stores), say)}

    def _url(self, link: SetupLink) -> str:
        return f"{self._public_url}/l/{link.token}"

    def _composed(
        self,
        stores: Stores,
        kind: MessageKind,
        language: Language,
        values: Mapping[str, str],
        *,
        link: SetupLink | None,
        customer: Customer | None,
        address: str = "",
        about: tuple[ChargeView, ...] = (),
    ) -> Composed:
        own = stores.message_templates.current(kind, language.code)
        if own is not None and values.get("to_charge") and "{to_charge}" not in own.body:
            own = None  # staff's words would not say what is charged
        return Composed(
            kind=kind,
            customer=customer.id if customer else None,
            # The customer's own, which may have changed since the link was made.
            address=(customer.email if customer else None)
            or (link.email if link else None)
            or address,
            name=values["name"],
            language=language,
            message=fill(own or wording.default(kind, language), values),
            link_id=link.id if link else None,
            url=values.get("link") or values.get("answer") or None,
            about=about,
        )
