"""Every endpoint there is."""

from __future__ import annotations

from lib.practice.replies import StripeRefusal
from lib.practice.resources import (
    account,
    balance,
    charges,
    checkout_sessions,
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    webhook_endpoints,
)
from lib.practice.routing import Route

ROUTES = [
    *customers.ROUTES,
    *checkout_sessions.ROUTES,
    *setup_intents.ROUTES,
    *payment_methods.ROUTES,
    *payment_intents.ROUTES,
    *charges.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *events.ROUTES,
    *account.ROUTES,
    *balance.ROUTES,
    *webhook_endpoints.ROUTES,
]


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    segments = path.split("/")
    for route in ROUTES:
        ids = route.match(method, segments)
        if ids is not None:
            return route, ids
    raise StripeRefusal(
        404, f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs."
    )
