"""
Everything Onfile asks of Stripe, in Onfile's words: plain values in, dataclasses out.

Requests go through the SDK's `raw_request`: one place for rate, retry and errors, and no
StripeObject is built that nobody needs (98 ms for a page of 100 sessions).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from lib.domain.account import Account
from lib.domain.mirror import (
    Customer,
    Dispute,
    Event,
    PaymentIntent,
    PaymentMethod,
    PaymentMethodBundle,
    Refund,
    SessionBundle,
    SetupIntentBundle,
    StripeCharge,
)
from lib.domain.settlement import BalanceTransaction, Payout
from lib.domain.webhook_endpoints import WebhookEndpoint
from lib.errors import Busy, GatewayError, InvalidInput, Misconfigured, OutcomeUnknown
from lib.retries import tries
from lib.stripe_gateway import destinations, mapping
from lib.stripe_gateway.lists import (
    LISTINGS,
    PAGE,
    ListPage,
    SearchPage,
    list_params,
    of_id,
    pages,
    read,
    search_pages,
)
from lib.stripe_gateway.pace import Pace
from lib.stripe_gateway.soundness import has_half

if TYPE_CHECKING:
    from stripe import StripeClient

T = TypeVar("T")
_LONGEST_ID = 500
_READ_ATTEMPTS = 5
MOST_SAVED_ERRORS = 20
"""Of one act within a day, after which the last one is its answer."""


class StripeGateway:
    """
    Thread-safe. Every method raises leaves of lib.errors.GatewayError, nothing of the SDK's.

    Connects with the first request, and asks for the address then: loading the SDK takes longer than
    a command that sends none.
    """

    def __init__(
        self,
        api_key: str,
        address: Callable[[], str],
        *,
        max_rps: float,
        total_rps: float = 0,
        rebuild_rps: float = 0,
    ) -> None:
        self._api_key = api_key
        self._address = address
        self._client: StripeClient | None = None
        self.pace = Pace(max_rps, total=total_rps)
        self._rebuild_rps = rebuild_rps
        self._lock = threading.Lock()
        self._guard: Callable[[], None] | None = None
        self._guard_lock = threading.RLock()
        self._is_guarding = threading.local()
        self.answered_at: int | None = None
        """
        Stripe's clock at its latest answer, in Unix seconds. What it lists is compared with this and
        never with the clock of this machine, which may be wrong.
        """
        self.requests = 0
        """How many requests were sent so far."""
        self.reads = 0
        """How many of them were reads, which Stripe counts against an allowance."""

    def rebuilding(self) -> contextlib.AbstractContextManager[None]:
        """Lists are read as fast as Stripe allows: nothing is charged meanwhile, and somebody waits for it."""
        return self.pace.raised(self._rebuild_rps)

    def set_guard(self, guard: Callable[[], None]) -> None:
        """
        What must hold before anything is asked of Stripe. It may itself ask, is called until it returns
        once, and what it raises is passed on in place of the request.
        """
        self._guard = guard

    def pass_guard(self) -> None:
        """
        Have the guard answer now, before work that would only fail with the first request.

        Raises:
            GatewayError: what the guard raises.
        """
        if self._guard is None or getattr(self._is_guarding, "now", False):
            return
        with self._guard_lock:
            guard = self._guard
            if guard is None:
                return  # another thread came first
            self._is_guarding.now = True
            try:
                guard()
            finally:
                self._is_guarding.now = False
            self._guard = None

    @property
    def client(self) -> StripeClient:
        from lib.stripe_gateway.client import build_client

        with self._lock:
            if self._client is None:
                self._client = build_client(
                    self._api_key, self._address(), answered=self._was_answered
                )
            return self._client

    def _was_answered(self, at: int) -> None:
        self.answered_at = at

    def ask_time(self) -> int | None:
        """Stripe's clock now, in Unix seconds; None where its answers do not say."""
        # Whatever the key may not read: a refusal says the time, too.
        with contextlib.suppress(Misconfigured):
            self._get("/v1/events", {"limit": 1}, dict)
        return self.answered_at

    def list_page(
        self,
        type_: str,
        *,
        created_from: int | None = None,
        created_before: int | None = None,
        after: str | None = None,
        expand: Sequence[str] = (),
    ) -> ListPage[Any]:
        """
        Up to 100 objects of a type of LISTINGS, newest first.

        Args:
            expand: more than the type's own.

        Raises:
            Missing: `after` is gone; go on by time.
        """
        listing = LISTINGS[type_]
        params = list_params(
            created_from,
            after,
            created_before=created_before,
            expand=[*listing.expand, *expand] or None,
        )
        return self._get(listing.path, params, pages(listing.convert, leaves_out=True))

    # Customers

    def create_customer(self, params: Mapping[str, object], *, idempotency_key: str) -> Customer:
        return read(mapping.customer, self._post("/v1/customers", params, idempotency_key))

    def retrieve_customer(self, customer_id: str) -> Customer:
        """A deleted customer comes back with `is_deleted`, not as an error."""
        return self._get(f"/v1/customers/{_path(customer_id)}", {}, mapping.customer)

    def update_customer(
        self, customer_id: str, params: Mapping[str, object], *, idempotency_key: str
    ) -> Customer:
        """
        Raises:
            Missing: there is none, or it was deleted.
        """
        path = f"/v1/customers/{_path(customer_id)}"
        return read(mapping.customer, self._post(path, params, idempotency_key))

    def search_customers(self, query: str, *, page: str | None = None) -> SearchPage[Customer]:
        """A hundred at most, perhaps an hour behind; Refused where the account has no Search."""
        params: dict[str, object] = {"query": query, "limit": 100}
        if page is not None:
            params["page"] = page
        return self._get("/v1/customers/search", params, search_pages(mapping.customer))

    def customers_with(self, email: str) -> ListPage[Customer]:
        """The newest hundred with exactly this address."""
        params = list_params(None, None, email=email)
        return self._get("/v1/customers", params, pages(mapping.customer))

    # Checkout Sessions

    def create_session(
        self, params: Mapping[str, object], *, idempotency_key: str
    ) -> SessionBundle:
        return read(
            mapping.session_bundle, self._post("/v1/checkout/sessions", params, idempotency_key)
        )

    def retrieve_session(self, session_id: str, *, attempts: int = _READ_ATTEMPTS) -> SessionBundle:
        """With its SetupIntent and PaymentMethod, in one request; `attempts`: after passing faults."""
        return self._get(
            f"/v1/checkout/sessions/{_path(session_id)}",
            {"expand": ["setup_intent.payment_method"]},
            mapping.session_bundle,
            attempts=attempts,
        )

    def expire_session(self, session_id: str, *, idempotency_key: str) -> SessionBundle:
        return read(
            mapping.session_bundle,
            self._post_anew(f"/v1/checkout/sessions/{_path(session_id)}/expire", idempotency_key),
        )

    # SetupIntents and PaymentMethods

    def retrieve_setup_intent(self, setup_intent_id: str) -> SetupIntentBundle:
        """With its PaymentMethod, in one request."""
        return self._get(
            f"/v1/setup_intents/{_path(setup_intent_id)}",
            {"expand": ["payment_method"]},
            mapping.setup_intent_bundle,
        )

    def retrieve_payment_method(self, method_id: str) -> PaymentMethodBundle:
        """With the customer it is attached to, in one request."""
        return self._get(
            f"/v1/payment_methods/{_path(method_id)}",
            {"expand": ["customer"]},
            mapping.payment_method_bundle,
        )

    def list_payment_methods(
        self, customer_id: str, *, after: str | None = None
    ) -> ListPage[PaymentMethod]:
        """Stripe lists saved methods per customer only, and has no `created` filter for them."""
        return self._get(
            f"/v1/customers/{_path(customer_id)}/payment_methods",
            list_params(None, after),
            pages(mapping.payment_method, leaves_out=True),
        )

    def attach(self, method_id: str, *, customer_id: str, idempotency_key: str) -> PaymentMethod:
        """
        Raises:
            Refused: it is attached already, perhaps by an earlier request whose answer was an error.
        """
        data = self._post_anew(
            f"/v1/payment_methods/{_path(method_id)}/attach",
            idempotency_key,
            {"customer": customer_id},
        )
        return read(mapping.payment_method, data)

    def detach(self, method_id: str, *, idempotency_key: str) -> PaymentMethod:
        """Permanent: Stripe never lets a detached method be attached again."""
        data = self._post_anew(f"/v1/payment_methods/{_path(method_id)}/detach", idempotency_key)
        return read(mapping.payment_method, data)

    # PaymentIntents

    def create_payment_intent(
        self,
        params: Mapping[str, object],
        *,
        idempotency_key: str,
        last_look: Callable[[], None] | None = None,
    ) -> PaymentIntent:
        """
        Charge a saved method. Sent once: this method never repeats the request.

        Args:
            last_look: called right before the request leaves, after any waiting for our turn;
                what it raises is passed on, and nothing is sent.

        Raises:
            Declined: the attempt is over and no money moved; `details` holds Stripe's error.
            Refused, Misconfigured, Busy: nothing was executed.
            OutcomeUnknown: it may or may not have been executed.
        """
        data = self._call(
            "post", "/v1/payment_intents", params, idempotency_key, last_look=last_look
        )
        return read(mapping.payment_intent, data)

    def cancel_payment_intent(self, intent_id: str, *, idempotency_key: str) -> PaymentIntent:
        data = self._post_anew(f"/v1/payment_intents/{_path(intent_id)}/cancel", idempotency_key)
        return read(of_id(intent_id, mapping.payment_intent), data)

    def retrieve_payment_intent(self, intent_id: str) -> PaymentIntent:
        return self._get(
            f"/v1/payment_intents/{_path(intent_id)}",
            {"expand": ["latest_charge"]},
            of_id(intent_id, mapping.payment_intent),
        )

    def list_payment_intents(
        self,
        *,
        customer: str | None = None,
        created_from: int | None = None,
        after: str | None = None,
        expand: Sequence[str] = (),
    ) -> ListPage[PaymentIntent]:
        params = list_params(created_from, after, customer=customer, expand=list(expand) or None)
        return self._get("/v1/payment_intents", params, pages(mapping.payment_intent))

    def search_payment_intents(
        self, query: str, *, page: str | None = None, limit: int = PAGE, with_total: bool = False
    ) -> SearchPage[PaymentIntent]:
        """
        By Stripe's Search: what was made or changed a minute ago may be missing or old, an hour at worst.

        Raises:
            Refused: this account has no Search (in India, say), or Stripe does not read the query.
        """
        params: dict[str, object] = {"query": query, "limit": limit}
        if page is not None:
            params["page"] = page
        if with_total:
            params["expand"] = ["total_count"]
        return self._get("/v1/payment_intents/search", params, search_pages(mapping.payment_intent))

    # Outcomes of payments

    def create_refund(
        self,
        params: Mapping[str, object],
        *,
        idempotency_key: str,
        last_look: Callable[[], None] | None = None,
    ) -> Refund:
        """Give money back. Like `create_payment_intent` in all else."""
        data = self._call("post", "/v1/refunds", params, idempotency_key, last_look=last_look)
        return read(mapping.refund, data)

    def list_refunds(self, payment_intent: str, *, after: str | None = None) -> ListPage[Refund]:
        """Of one payment, newest first."""
        params = list_params(None, after, expand=["data.charge"], payment_intent=payment_intent)
        return self._get("/v1/refunds", params, pages(mapping.refund))

    def retrieve_charge(self, charge_id: str) -> StripeCharge:
        return self._get(f"/v1/charges/{_path(charge_id)}", {}, mapping.charge)

    def retrieve_refund(self, refund_id: str) -> Refund:
        return self._get(
            f"/v1/refunds/{_path(refund_id)}",
            {"expand": ["charge"]},
            of_id(refund_id, mapping.refund),
        )

    def retrieve_dispute(self, dispute_id: str) -> Dispute:
        return self._get(
            f"/v1/disputes/{_path(dispute_id)}", {"expand": ["charge"]}, mapping.dispute
        )

    def list_disputes(self, payment_intent: str, *, after: str | None = None) -> ListPage[Dispute]:
        """Of one payment, newest first."""
        params = list_params(None, after, expand=["data.charge"], payment_intent=payment_intent)
        return self._get("/v1/disputes", params, pages(mapping.dispute))

    # The balance

    def list_balance_transactions(
        self,
        *,
        created_from: int | None = None,
        created_before: int | None = None,
        payout: str | None = None,
        after: str | None = None,
    ) -> ListPage[BalanceTransaction]:
        """
        Newest first; `payout` names one that was made automatically.

        Raises:
            InvalidInput: the payout was made by hand, so Stripe does not say what it holds.
        """
        params = list_params(created_from, after, created_before=created_before, payout=payout)
        return self._get("/v1/balance_transactions", params, pages(mapping.balance_transaction))

    def list_payouts(self, *, created_from: int | None, after: str | None) -> ListPage[Payout]:
        params = list_params(created_from, after)
        return self._get("/v1/payouts", params, pages(mapping.payout))

    # Events and the account

    def list_events(
        self,
        *,
        types: tuple[str, ...] = (),
        created_from: int | None = None,
        after: str | None = None,
    ) -> ListPage[Event]:
        """Stripe keeps events for 30 days and takes at most 20 types a request."""
        params = list_params(created_from, after, types=list(types) or None)
        return self._get("/v1/events", params, pages(mapping.event, leaves_out=True))

    def account(self) -> Account:
        return self._get("/v1/account", {}, mapping.account)

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Those that get whole events; there are sixteen at most."""
        return self._get(
            "/v1/webhook_endpoints",
            {"limit": 100},
            lambda data: [destinations.webhook_endpoint(one) for one in data["data"]],
        )

    def event_destinations(self) -> list[WebhookEndpoint]:
        """Every destination, also those that get thin events."""
        return self._get(
            "/v2/core/event_destinations",
            {"include": ["webhook_endpoint.url"]},
            lambda data: [destinations.event_destination(one) for one in data["data"]],
        )

    @property
    def api_version(self) -> str:
        from lib.stripe_gateway.client import API_VERSION

        return API_VERSION

    def probe(self, method: str, path: str, params: Mapping[str, object]) -> None:
        """Send a request only to learn whether the key may; raises what Stripe answers."""
        self._call(method, path, params, None)

    def ask(
        self, method: str, path: str, params: Mapping[str, object], *, idempotency_key: str | None
    ) -> dict[str, Any]:
        """Any other request that moves no real money, and its answer as it came."""
        if idempotency_key is not None:
            return self._post(path, params, idempotency_key)
        if method == "get":
            return self._get(path, params, dict)
        return self._call(method, path, params, None)

    # How every request is made

    def _get(
        self,
        path: str,
        params: Mapping[str, object],
        convert: Callable[[dict[str, Any]], T],
        *,
        attempts: int = _READ_ATTEMPTS,
    ) -> T:
        """Reads change nothing, so they may be repeated after any passing fault."""
        try:
            for attempt in tries(
                on=(Busy, OutcomeUnknown),
                attempts=attempts,
                timeout=60,
                wait_initial=0.3,
                wait_max=5.0,
            ):
                with attempt:
                    return read(convert, self._call("get", path, params, None))
        except OutcomeUnknown as error:
            error.by_a_question()
            raise
        raise AssertionError("the last try either returns or raises")

    def _post(
        self, path: str, params: Mapping[str, object], idempotency_key: str
    ) -> dict[str, Any]:
        """Writes that move no money: repeated under the same key after any passing fault."""
        for attempt in tries(on=_may_pass, attempts=3, timeout=20, wait_initial=0.5, wait_max=3.0):
            with attempt:
                return self._call("post", path, params, idempotency_key)
        raise AssertionError("the last try either returns or raises")

    def _post_anew(
        self, path: str, idempotency_key: str, params: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """
        What does nothing the second time, under any key: cancel, expire, detach, attach.

        Stripe gives an error that it saved again for a day, whatever the object is by then, so after
        a saved one the key's number moves on.
        """
        number = 1
        for attempt in tries(on=_may_pass, attempts=3, timeout=20, wait_initial=0.5, wait_max=3.0):
            with attempt:
                while True:
                    try:
                        return self._call("post", path, params or {}, f"{idempotency_key}:{number}")
                    except GatewayError as error:
                        if not error.is_replayed or number == MOST_SAVED_ERRORS:
                            raise
                    number += 1
        raise AssertionError("the last try either returns or raises")

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        idempotency_key: str | None,
        *,
        last_look: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        from lib.stripe_gateway.client import body_of
        from lib.stripe_gateway.errors import translated

        self.pass_guard()
        client = self.client
        options: dict[str, Any] = {"idempotency_key": idempotency_key} if idempotency_key else {}
        with self.pace.turn(method, path):
            if last_look is not None:
                last_look()
            with self._lock:
                self.requests += 1
                self.reads += method == "get"
            try:
                with translated():
                    response = client.raw_request(method, path, **params, **options)
            except Busy as error:
                self.pace.slow_down(method, path, error.limit_reason)
                raise
        return body_of(response)


def _may_pass(error: Exception) -> bool:
    """Whether the same request may meet another answer soon; a refusal or one that was saved stays."""
    if isinstance(error, GatewayError) and (error.is_replayed or error.http_status == 400):
        return False
    return isinstance(error, (Busy, OutcomeUnknown))


def _path(identifier: str) -> str:
    """
    An id quoted for the path it is put into: an account may make its customers' ids itself.

    Raises:
        InvalidInput: an id that a path cannot hold, however it is quoted.
    """
    is_too_long = len(identifier) > _LONGEST_ID
    if identifier in ("", ".", "..") or is_too_long or has_half(identifier):
        shown = identifier[:24].encode(errors="replace").decode()
        raise InvalidInput(f"“{shown}” is not an id of Stripe's.", code="id_invalid")
    return quote(identifier, safe="")
