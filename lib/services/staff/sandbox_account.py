"""
An account in Stripe's test mode, on which is tried what Onfile is built on.

Everything made carries `onfile_sandbox` and none of the marks by which Onfile knows its own payments.
Nothing is written into the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.domain.links import SETUP_SESSION
from lib.domain.method_types import NOT_OFFERED
from lib.errors import Declined, GatewayError, Misconfigured, Missing, Refused
from lib.ids import new_id
from lib.stripe_gateway.gateway import StripeGateway

_SESSIONS = "/v1/checkout/sessions"
_INTENTS = "/v1/payment_intents"
_AMOUNT = 1234
# The whole script ends within two minutes, whatever does not show.
LONGEST_WAITS = 20
ALLOWED = "allowed"
AT_ONCE = "at once"
NONE_OF_THEM = "offers none of what is excluded"
# Stripe checks a permission before it looks for an object.
NOBODY = "onfile0sandbox0nothing"
_NOT_IN_TIME = f"not within {LONGEST_WAITS} s"

Answer = dict[str, Any]


@dataclass
class SandboxAccount:
    """Each attempt says in a few words what Stripe did; `seen` also says it of a refusal."""

    gateway: StripeGateway
    wait: Callable[[float], None] = time.sleep
    _mark: str = field(default_factory=lambda: new_id("sbx"))
    _customer: str = ""
    _session: str = ""
    _intent: Answer = field(default_factory=dict)
    _sent: int = 0

    @property
    def _charge_key(self) -> str:
        return f"{self._mark}-charge"

    def seen(self, attempt: Callable[[SandboxAccount], str]) -> str:
        try:
            return attempt(self)
        except GatewayError as error:
            return _refusal(error)
        except (KeyError, TypeError, IndexError) as error:
            return f"an answer of another shape ({type(error).__name__}: {error})"

    def clean_up(self) -> None:
        """What refuses is left: the sandbox's owner sees by its metadata what it is."""
        gone = [("post", f"{_SESSIONS}/{self._session}/expire")] if self._session else []
        gone += [("delete", f"/v1/customers/{self._customer}")] if self._customer else []
        for method, path in gone:
            self.seen(lambda it, m=method, p=path: str(it.ask(m, p)))  # type: ignore[misc]

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """Whatever is made is marked, and sent under a key of its own unless one is given."""
        fields = dict(params or {})
        if method == "post":
            self._sent += 1
            key = key or f"{self._mark}-{self._sent}"
            if not path.endswith(("/attach", "/expire")):
                fields["metadata"] = {"onfile_sandbox": self._mark}
        return self.gateway.ask(method, path, fields, idempotency_key=key)

    def _charge(
        self, method: str, more: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> Answer:
        fields: dict[str, object] = {
            "amount": _AMOUNT,
            "currency": "usd",
            "customer": self._customer,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "allowed_payment_method_types": ["card"],
            "expand": ["latest_charge"],
        }
        return self.ask("post", _INTENTS, fields | dict(more or {}), key=key)

    def _attached(self, token: str) -> str:
        path = f"/v1/payment_methods/{token}/attach"
        return str(self.ask("post", path, {"customer": self._customer})["id"])

    def _make_session(self, more: Mapping[str, object]) -> Answer:
        success = {"success_url": "https://example.com/done?session_id={CHECKOUT_SESSION_ID}"}
        return self.ask("post", _SESSIONS, {**SETUP_SESSION, **success, **more})

    def until(self, shows: Callable[[], bool]) -> str:
        for waited in range(LONGEST_WAITS):
            if shows():
                return f"after {waited} s" if waited else AT_ONCE
            self.wait(1.0)
        return _NOT_IN_TIME

    # What is tried, in this order: later ones use what earlier ones made

    def customer(self) -> str:
        self._customer = str(self.ask("post", "/v1/customers", {"name": "Onfile sandbox"})["id"])
        return "made"

    def setup_session(self) -> str:
        made = self._make_session(
            {
                "customer": self._customer,
                "allowed_payment_method_types": ["card"],
                "expand": ["setup_intent"],
            }
        )
        self._session = str(made["id"])
        shown = "expanded" if isinstance(made["setup_intent"], dict) else "not expanded"
        return f"{made['status']}, SetupIntent {shown}"

    def setup_session_for_a_currency(self) -> str:
        """Every name that links send must be one that Stripe takes."""
        excluded = {"currency": "usd", "excluded_payment_method_types": sorted(NOT_OFFERED)}
        made = self._make_session({"customer": self._customer, **excluded})
        self.ask("post", f"{_SESSIONS}/{made['id']}/expire")
        surplus = sorted(NOT_OFFERED.keys() & set(made["payment_method_types"]))
        return f"offers {', '.join(surplus)} all the same" if surplus else NONE_OF_THEM

    def customer_creation(self) -> str:
        made = self._make_session({"currency": "usd", "customer_creation": "always"})["id"]
        self.ask("post", f"{_SESSIONS}/{made}/expire")
        return "accepted"

    def customer_and_email(self) -> str:
        email = {"customer_email": "sandbox@example.com", "currency": "usd"}
        try:
            self._make_session({"customer": self._customer, **email})
        except Refused:
            return "refused"
        return "accepted"

    def payment_method_types(self) -> str:
        self._make_session({"customer": self._customer, "payment_method_types": ["card"]})
        return "accepted"

    def without_return_url(self) -> str:
        self._intent = self._charge(self._attached("pm_card_visa"), key=self._charge_key)
        shown = "expanded" if isinstance(self._intent["latest_charge"], dict) else "not expanded"
        return f"{self._intent['status']}, charge {shown}"

    def with_return_url(self) -> str:
        method = self._attached("pm_card_visa")
        return str(self._charge(method, {"return_url": "https://example.com/back"})["status"])

    def three_decimals(self) -> str:
        """5.120 dinars, as the last digit has to be 0: https://docs.stripe.com/currencies."""
        dinars = {"amount": 5120, "currency": "kwd"}
        return str(self._charge(self._attached("pm_card_visa"), dinars)["status"])

    def same_key(self) -> str:
        again = self._charge(self._intent["payment_method"], key=self._charge_key)
        return "the same payment" if again["id"] == self._intent["id"] else "a second payment"

    def same_key_other_amount(self) -> str:
        more = {"amount": _AMOUNT + 1}
        return str(
            self._charge(self._intent["payment_method"], more, key=self._charge_key)["status"]
        )

    def declined(self, token: str) -> str:
        return str(self._charge(self._attached(token))["status"])

    def list_after_write(self) -> str:
        made = self._charge(self._attached("pm_card_visa"))["id"]

        def shows() -> bool:
            newest = self.ask("get", _INTENTS, {"customer": self._customer, "limit": 10})["data"]
            return made in [one["id"] for one in newest]

        return self.until(shows)

    def event_key(self) -> str:
        def keys() -> list[object]:
            of_type = {"type": "payment_intent.succeeded", "limit": 20}
            listed = self.ask("get", "/v1/events", of_type)
            return [
                (one.get("request") or {}).get("idempotency_key")
                for one in listed["data"]
                if one["data"]["object"]["id"] == self._intent["id"]
            ]

        if self.until(lambda: bool(keys())) == _NOT_IN_TIME:
            return f"no event, {_NOT_IN_TIME}"
        return "the request's" if keys() == [self._charge_key] else f"another: {keys()}"

    def refund(self) -> str:
        return str(
            self.ask("post", "/v1/refunds", {"payment_intent": self._intent["id"]})["status"]
        )

    def permission(self, path: str) -> str:
        try:
            self.ask("get", path, {})
        except (Missing, Refused):
            return ALLOWED
        except Misconfigured as error:
            return f"missing {error.permission}" if error.permission else _refusal(error)
        return ALLOWED


def _refusal(error: GatewayError) -> str:
    """Status and codes, in which Onfile tells refusals apart."""
    decline = error.details.get("decline_code") if isinstance(error, Declined) else None
    codes = [str(error.http_status or "no answer"), error.stripe_code, decline]
    if error.details.get("type") == "idempotency_error":
        codes.append("idempotency_error")
    return "refused: " + " ".join(code for code in codes if code)
