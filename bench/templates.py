"""
The JSON of every object of `bench.account`, as practice Stripe writes it, ready to be filled.

Each template is an answer of practice Stripe, cut up where sessions differ, and completed with
what a real account's Sessions carry (branding, texts, addresses, metadata), so that a page of 100
weighs what Stripe's weighs: about 546 kB.
"""

from __future__ import annotations

import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.account import CARDS, DAY, END, Item
from lib.practice import card_table
from lib.practice.engine import PracticeStripe
from lib.practice.steps import CardForm

_SLUGS = ("visa", "mastercard", "visa_debit", "amex", "jcb", "de", "gb", "chargeCustomerFail")
_HEADERS = {"Authorization": "Bearer sk_test_practice_bench"}
_EXPAND = {"expand": ["setup_intent.payment_method"]}
_MARK = re.compile("\x01([a-z_]+)\x02")

Template = list[str]
"""Text cut up: at odd places stand the names of values."""


class Templates:
    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            scratch = _Scratch(Path(folder) / "practice.db")
            complete = [scratch.complete(slug) for slug in _SLUGS[:CARDS]]
            expired, opened = scratch.expired(), scratch.opened()
            customer = scratch.customer()
            scratch.stripe.database.close()
        self._complete = [_cut(session) for session in complete]
        self._complete_flat = [_cut(_flat(session)) for session in complete]
        self._expired, self._expired_flat = _cut(expired), _cut(_flat(expired))
        self._open, self._open_flat = _cut(opened), _cut(_flat(opened))
        self._methods = [_cut(session["setup_intent"]["payment_method"]) for session in complete]
        self._customer = _cut(customer)

    def session(self, item: Item, *, expanded: bool) -> str:
        match item.status, expanded:
            case "complete", True:
                template = self._complete[item.number % CARDS]
            case "complete", False:
                template = self._complete_flat[item.number % CARDS]
            case "expired", _:
                template = self._expired if expanded else self._expired_flat
            case _:
                template = self._open if expanded else self._open_flat
        return _filled(template, item)

    def payment_method(self, item: Item) -> str:
        return _filled(self._methods[item.number % CARDS], item)

    def customer(self, item: Item) -> str:
        return _filled(self._customer, item)


class _Scratch:
    """An account thrown away, whose answers become templates."""

    def __init__(self, path: Path) -> None:
        now = datetime.fromtimestamp(END, UTC)
        self.stripe = PracticeStripe(path, clock=lambda: now, public_url="http://localhost:8501")

    def complete(self, slug: str) -> dict[str, Any]:
        card = card_table.by_slug(slug)
        form = CardForm(
            number=card.number,
            exp_month=1 + len(slug) % 12,
            exp_year=2029 + len(slug) % 4,
            cvc="1234" if card.brand == "amex" else "123",
            name="x",
            email="x@example.com",
            country=card.country,
        )
        session_id = self._begin()
        self.stripe.submit_card(session_id, form)
        return self._session(session_id)

    def expired(self) -> dict[str, Any]:
        session_id = self._begin()
        self._send("POST", f"/v1/checkout/sessions/{session_id}/expire", {})
        return self._session(session_id)

    def opened(self) -> dict[str, Any]:
        return self._session(self._begin())

    def customer(self) -> dict[str, Any]:
        made = self._send("POST", "/v1/customers", {"name": "x", "email": "x@example.com"})
        values = {"id": "customer", "name": "name", "email": "email", "created": "created"}
        return made | {name: _mark(value) for name, value in values.items()}

    def _begin(self) -> str:
        customer = self._send("POST", "/v1/customers", {"name": "x", "email": "x@example.com"})
        base = self.stripe.public_url
        params = {
            "mode": "setup",
            "currency": "usd",
            "customer": customer["id"],
            "client_reference_id": "x",
            "success_url": base + "/setup/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": base + "/setup/cancelled",
        }
        return str(self._send("POST", "/v1/checkout/sessions", params)["id"])

    def _session(self, session_id: str) -> dict[str, Any]:
        return _dressed(self._send("GET", f"/v1/checkout/sessions/{session_id}", _EXPAND))

    def _send(self, method: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
        reply = self.stripe.handle(method, path, params, _HEADERS)
        if reply.status != 200:
            raise SystemExit(f"practice Stripe refused a template: {reply.body}")
        return reply.body


def _dressed(session: dict[str, Any]) -> dict[str, Any]:
    """With marks where sessions differ, and with what a real account's Sessions carry."""
    session |= _SESSION_MARKS | _LIKE_A_REAL_ACCOUNT
    session["customer_details"] = (session["customer_details"] or {}) | {
        "address": _ADDRESS,
        "email": _mark("email"),
        "name": _mark("name"),
        "phone": "+4930123456789",
    }
    if session["url"] is not None:
        session["url"] = (
            f"https://checkout.stripe.com/c/pay/{_mark('session')}#{'fidkdWxOYHwnPyd1blpxYHZxWjA0' * 8}"
        )
    intent = session["setup_intent"]
    intent |= {
        "id": _mark("setup_intent"),
        "customer": _mark("customer"),
        "created": _mark("created"),
        "client_secret": f"{_mark('setup_intent')}_secret_{_mark('secret')}",
        "metadata": session["metadata"],
    }
    if intent["latest_attempt"] is not None:
        intent["latest_attempt"] = _mark("setup_attempt")
    method = intent["payment_method"]
    if method is not None:
        method |= {
            "id": _mark("payment_method"),
            "customer": _mark("customer"),
            "created": _mark("created"),
        }
        method["billing_details"] |= {
            "name": _mark("name"),
            "email": _mark("email"),
            "address": _ADDRESS,
        }
        method["card"]["fingerprint"] = _mark("fingerprint")
    return session


def _flat(session: dict[str, Any]) -> dict[str, Any]:
    """As it is without expansion."""
    return session | {"setup_intent": _mark("setup_intent")}


def _mark(name: str) -> str:
    return f"\x01{name}\x02"


def _cut(data: dict[str, Any]) -> Template:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    text = text.replace("\\u0001", "\x01").replace("\\u0002", "\x02")
    # These are numbers, null or objects, so the quotes go with the mark.
    for name in ("created", "expires_at", "customer", "reference", "metadata"):
        text = text.replace(f'"{_mark(name)}"', _mark(f"json_{name}"))
    return _MARK.split(text)


def _filled(template: Template, item: Item) -> str:
    values = {
        "session": item.session,
        "setup_intent": item.setup_intent,
        "setup_attempt": item.setup_attempt,
        "payment_method": item.payment_method,
        "name": item.name,
        "email": item.email,
        "fingerprint": item.fingerprint,
        "secret": item.secret,
        "json_created": str(item.created),
        "json_expires_at": str(item.created + DAY),
        "json_customer": _quoted(item.customer),
        "json_reference": _quoted(item.reference),
        "json_metadata": _metadata(item),
    }
    filled = template.copy()
    filled[1::2] = [values[name] for name in template[1::2]]
    return "".join(filled)


def _metadata(item: Item) -> str:
    if item.link is None:
        return '{"order_source": "web shop"}'
    return f'{{"onfile_link_id": "{item.link}", "onfile_reference": "{item.reference}"}}'


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


_ADDRESS = {
    "city": "Berlin",
    "country": "DE",
    "line1": "Friedrichstrasse 123",
    "line2": None,
    "postal_code": "10117",
    "state": None,
}
_SESSION_MARKS: dict[str, Any] = {
    "id": _mark("session"),
    "created": _mark("created"),
    "expires_at": _mark("expires_at"),
    "customer": _mark("customer"),
    "client_reference_id": _mark("reference"),
    "metadata": _mark("metadata"),
}
_LIKE_A_REAL_ACCOUNT: dict[str, Any] = {
    "adaptive_pricing": {"enabled": False},
    "branding_settings": {
        "background_color": "#ffffff",
        "border_style": "rounded",
        "button_color": "#5151cd",
        "display_name": "Practice business",
        "font_family": "default",
        "icon": {"file": "file_1RkQnHAlpsZkGk1cY1gPbXyq", "type": "file"},
        "logo": {"file": "file_1RkQnIAlpsZkGk1cbUw1vGh2", "type": "file"},
    },
    "collected_information": {
        "business_name": None,
        "individual_name": None,
        "shipping_details": None,
    },
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": {"message": "Your card is saved for invoices you agreed to."},
        "terms_of_service_acceptance": None,
    },
}
