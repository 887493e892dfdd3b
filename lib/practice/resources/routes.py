"""Every endpoint there is."""

from __future__ import annotations

from collections import defaultdict

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
# By method and number of segments: a request looks at four routes, not at fifty.
_ALIKE: defaultdict[tuple[str, int], list[Route]] = defaultdict(list)
for _route in ROUTES:
    _ALIKE[_route.method, len(_route.segments)].append(_route)


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    segments = path.split("/")
    for route in _ALIKE.get((method, len(segments)), ()):
        ids = route.match(segments)
        if ids is not None:
            return route, ids
    raise StripeRefusal(
        404, f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs."
    )
