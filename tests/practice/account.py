"""Shortcuts through the account, for tests that are about something further on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from lib.practice import CardForm, PracticeStripe
from lib.practice.steps import CheckoutStep, NeedsAuthentication

GOOD = "4242424242424242"
SUCCESS_URL = "https://app.example.com/done?session={CHECKOUT_SESSION_ID}"


class FakeClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **amounts: float) -> None:
        self.moment += timedelta(**amounts)

    @property
    def epoch(self) -> int:
        return int(self.moment.timestamp())


def card_form(number: str = GOOD, **changes: Any) -> CardForm:
    typed: dict[str, Any] = {
        "number": number,
        "exp_month": 12,
        "exp_year": 2030,
        "cvc": "123",
        "name": "Alice Example",
        "email": "alice@example.com",
        "country": "US",
    }
    return CardForm(**(typed | changes))


@dataclass
class Account:
    practice: PracticeStripe
    client: stripe.StripeClient
    clock: FakeClock

    def customer(self, **given: Any) -> stripe.Customer:
        return self.client.v1.customers.create(
            {"email": "alice@example.com", "name": "Alice", **given}
        )

    def link(self, **given: Any) -> stripe.checkout.Session:
        params = {"mode": "setup", "currency": "usd", "success_url": SUCCESS_URL, **given}
        return self.client.v1.checkout.sessions.create(params)

    def session(self, session_id: str, *expand: str) -> stripe.checkout.Session:
        return self.client.v1.checkout.sessions.retrieve(session_id, {"expand": list(expand)})

    def submit(self, session_id: str, number: str = GOOD, **changes: Any) -> CheckoutStep:
        """Gives a card, and approves 3-D Secure when asked."""
        step = self.practice.submit_card(session_id, card_form(number, **changes))
        if isinstance(step, NeedsAuthentication):
            step = self.practice.answer_authentication(session_id, approve=True)
        return step

    def saved(self, number: str = GOOD, *, customer: str | None = None, **link: Any) -> str:
        """Saves a card by the hosted page; returns the PaymentMethod's id."""
        given = {"customer": customer, **link} if customer else link
        session = self.link(**given)
        self.submit(session.id, number)
        done = self.session(session.id, "setup_intent")
        return str(done.setup_intent.payment_method)

    def attached(self, token: str, customer: str) -> stripe.PaymentMethod:
        return self.client.v1.payment_methods.attach(token, {"customer": customer})

    def charge(
        self, customer: str | None, method: str, *, key: str | None = None, **given: Any
    ) -> stripe.PaymentIntent:
        params: dict[str, Any] = {
            "amount": 1099,
            "currency": "usd",
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "allowed_payment_method_types": ["card"],
        }
        if customer is not None:
            params["customer"] = customer
        options = {"idempotency_key": key} if key else {}
        merged = {name: value for name, value in (params | given).items() if value is not None}
        return self.client.v1.payment_intents.create(merged, options)

    def event_types(self) -> list[str]:
        """Oldest first."""
        events = self.client.v1.events.list({"limit": 100})
        return [event.type for event in reversed(events.data)]


def refused(status: int, code: str | None = None, message: str = "") -> Any:
    """The SDK error with that status; `.value` is the error."""
    return _Refused(status, code, message)


class _Refused:
    def __init__(self, status: int, code: str | None, message: str) -> None:
        self._status, self._code, self._message = status, code, message
        self.value: stripe.StripeError

    def __enter__(self) -> _Refused:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, stripe.StripeError):
            if error is None:
                pytest.fail(f"expected a refusal with status {self._status}")
            return False
        assert error.http_status == self._status, error
        assert error.error is not None
        if self._code is not None:
            assert error.error.code == self._code, error
        assert self._message in str(error)
        self.value = error
        return True
