"""
Everything Onfile asks of Stripe, in Onfile's words: plain values in, dataclasses out.

Requests go through the SDK's `raw_request`: one place for rate, retry and errors, and no
StripeObject is built that nobody needs (98 ms against 11 ms for a page of 100 sessions).
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import stamina
import stripe

from lib.domain.mirror import (
    Customer,
    Event,
    PaymentIntent,
    PaymentMethod,
    SessionBundle,
    SetupIntent,
)
from lib.errors import Busy, InvalidInput, OutcomeUnknown
from lib.stripe_gateway import mapping
from lib.stripe_gateway.errors import translated
from lib.stripe_gateway.pace import Pace

API_VERSION = "2026-10-28.endive"
# A charge waits for the customer's bank: Stripe's own clients allow 80 s. Thirty covers all but
# the slowest banks, and what takes longer becomes `unknown` and is settled by evidence.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
PAGE = 100

T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    has_more: bool
    last_id: str | None
    """Where the next page starts; None when this one was empty."""


def build_client(api_key: str, api_base: str) -> stripe.StripeClient:
    """The SDK, without its own retries: which request may go again is decided here, per call."""
    stripe.enable_telemetry = False  # also writes an id file into the home folder
    # Below this the SDK logs addresses with e-mails, and whole bodies with client secrets.
    logging.getLogger("stripe").setLevel(logging.WARNING)
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)),
    )


class StripeGateway:
    """Thread-safe. Every method raises leaves of lib.errors.GatewayError, nothing of the SDK's."""

    def __init__(self, client: stripe.StripeClient, *, max_rps: float) -> None:
        self._client = client
        self._pace = Pace(max_rps)
        self._lock = threading.Lock()
        self.requests = 0
        """How many requests were sent so far."""

    # Customers

    def create_customer(self, params: Mapping[str, object], *, idempotency_key: str) -> Customer:
        return _read(mapping.customer, self._post("/v1/customers", params, idempotency_key))

    def retrieve_customer(self, customer_id: str) -> Customer:
        """A deleted customer comes back with `is_deleted`, not as an error."""
        return _read(mapping.customer, self._get(f"/v1/customers/{_path(customer_id)}", {}))

    def list_customers(
        self, *, created_from: int | None = None, email: str | None = None, after: str | None = None
    ) -> Page[Customer]:
        params = _list_params(created_from, after, email=email)
        return _page(self._get("/v1/customers", params), mapping.customer)

    # Checkout Sessions

    def create_session(
        self, params: Mapping[str, object], *, idempotency_key: str
    ) -> SessionBundle:
        return _read(
            mapping.session_bundle, self._post("/v1/checkout/sessions", params, idempotency_key)
        )

    def retrieve_session(self, session_id: str) -> SessionBundle:
        """With its SetupIntent and PaymentMethod, in one request."""
        data = self._get(
            f"/v1/checkout/sessions/{_path(session_id)}",
            {"expand": ["setup_intent.payment_method"]},
        )
        return _read(mapping.session_bundle, data)

    def expire_session(self, session_id: str, *, idempotency_key: str) -> SessionBundle:
        return _read(
            mapping.session_bundle,
            self._post(f"/v1/checkout/sessions/{_path(session_id)}/expire", {}, idempotency_key),
        )

    def list_sessions(
        self, *, created_from: int | None = None, after: str | None = None
    ) -> Page[SessionBundle]:
        """Newest first, of every mode: Stripe has no filter for setup mode."""
        params = _list_params(created_from, after, expand=["data.setup_intent.payment_method"])
        return _page(self._get("/v1/checkout/sessions", params), mapping.session_bundle)

    # SetupIntents and PaymentMethods

    def retrieve_setup_intent(
        self, setup_intent_id: str
    ) -> tuple[SetupIntent, PaymentMethod | None]:
        """With its PaymentMethod, in one request."""
        data = self._get(
            f"/v1/setup_intents/{_path(setup_intent_id)}", {"expand": ["payment_method"]}
        )
        method = data.get("payment_method")
        return (
            _read(mapping.setup_intent, data),
            _read(mapping.payment_method, method) if isinstance(method, dict) else None,
        )

    def retrieve_payment_method(self, method_id: str) -> PaymentMethod:
        return _read(
            mapping.payment_method, self._get(f"/v1/payment_methods/{_path(method_id)}", {})
        )

    def list_payment_methods(
        self, customer_id: str, *, after: str | None = None
    ) -> Page[PaymentMethod]:
        """Stripe lists saved methods per customer only, and has no `created` filter for them."""
        params = _list_params(None, after)
        return _page(
            self._get(f"/v1/customers/{_path(customer_id)}/payment_methods", params),
            mapping.payment_method,
        )

    def attach(self, method_id: str, *, customer_id: str, idempotency_key: str) -> PaymentMethod:
        data = self._post(
            f"/v1/payment_methods/{_path(method_id)}/attach",
            {"customer": customer_id},
            idempotency_key,
        )
        return _read(mapping.payment_method, data)

    def detach(self, method_id: str, *, idempotency_key: str) -> PaymentMethod:
        """Permanent: Stripe never lets a detached method be attached again."""
        data = self._post(f"/v1/payment_methods/{_path(method_id)}/detach", {}, idempotency_key)
        return _read(mapping.payment_method, data)

    # PaymentIntents

    def create_payment_intent(
        self, params: Mapping[str, object], *, idempotency_key: str
    ) -> PaymentIntent:
        """
        Charge a saved method. Sent once: this method never repeats the request.

        Raises:
            Declined: the attempt is over and no money moved; `details` holds Stripe's error.
            Refused, Misconfigured, Busy: nothing was executed.
            OutcomeUnknown: it may or may not have been executed.
        """
        data = self._call("post", "/v1/payment_intents", params, idempotency_key)
        return _read(mapping.payment_intent, data)

    def cancel_payment_intent(self, intent_id: str, *, idempotency_key: str) -> PaymentIntent:
        data = self._post(f"/v1/payment_intents/{_path(intent_id)}/cancel", {}, idempotency_key)
        return _read(mapping.payment_intent, data)

    def retrieve_payment_intent(self, intent_id: str) -> PaymentIntent:
        data = self._get(f"/v1/payment_intents/{_path(intent_id)}", {"expand": ["latest_charge"]})
        return _read(mapping.payment_intent, data)

    def list_payment_intents(
        self, *, customer: str | None = None, created_from: int | None = None,
        after: str | None = None,
    ) -> Page[PaymentIntent]:  # fmt: skip
        params = _list_params(created_from, after, customer=customer)
        return _page(self._get("/v1/payment_intents", params), mapping.payment_intent)

    # Events and the account

    def list_events(
        self, *, types: tuple[str, ...] = (), created_from: int | None = None,
        after: str | None = None,
    ) -> Page[Event]:  # fmt: skip
        """Stripe keeps events for 30 days and takes at most 20 types a request."""
        params = _list_params(created_from, after, types=list(types) or None)
        return _page(self._get("/v1/events", params), mapping.event)

    def account_id(self) -> str:
        return _read(lambda data: str(data["id"]), self._get("/v1/account", {}))

    def probe(self, method: str, path: str, params: Mapping[str, object]) -> None:
        """Send a request only to learn whether the key may; raises what Stripe answers."""
        self._call(method, path, params, None)

    # How every request is made

    def _get(self, path: str, params: Mapping[str, object]) -> dict[str, Any]:
        """Reads change nothing, so they may be repeated after any passing fault."""
        for attempt in stamina.retry_context(
            on=(Busy, OutcomeUnknown), attempts=5, timeout=60, wait_initial=0.3, wait_max=5.0
        ):
            with attempt:
                return self._call("get", path, params, None)
        raise AssertionError("stamina either returns or raises")

    def _post(
        self, path: str, params: Mapping[str, object], idempotency_key: str
    ) -> dict[str, Any]:
        """Writes that move no money: repeated under the same key after any passing fault."""
        for attempt in stamina.retry_context(
            on=(Busy, OutcomeUnknown), attempts=3, timeout=20, wait_initial=0.5, wait_max=3.0
        ):
            with attempt:
                return self._call("post", path, params, idempotency_key)
        raise AssertionError("stamina either returns or raises")

    def _call(
        self, method: str, path: str, params: Mapping[str, object], idempotency_key: str | None
    ) -> dict[str, Any]:
        with self._lock:
            self.requests += 1
        self._pace.wait(method, path)
        options: dict[str, Any] = {"idempotency_key": idempotency_key} if idempotency_key else {}
        try:
            with translated():
                response = self._client.raw_request(method, path, **params, **options)
        except Busy:
            self._pace.slow_down(method, path)
            raise
        data = response.data
        if not isinstance(data, dict):
            raise OutcomeUnknown(
                "Stripe's answer was not an object.", request_id=response.request_id
            )
        return data


def _list_params(created_from: int | None, after: str | None, **more: object) -> dict[str, object]:
    params: dict[str, object] = {"limit": PAGE}
    if created_from is not None:
        params["created"] = {"gte": created_from}
    if after is not None:
        params["starting_after"] = after
    return params | {name: value for name, value in more.items() if value is not None}


def _page(data: dict[str, Any], convert: Callable[[dict[str, Any]], T]) -> Page[T]:
    def page(data: dict[str, Any]) -> Page[T]:
        raw: list[dict[str, Any]] = data["data"]
        return Page(
            items=[convert(item) for item in raw],
            has_more=bool(data["has_more"]),
            last_id=raw[-1]["id"] if raw else None,
        )

    return _read(page, data)


def _read(convert: Callable[[dict[str, Any]], T], data: dict[str, Any]) -> T:
    """
    Raises:
        OutcomeUnknown: the answer lacks what it must have, so nothing can be concluded from it.
    """
    try:
        return convert(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OutcomeUnknown(f"Stripe's answer is incomplete ({type(error).__name__}).") from error


def _path(identifier: str) -> str:
    """
    Refuse ids that would change the path they are put into.

    Raises:
        InvalidInput: anything but letters, digits, underscores and dashes.
    """
    if not _ID.match(identifier):
        raise InvalidInput(f"“{identifier[:24]}” is not an id of Stripe's.", code="id_invalid")
    return identifier
