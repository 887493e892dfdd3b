"""Acts of the hosted page on a Checkout Session: shows it, takes a card, ends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lib.practice import account_settings, card_numbers, card_table, setup
from lib.practice.cards import AtSetup, Card
from lib.practice.declines import DECLINES
from lib.practice.ledger import Ledger, Stored
from lib.practice.resources import checkout_sessions, customers, payment_methods
from lib.practice.steps import (
    CardForm,
    CardRefused,
    CheckoutStep,
    CheckoutView,
    Completed,
    NeedsAuthentication,
)

ENDED = CardRefused("This page has expired or was already completed. Ask for a new link.")


def view(ledger: Ledger, session_id: str) -> CheckoutView | None:
    session = ledger.find("checkout.session", session_id)
    if session is None:
        return None
    payload = session.payload
    intent = ledger.get("setup_intent", payload["setup_intent"])
    customer = _customer(ledger, session)
    email = customer.payload["email"] if customer else payload["customer_email"]
    return CheckoutView(
        id=session_id,
        status=payload["status"],
        business_name=account_settings.read(ledger.connection).business_name,
        customer_name=customer.payload["name"] if customer else None,
        customer_email=email,
        is_email_locked=email is not None,
        is_authentication_pending=(
            payload["status"] == "open" and intent.payload["status"] == "requires_action"
        ),
        is_verification_pending=setup.is_waiting_for_microdeposits(intent),
        setup_intent=intent.id,
        currency=payload["currency"],
        payment_method_types=_offered(payload),
        success_url=_filled(payload),
        cancel_url=payload["cancel_url"],
        expires_at=datetime.fromtimestamp(payload["expires_at"], UTC),
        texts=tuple(
            shown["message"]
            for name in ("submit", "after_submit")
            if (shown := payload["custom_text"][name])
        ),
        locale=payload["locale"],
    )


def submit(ledger: Ledger, session_id: str, form: CardForm, key: bytes) -> CheckoutStep:
    """Takes a card. `key` is the account's secret for fingerprints."""
    session = ledger.find("checkout.session", session_id)
    if session is None or session.payload["status"] != "open":
        return ENDED
    email = _email(ledger, session, form)
    if not email:
        return CardRefused("Your email is incomplete.")
    card = card_table.by_number(form.number)
    problem = _problem(form, card, session.payload, ledger.now)
    if problem is not None or card is None:
        return CardRefused(problem or DECLINES["test_mode_live_card"].message)
    method = payment_methods.new(
        ledger,
        card,
        fingerprint=card_numbers.fingerprint(form.number, key),
        exp_month=form.exp_month,
        exp_year=_full_year(form.exp_year),
        billing_details={"email": email, "name": form.name, "address": {"country": form.country}},
        allow_redisplay=session.hidden["allow_redisplay"],
    )
    session.hidden["given"] = {"email": email, "name": form.name}
    ledger.save(session)
    intent = ledger.get("setup_intent", session.payload["setup_intent"])
    if card.at_setup is AtSetup.REFUSED:
        return _refuse(ledger, intent, method)
    if card.at_setup in (AtSetup.SAVED, AtSetup.VERIFIED_LATER):
        return _complete(ledger, session, intent, method)
    setup.ask_for_authentication(ledger, intent, method)
    return NeedsAuthentication()


def authenticate(ledger: Ledger, session_id: str, *, approve: bool) -> CheckoutStep:
    session = ledger.find("checkout.session", session_id)
    if session is None or session.payload["status"] != "open":
        return ENDED
    intent = ledger.get("setup_intent", session.payload["setup_intent"])
    if intent.payload["status"] != "requires_action":
        return CardRefused("There is no authentication to answer. Enter a card first.")
    method = ledger.get("payment_method", intent.payload["payment_method"])
    if not approve:
        setup.fail(ledger, intent, method, setup.AUTHENTICATION_FAILED)
        return CardRefused(setup.AUTHENTICATION_FAILED.message)
    if payment_methods.card_of(method).at_setup is AtSetup.ASKS_THEN_REFUSED:
        return _refuse(ledger, intent, method)
    return _complete(ledger, session, intent, method)


def _refuse(ledger: Ledger, intent: Stored, method: Stored) -> CardRefused:
    decline = DECLINES[payment_methods.card_of(method).decline]
    setup.fail(ledger, intent, method, decline)
    return CardRefused(decline.message)


def _complete(ledger: Ledger, session: Stored, intent: Stored, method: Stored) -> Completed:
    payload, given = session.payload, session.hidden.pop("given")
    customer = _customer(ledger, session)
    if customer is not None:
        changes: dict[str, Any] = {}
        if not customer.payload["email"]:
            changes["email"] = given["email"]
        if session.hidden["customer_update"].get("name") == "auto" and given["name"]:
            changes["name"] = given["name"]
        customers.change(ledger, customer, changes)
    elif payload["customer"] is None and payload["customer_creation"] == "always":
        customer = customers.new(ledger, {k: v for k, v in given.items() if v})
        payload["customer"] = intent.payload["customer"] = customer.id
    if payment_methods.card_of(method).at_setup is AtSetup.VERIFIED_LATER:
        verification_url = f"{payload['url']}/microdeposits"
        setup.wait_for_microdeposits(ledger, intent, method, verification_url)
    else:
        setup.succeed(ledger, intent, method)
    payload |= {
        "status": "complete",
        "url": None,
        "customer_details": checkout_sessions.customer_details(given["email"], given["name"]),
    }
    ledger.save(session)
    ledger.emit("checkout.session.completed", session)
    return Completed(_filled(payload))


def _customer(ledger: Ledger, session: Stored) -> Stored | None:
    customer = ledger.find("customer", session.payload["customer"])
    return None if customer is None or customer.is_deleted else customer


def _email(ledger: Ledger, session: Stored, form: CardForm) -> str | None:
    customer = _customer(ledger, session)
    known = customer.payload["email"] if customer else session.payload["customer_email"]
    typed = (form.email or "").strip()
    return known or (typed if "@" in typed else None)


def _problem(form: CardForm, card: Card | None, session: dict[str, Any], now: int) -> str | None:
    """What a payment page says before anything is sent to a bank."""
    if card is not None and card.type not in _offered(session):
        return "This way to pay is not offered here."
    if card is not None and card.type != "card":
        return None
    if card is None and not card_numbers.passes_luhn(form.number):
        return "Your card number is invalid."
    today = datetime.fromtimestamp(now, UTC)
    year = _full_year(form.exp_year)
    if not 1 <= form.exp_month <= 12:
        return "Your card's expiration month is invalid."
    if not today.year <= year <= today.year + 50:
        return "Your card's expiration year is in the past."
    if (year, form.exp_month) < (today.year, today.month):
        return "Your card's expiration date is in the past."
    length = 4 if card is not None and card.brand == "amex" else 3
    if not form.cvc.isdecimal() or len(form.cvc) != length:
        return "Your card's security code is incomplete."
    return None


def _offered(session: dict[str, Any]) -> tuple[str, ...]:
    """Link comes with cards unless `wallet_options[link][display]` is `never`."""
    types: list[str] = session["payment_method_types"]
    wallets = session["wallet_options"] or {}
    is_hidden = wallets.get("link", {}).get("display") == "never"
    has_link = "card" in types and "link" not in types and not is_hidden
    return (*types, "link") if has_link else tuple(types)


def _full_year(year: int) -> int:
    return year + 2000 if 0 <= year < 100 else year


def _filled(session: dict[str, Any]) -> str:
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])
