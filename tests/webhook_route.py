"""Deliveries to the real webhook route, signed as Stripe signs them."""

from __future__ import annotations

import json
from typing import Any

import stripe
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib.web.routes import routes
from tests.world import World

PATH = "/webhooks/stripe"


def client_of(world: World) -> TestClient:
    """Onfile's own routes; nothing is followed, so that redirects can be looked at."""
    application = Starlette(routes=routes(lambda: world.services))
    return TestClient(application, base_url="http://onfile.test", follow_redirects=False)


def signed(body: bytes | str, secret: str, *, at: int) -> str:
    text = body.decode() if isinstance(body, bytes) else body
    return str(
        stripe.WebhookSignature.generate_signature_header(text, secret, timestamp=at)  # type: ignore[no-untyped-call]
    )


def deliver(
    world: World, event: dict[str, Any] | bytes, *, secret: str | None = None, at: int | None = None
) -> int:
    """The status that Stripe would see."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    header = signed(
        body,
        secret or world.settings.webhook_secrets[0],
        at=world.now if at is None else at,
    )
    reply = client_of(world).post(PATH, content=body, headers={"Stripe-Signature": header})
    return reply.status_code
