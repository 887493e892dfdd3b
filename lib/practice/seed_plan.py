"""The seed's steps in time, and the clock that takes the account back to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lib.clock import epoch
from lib.practice import card_table
from lib.practice.engine import PracticeStripe
from lib.practice.seed_data import BUSINESSES, MONTHS_TO_EXPIRY, Business, Guest
from lib.practice.steps import CardForm, Completed, NeedsAuthentication

SEED = 20261
GOODS = ("Paper and labels", "Packaging", "Cleaning supplies", "Toner", "Shelving")
_REPLACED = "Sundrift Studio"
_HEADERS = {"Authorization": "Bearer sk_test_practice_seed"}
_MARK_DELIVERED = """
UPDATE deliveries
SET state = 'delivered', attempts = 1, last_status = 200, delivered_at = next_try_at
WHERE state = 'pending' AND event_id IN (SELECT id FROM events WHERE created <= ?)
"""

Step = Callable[[], object]


class Past:
    """The same account, asked at earlier moments."""

    def __init__(self, stripe: PracticeStripe) -> None:
        self.now = stripe.clock()
        self.moment = self.now
        self.stripe = PracticeStripe(
            stripe.database.path, clock=self._clock, public_url=stripe.public_url
        )

    def _clock(self) -> datetime:
        return self.moment

    def post(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        """The object made, or for a declined charge the PaymentIntent behind the refusal."""
        reply = self.stripe.handle("POST", path, params, _HEADERS)
        if reply.status == 402:
            intent: dict[str, Any] = reply.body["error"]["payment_intent"]
            return intent
        if reply.status != 200:
            raise RuntimeError(f"seeding {path}: {reply.body['error']['message']}")
        return reply.body

    def get(self, path: str) -> dict[str, Any]:
        return self.stripe.handle("GET", path, {}, _HEADERS).body

    def settle(self) -> None:
        """Ends what is due by now; nothing up to this moment is left to deliver."""
        self.stripe.settle_due()
        with self.stripe.database.writing() as connection:
            connection.execute(_MARK_DELIVERED, (epoch(self.moment),))


@dataclass(slots=True)
class Plan:
    """Steps at moments of the past, run in the order of time whatever order they are added in."""

    past: Past
    random: random.Random = field(default_factory=lambda: random.Random(SEED))
    steps: list[tuple[datetime, Step]] = field(default_factory=list)
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    order: int = 4100

    def at(self, ago: timedelta, step: Step) -> None:
        self.steps.append((self.past.now - ago, step))

    def run(self) -> None:
        for moment, step in sorted(self.steps, key=lambda planned: planned[0]):
            self.past.moment = moment
            step()
            self.past.settle()
        self.past.moment = self.past.now
        self.past.settle()

    def add_business(self, business: Business) -> None:
        ids = self.made.setdefault(business.name, {})
        ago = timedelta(days=business.since_days, minutes=self.random.randrange(10, 400))

        def become_customer() -> None:
            params = {
                "name": business.name,
                "email": business.email,
                "address": {"country": business.country},
            }
            ids["customer"] = self.past.post("/v1/customers", params)["id"]

        self.at(ago, become_customer)
        for number, slug in enumerate(business.cards):
            ago -= timedelta(hours=1 + 30 * number, minutes=self.random.randrange(50))
            self._save_card(ago, business, slug, ids)
        self._charge_since(ago, business, ids)

    def _save_card(
        self, ago: timedelta, business: Business, slug: str, ids: dict[str, str]
    ) -> None:
        card = self._card(slug, business.contact, business.email, business.country)

        opened: dict[str, Any] = {}

        def open_link() -> None:
            opened.update(self._session(business.currency, customer=ids["customer"]))

        def save() -> None:
            ids["method"] = self._save(opened, card)

        self.at(ago + timedelta(minutes=self.random.randrange(2, 10)), open_link)
        self.at(ago, save)

    def _charge_since(self, ago: timedelta, business: Business, ids: dict[str, str]) -> None:
        """Spreads the charges between the saved card and yesterday."""
        for number in range(business.charges):
            share = (number + self.random.uniform(0.5, 0.95)) / business.charges
            self._charge(ago * (1 - share) + timedelta(minutes=30), business, ids, number)

    def _charge(self, ago: timedelta, business: Business, ids: dict[str, str], number: int) -> None:
        slug = business.cards[-1]
        params: dict[str, Any] = {
            "amount": str(self._amount(business.currency)),
            "currency": business.currency,
            "off_session": "true",
            "confirm": "true",
            "allowed_payment_method_types": {"0": card_table.by_slug(slug).type},
            "description": self.random.choice(GOODS),
        }

        def charge() -> None:
            self.order += 1
            fields = params | {"customer": ids["customer"], "payment_method": ids["method"]}
            if self.order % 3 == 0:
                fields["metadata"] = {"order": f"SO-{self.order}"}
            ids[f"charge_{number}"] = self.past.post("/v1/payment_intents", fields)["id"]

        self.at(ago, charge)
        if number == 0:
            self._afterwards(ago, slug, int(params["amount"]), ids)

    def _afterwards(self, ago: timedelta, slug: str, amount: int, ids: dict[str, str]) -> None:
        """A whole refund, a refund in part, and a bank that settles."""

        def refund(params: dict[str, str]) -> None:
            self.past.post("/v1/refunds", params | {"payment_intent": ids["charge_0"]})

        later = ago * 0.8
        if slug == "fr":
            self.at(later, lambda: refund({"reason": "requested_by_customer"}))
        elif slug == "mastercard":
            self.at(later, lambda: refund({"amount": str(amount // 4)}))
        elif slug == "sepaDebit":
            self.at(later, lambda: self.past.stripe.settle_processing(ids["charge_0"]))

    def add_guest(self, guest: Guest) -> None:
        card = self._card(guest.card, guest.contact, guest.email, guest.country)

        opened: dict[str, Any] = {}
        ago = timedelta(hours=guest.hours_ago)
        self.at(ago + timedelta(hours=1), lambda: opened.update(self._session(guest.currency)))
        self.at(ago, lambda: self._save(opened, card))

    def add_links(self) -> None:
        """Links that were not used, not yet used, or used in vain."""
        skylark, thistledown = "Skylark Removals", "Thistledown Hotel Group"
        self.at(timedelta(days=17), lambda: self._link(skylark))
        self.at(timedelta(days=9), lambda: self._link(skylark, lasts=timedelta(hours=2)))
        self.at(timedelta(days=8), lambda: self._link(thistledown, tried="visa_chargeDeclined"))
        self.at(timedelta(days=6), lambda: self._withdrawn("Kolibri Musterbau AG"))
        self.at(timedelta(days=3, hours=2), lambda: self._link("Pebblecross Vets"))
        self.at(timedelta(days=3), lambda: self._session("eur"))
        self.at(timedelta(hours=23, minutes=38), lambda: self._link("Pebblecross Vets"))
        self.at(timedelta(hours=23, minutes=5), lambda: self._session("usd"))
        self.at(
            timedelta(hours=6),
            lambda: self._link(thistledown, tried="visa_chargeDeclinedInsufficientFunds"),
        )
        self.at(timedelta(days=20), lambda: self._link(_REPLACED, tried="practice_restricted_card"))
        self.at(timedelta(hours=28), self._detach)
        self.at(
            timedelta(hours=2),
            lambda: self._link(skylark, tried="authenticationRequiredSetupForOffSession"),
        )
        self.at(timedelta(minutes=50), lambda: self._link("Kolibri Musterbau AG"))
        self.at(timedelta(minutes=12), lambda: self._link("Wexcombe Joinery"))
        self.at(timedelta(minutes=3), lambda: self._session("jpy"))

    def _link(self, name: str, *, tried: str | None = None, lasts: timedelta | None = None) -> str:
        session = self._session(
            _named(name).currency, customer=self.made[name]["customer"], lasts=lasts
        )
        if tried is not None:
            business = _named(name)
            card = self._card(tried, business.contact, business.email, business.country)
            self.past.stripe.submit_card(session["id"], card)
        return str(session["id"])

    def _withdrawn(self, name: str) -> None:
        self.past.post(f"/v1/checkout/sessions/{self._link(name)}/expire", {})

    def _detach(self) -> None:
        customer = self.made[_REPLACED]["customer"]
        methods = self.past.get(f"/v1/customers/{customer}/payment_methods")["data"]
        self.past.post(f"/v1/payment_methods/{methods[0]['id']}/detach", {})

    def _session(
        self, currency: str, *, customer: str | None = None, lasts: timedelta | None = None
    ) -> dict[str, Any]:
        base = self.past.stripe.public_url
        params = {
            "mode": "setup",
            "currency": currency,
            "success_url": base + "/setup/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": base + "/setup/cancelled",
        }
        if customer is not None:
            params["customer"] = customer
        if lasts is not None:
            params["expires_at"] = str(epoch(self.past.moment + lasts))
        return self.past.post("/v1/checkout/sessions", params)

    def _save(self, session: dict[str, Any], card: CardForm) -> str:
        """The PaymentMethod that the customer saves, authentication included."""
        stripe = self.past.stripe
        step = stripe.submit_card(session["id"], card)
        if isinstance(step, NeedsAuthentication):
            step = stripe.answer_authentication(session["id"], approve=True)
        if not isinstance(step, Completed):
            raise RuntimeError(f"seeding a card: {step}")
        return str(self.past.get(f"/v1/setup_intents/{session['setup_intent']}")["payment_method"])

    def _card(self, slug: str, name: str, email: str, country: str) -> CardForm:
        card = card_table.by_slug(slug)
        months = MONTHS_TO_EXPIRY.get(slug) or self.random.randrange(14, 50)
        year, month = divmod(self.past.now.year * 12 + self.past.now.month - 1 + months, 12)
        return CardForm(
            number=card.number,
            exp_month=month + 1,
            exp_year=year,
            cvc="1234" if card.brand == "amex" else "123",
            name=name,
            email=email,
            country=country,
        )

    def _amount(self, currency: str) -> int:
        if currency == "jpy":
            return self.random.randrange(3_000, 180_000, 10)
        return self.random.randrange(3_900, 240_000, 5)


def _named(name: str) -> Business:
    return next(business for business in BUSINESSES if business.name == name)
