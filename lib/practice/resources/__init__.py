"""One module a resource: what it accepts, refuses and answers."""

from __future__ import annotations

from lib.practice.resources import (
    checkout_sessions,
    customers,
    payment_methods,
    setup_intents,
)

ROUTES = [
    *customers.ROUTES,
    *checkout_sessions.ROUTES,
    *setup_intents.ROUTES,
    *payment_methods.ROUTES,
]
