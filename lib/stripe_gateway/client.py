"""The SDK, set up: version, patience, and nothing that it does of its own accord."""

from __future__ import annotations

import logging

import stripe

API_VERSION = "2026-10-28.endive"
# A charge waits for the customer's bank: Stripe's own clients allow 80 s. Thirty covers all but
# the slowest banks, and what takes longer becomes `unknown` and is settled by evidence.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30


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
