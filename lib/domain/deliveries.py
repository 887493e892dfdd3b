"""Webhook deliveries: their states, from the moment one is received."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    RECEIVED = "received"
    FAILED = "failed"
    """It could not be mirrored, and is tried again as long as it has a next try."""
    PROCESSED = "processed"
    IGNORED = "ignored"


UNPROCESSED_STATES = frozenset({DeliveryState.RECEIVED, DeliveryState.FAILED})
